"""What is to be sent of an incident, and when: decided from its records and a timetable alone.

Four tracks, each one message after the other:

    escalated ─ wait ─ escalated …    along the chain, until somebody acknowledges
    opened                            once, to those whom the level names
    update ─ interval ─ update …      from then on until it is resolved; at once where it has become worse
    resolved                          once, to everyone who was told

Whoever is to send a message takes it first, by a record that is created once, so of several processes one sends. One that has
taken a message and not said that it is sent is taken for gone after a while, and the message is sent by another: somebody may
be told twice. That way error is safe; the other way nobody would be told at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from continuity.domain.incident import Closed, Due, MessageKind, Sent, Taken
from continuity.domain.incidents import Incident
from continuity.domain.people import People

RETAKEN_AFTER = timedelta(seconds=60)
"""How long a process may take to send a message; longer than all channels of a message are waited for."""


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """When people are told of incidents of one level and chain."""

    tells: bool = True
    """Whether anybody is told while it has this level; otherwise the report is enough."""
    waits: tuple[timedelta, ...] = ()
    """How long each step of the chain has to answer before the next one is asked."""
    repeats: bool = True
    """Whether the chain begins anew at its end."""
    updates: timedelta | None = None
    """From one update to the next; None sends none."""

    def wait(self, step: int) -> timedelta | None:
        """Return how long this step has, counted through every repetition; None where no step comes after it."""
        if step + 1 >= len(self.waits) and not self.repeats:
            return None
        return self.waits[step % len(self.waits)]


def timetable_of(people: People | None, incident: Incident) -> Timetable:
    """Return when the people of an application are told of an incident; without any, nobody is."""
    promise = people.levels.get(incident.level) if people else None
    if people is None or promise is None or promise.deadline is None:
        return Timetable(tells=False)
    chain = people.chains.get(incident.opened.chain)
    return Timetable(
        waits=tuple(step.wait for step in chain.steps) if chain else (),
        repeats=chain.repeats if chain else False,
        updates=promise.update,
    )


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message that is to be sent, from `due` on."""

    message: MessageKind
    step: int
    due: datetime
    attempt: int = 1


def next_turn(incident: Incident, timetable: Timetable, *, retaken_after: timedelta = RETAKEN_AFTER) -> Turn | None:
    """Return what is to be sent next, which may lie ahead; None where nothing is, as things stand."""
    if incident.closed:
        return None
    if incident.resolved:
        tracks: tuple[Turn | None, ...] = (Turn(message=MessageKind.RESOLVED, step=0, due=incident.resolved.at),)
    elif timetable.tells:
        # Who can act is asked before those who only hear of it.
        tracks = (_escalation(incident, timetable), _opening(incident), _update(incident))
    else:
        tracks = ()
    due = [_retaken(incident, turn, retaken_after) for turn in tracks if turn]
    return min(due, key=lambda turn: turn.due, default=None)


def after(turn: Turn, timetable: Timetable, taken: Taken) -> Sequence[Due | Sent | Closed]:
    """Return what is recorded once a message that was taken is sent: what comes next first, so that no kill leaves a gap.

    A wait counts from the taking: whoever is asked late still has the whole of it.
    """
    wait, message = None, turn.message
    match message:
        case MessageKind.RESOLVED:
            return [Closed(incident=taken.incident, at=taken.at)]
        case MessageKind.ESCALATED:
            wait = timetable.wait(turn.step)
        case MessageKind.OPENED | MessageKind.UPDATE:
            wait, message = timetable.updates, MessageKind.UPDATE
    sent = Sent(incident=taken.incident, at=taken.at, message=turn.message, step=turn.step)
    if wait is None:
        return [sent]
    return [Due(incident=taken.incident, at=taken.at, due=taken.at + wait, message=message, step=turn.step + 1), sent]


def _escalation(incident: Incident, timetable: Timetable) -> Turn | None:
    if incident.acknowledged or not timetable.waits:
        return None
    first = Turn(message=MessageKind.ESCALATED, step=0, due=_news(incident))
    return _unsent(incident, _stored(incident, MessageKind.ESCALATED) or first)


def _opening(incident: Incident) -> Turn | None:
    return _unsent(incident, Turn(message=MessageKind.OPENED, step=0, due=_news(incident)))


def _news(incident: Incident) -> datetime:
    """Return since when it is worth telling: one of which nobody was told may have become worse."""
    return max(incident.opened.noticed, incident.worse_since or incident.opened.noticed)


def _update(incident: Incident) -> Turn | None:
    told = [each for each in incident.sent if each.message in {MessageKind.OPENED, MessageKind.UPDATE}]
    if not told:
        return None
    stored, worse = _stored(incident, MessageKind.UPDATE), incident.worse_since
    if worse and worse > max(each.at for each in told):
        step = max(each.step for each in told) + 1
        stored = stored or Turn(message=MessageKind.UPDATE, step=step, due=worse)
        stored = replace(stored, due=min(stored.due, worse))
    return _unsent(incident, stored) if stored else None


def _stored(incident: Incident, message: MessageKind) -> Turn | None:
    """Return the furthest step that is stored. Where it is stored twice, the earlier word counts."""
    stored = [each for each in incident.due if each.message is message]
    if not stored:
        return None
    step = max(each.step for each in stored)
    return Turn(message=message, step=step, due=min(each.due for each in stored if each.step == step))


def _unsent(incident: Incident, turn: Turn) -> Turn | None:
    sent = any((each.message, each.step) == (turn.message, turn.step) for each in incident.sent)
    return None if sent else turn


def _retaken(incident: Incident, turn: Turn, retaken_after: timedelta) -> Turn:
    taken = [each for each in incident.taken if (each.message, each.step) == (turn.message, turn.step)]
    if not taken:
        return turn
    last = max(taken, key=lambda each: each.attempt)
    return replace(turn, due=last.at + retaken_after, attempt=last.attempt + 1)
