"""Who is told what of an incident, and who is asked in turn until somebody answers: an application's own word, as data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain, MessageKind, Told


class Audience(StrEnum):
    """Whose words a message is written in."""

    OPERATORS = "operators"
    """Those who act: facts, and the commands."""
    STAKEHOLDERS = "stakeholders"
    """Those who answer to others: what it means, and when they hear again."""


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """A person or a role with channels of its own. The next channel is for when the one before has refused."""

    name: str
    audience: Audience
    channels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Role:
    """What somebody is to the application: whoever holds it, and the channels that belong to the role itself."""

    name: str
    audience: Audience
    channels: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a level promises: whom it tells, by when, and how often again."""

    roles: tuple[str, ...]
    deadline: timedelta | None
    """By when a message has to have arrived, from the moment the incident was noticed; None: the weekly report is enough."""
    update: timedelta | None = None
    """How often those who were told are told again; None where nobody waits for it."""
    wakes: bool = False
    """Whether its first message and its escalation go over the channels that wake people."""


@dataclass(frozen=True, kw_only=True)
class ChainStep:
    """Whom the escalation asks, and how long it waits for an answer."""

    role: str
    wait: timedelta


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """The steps of a chain. One that repeats begins anew after its last step."""

    steps: tuple[ChainStep, ...]
    repeats: bool = True


@dataclass(frozen=True, kw_only=True)
class People:
    """Everybody who may be told of an application, the promises by level, and the four chains."""

    application: ApplicationName
    persons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Channels by person."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    levels: Mapping[Level, Promise] = field(default_factory=dict)
    chains: Mapping[Chain, Escalation] = field(default_factory=dict)
    waking: tuple[str, ...] = ()
    """Channels that wake people, left to levels that say so."""
    zone: tzinfo = UTC
    """Whose time of day messages say, beside UTC."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that somebody has, by name."""
        of_roles = (channel for role in self.roles.values() for channel in role.channels)
        of_persons = (channel for channels in self.persons.values() for channel in channels)
        return tuple(sorted({*of_roles, *of_persons}))

    def step(self, chain: Chain, number: int) -> ChainStep | None:
        """Return the step of this number, counted from 0 through every repetition; None where the chain has ended."""
        escalation = self.chains[chain]
        count = len(escalation.steps)
        if number >= count and not escalation.repeats:
            return None
        return escalation.steps[number % count]

    def recipients(self, roles: Iterable[str]) -> tuple[Recipient, ...]:
        """Return everybody who holds one of these roles, once each; a person who both acts and answers gets the facts."""
        found: dict[str, Recipient] = {}
        for role in (self.roles[name] for name in roles):
            for recipient in self._holders(role):
                known = found.get(recipient.name)
                if known is None or (known.audience, recipient.audience) == (Audience.STAKEHOLDERS, Audience.OPERATORS):
                    found[recipient.name] = recipient
        return tuple(found.values())

    def _holders(self, role: Role) -> Iterable[Recipient]:
        if role.channels:
            yield Recipient(name=role.name, audience=role.audience, channels=role.channels)
        for person in role.persons:
            yield Recipient(name=person, audience=role.audience, channels=self.persons[person])


def addressees(
    people: People, message: MessageKind, *, level: Level, chain: Chain, step: int = 0, told: Sequence[Told] = ()
) -> tuple[Recipient, ...]:
    """Return whom a message is for, each with the channels to try in order. `told` is what was sent of this incident before.

    An escalation goes to its step. That an incident is open, to those whom its level names and nothing has reached yet; where the
    level is for the weekly report, to nobody. An update and the end go to everybody who was told before, whatever has become of
    the level or of the file since, and an update to those whom the level names too. Nobody is woken for news of what they know.
    """
    promise = people.levels.get(level)
    wakes = promise is not None and promise.wakes
    if message is MessageKind.ESCALATED:
        asked = people.step(chain, step)
        return _first_told(people, people.recipients([asked.role]) if asked else (), wakes=wakes)
    named = people.recipients(promise.roles) if promise and promise.deadline is not None else ()
    if message is MessageKind.OPENED:
        reached = {each.to for each in told if each.delivered}
        return _first_told(people, [each for each in named if each.name not in reached], wakes=wakes)
    earlier = tuple(_quietly(people, each) for each in _told_before(people, told))
    if message is MessageKind.RESOLVED:
        return earlier
    known = {each.name for each in earlier}
    return (*earlier, *_first_told(people, [each for each in named if each.name not in known], wakes=wakes))


def undelivered(told: Iterable[Told]) -> tuple[Told, ...]:
    """Return the messages that nobody has taken, with their texts, of those whom nothing has reached since."""
    lost: dict[str, Told] = {}
    for each in told:
        if each.delivered:
            lost.pop(each.to, None)
        elif each.text:
            lost[each.to] = each
    return tuple(lost.values())


def _first_told(people: People, recipients: Iterable[Recipient], *, wakes: bool) -> tuple[Recipient, ...]:
    return tuple(each if wakes else _quietly(people, each) for each in recipients)


def _quietly(people: People, recipient: Recipient) -> Recipient:
    """Leave out the channels that wake people, unless there is no other."""
    quiet = tuple(channel for channel in recipient.channels if channel not in people.waking)
    return replace(recipient, channels=quiet or recipient.channels)


def _told_before(people: People, told: Sequence[Told]) -> Iterable[Recipient]:
    """Return those who were told before, on the channels that they have today, or else on those that were used then."""
    today = {each.name: each for each in people.recipients(people.roles)}
    then: dict[str, dict[str, None]] = {}
    for each in told:
        then.setdefault(each.to, {})[each.channel] = None
    for each in {each.to: each for each in told}.values():
        known = today.get(each.to)
        # In the words of the newest message: whoever was asked as an operator goes on with the facts.
        yield Recipient(
            name=each.to, audience=Audience(each.audience), channels=known.channels if known else tuple(then[each.to])
        )
