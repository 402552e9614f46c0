"""What an incident is now, folded from its records. Pure: whoever reads the same records says the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from continuity.domain.alerts import Level
from continuity.domain.incident import (
    Acknowledged,
    Assessed,
    Closed,
    Due,
    FollowUp,
    FollowUpDone,
    IncidentId,
    IncidentRecord,
    LevelChanged,
    Linked,
    Opened,
    Remark,
    Resolved,
    Sent,
    Taken,
    Told,
)

_RANKS = (Level.LOW, Level.MEDIUM, Level.HIGH, Level.CRITICAL)
R = TypeVar("R")
E = TypeVar("E", Acknowledged, Resolved)


class State(StrEnum):
    """Whether somebody is at it."""

    OPEN = "open"
    """Nobody has answered yet."""
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True)
class FollowedUp:
    """A follow-up, and whether it is done."""

    follow_up: FollowUp
    done: FollowUpDone | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the timeline."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Incident:
    """An incident as it is now. Of several acknowledgements and endings the first counts; of levels the newest."""

    opened: Opened
    level: Level
    worse_since: datetime | None
    """When it was last found worse than it was taken for."""
    acknowledged: Acknowledged | None
    resolved: Resolved | None
    closed: bool
    """Whether nothing more is due of it."""
    told: tuple[Told, ...]
    due: tuple[Due, ...]
    taken: tuple[Taken, ...]
    sent: tuple[Sent, ...]
    linked: tuple[Linked, ...]
    assessed: Assessed
    """Each field as its newest word has it; None where nobody has said."""
    follow_ups: tuple[FollowedUp, ...]
    timeline: tuple[Line, ...]
    """What happened, oldest first; what runs did is in their journals."""

    @property
    def id(self) -> IncidentId:
        """Under which it is known."""
        return self.opened.incident

    @property
    def state(self) -> State:
        """Whether somebody is at it."""
        if self.resolved:
            return State.RESOLVED
        return State.ACKNOWLEDGED if self.acknowledged else State.OPEN

    @property
    def refers(self) -> frozenset[str]:
        """The alerts and runs that belong to it."""
        return frozenset(filter(None, (self.opened.refers, *(each.refers for each in self.linked))))

    @property
    def open_follow_ups(self) -> tuple[FollowUp, ...]:
        """What is still to be done so that it does not happen again, the earliest due first."""
        left = [each.follow_up for each in self.follow_ups if each.done is None]
        return tuple(sorted(left, key=lambda each: (each.due, each.name)))

    def lasted(self, now: datetime) -> timedelta:
        """Return for how long it has lasted: until its end, or until now. Never negative, whatever clocks say."""
        return max(timedelta(), (self.resolved.ended if self.resolved else now) - self.opened.began)


def fold(records: Sequence[IncidentRecord]) -> Incident | None:
    """Return what the records of one incident come to; None where its opening is not among them."""
    opened = next(_of(Opened, records), None)
    if opened is None:
        return None
    levels = sorted(_of(LevelChanged, records), key=lambda each: each.at)
    done = {each.name: each for each in sorted(_of(FollowUpDone, records), key=lambda each: each.at, reverse=True)}
    named = {each.name: each for each in sorted(_of(FollowUp, records), key=lambda each: (each.at, each.name))}
    return Incident(
        opened=opened,
        level=levels[-1].level if levels else opened.level,
        worse_since=_worse_since(opened.level, levels),
        acknowledged=_first(_of(Acknowledged, records)),
        resolved=_first(_of(Resolved, records)),
        closed=next(_of(Closed, records), None) is not None,
        told=tuple(sorted(_of(Told, records), key=lambda each: each.at)),
        due=tuple(_of(Due, records)),
        taken=tuple(_of(Taken, records)),
        sent=tuple(_of(Sent, records)),
        linked=tuple(sorted(_of(Linked, records), key=lambda each: each.at)),
        assessed=_assessed(opened, _of(Assessed, records)),
        follow_ups=tuple(FollowedUp(follow_up=each, done=done.get(each.name)) for each in named.values()),
        timeline=_timeline(opened, records),
    )


def worse(one: Level, other: Level) -> bool:
    """Whether a level is worse than another."""
    return _RANKS.index(one) > _RANKS.index(other)


def in_order(incidents: Iterable[Incident]) -> list[Incident]:
    """Put those first that are not resolved, the worst of them before the others; then the newest."""
    newest = sorted(incidents, key=lambda each: each.opened.began, reverse=True)
    return sorted(newest, key=lambda each: (each.resolved is not None, 0 if each.resolved else -_RANKS.index(each.level)))


def _of(kind: type[R], records: Iterable[IncidentRecord]) -> Iterator[R]:
    return (each for each in records if isinstance(each, kind))


def _first(records: Iterable[E]) -> E | None:
    return min(records, key=lambda each: each.at, default=None)


def _worse_since(level: Level, changes: Iterable[LevelChanged]) -> datetime | None:
    since = None
    for change in changes:
        if worse(change.level, level):
            since = change.at
        level = change.level
    return since


def _assessed(opened: Opened, said: Iterable[Assessed]) -> Assessed:
    """Put the newest word on each field together; lists are replaced as a whole."""
    whole = Assessed(incident=opened.incident, at=opened.noticed, by="")
    for each in sorted(said, key=lambda each: each.at):
        given = {field.name: getattr(each, field.name) for field in fields(each)}
        whole = replace(whole, **{name: value for name, value in given.items() if value not in (None, ())})
    return whole


def _timeline(opened: Opened, records: Iterable[IncidentRecord]) -> tuple[Line, ...]:
    first = [Line(at=opened.noticed, by=opened.by, text=f"opened as {opened.level}: {opened.title}")]
    if opened.began < opened.noticed:
        first.insert(0, Line(at=opened.began, by="", text="began"))
    rest = [line for each in records if (line := _line(each)) is not None]
    return tuple(sorted([*first, *rest], key=lambda line: (line.at, line.text)))


def _line(record: IncidentRecord) -> Line | None:
    by, text = "", ""
    match record:
        case LevelChanged():
            by, text = record.by, f"level is {record.level}: {record.because}"
        case Remark():
            by, text = record.by, record.text
        case Linked():
            text = f"{record.origin} {record.refers} belongs to it"
        case Told():
            because = f": {record.because}" if record.because else ""
            told = "told" if record.delivered else "could not tell"
            text = f"{record.message}: {told} {record.to} by {record.channel}{because}"
        case Acknowledged():
            by, text = record.by, f"acknowledged by {record.via}"
        case Resolved():
            by, text = record.by, f"resolved: {record.because}"
        case FollowUp():
            by, text = record.owner, f"follow-up {record.name}, due {record.due}: {record.what}"
        case FollowUpDone():
            by, text = record.by, f"follow-up {record.name} is done"
        case _:
            return None
    return Line(at=record.at, by=by, text=text)
