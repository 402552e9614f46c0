"""Tell people of an incident: whom its level or its chain names, each on the first of their channels that takes it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, SecretStr

from continuity.adapters.channels import Answer, check_channel, send
from continuity.adapters.messages import write_message, write_trial
from continuity.adapters.notices import deliver
from continuity.adapters.people_files import FILE, load_people
from continuity.adapters.postgres import parse_dsn
from continuity.adapters.secrets import read_secret
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Told
from continuity.domain.notice import Notice
from continuity.domain.people import People, addressees
from continuity.errors import ConfigurationRefused
from continuity.notice_settings import NoticesSection
from continuity.settings import Environment


def announce(
    notice: Notice,
    people: People,
    environment: Environment,
    *,
    told: Sequence[Told] = (),
    patience_seconds: float | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Told, ...]:
    """Tell everybody whom a notice is for, and return every attempt. `told` is what was recorded of this incident before.

    Never raises over a channel: one that refuses, hangs or is not known comes back as an attempt with its reason, without an
    address. The last attempt of somebody whom nothing has reached carries the text. Returns within `patience_seconds`, where
    they are given; what is not known by then counts as not delivered, and may still arrive. Called twice, people read it twice.
    """
    section = environment.notices or NoticesSection()
    recipients = addressees(people, notice.message, level=notice.level, chain=notice.chain, step=notice.step, told=told)
    hidden = frozenset(_known_secrets(environment))
    messages = {
        audience: write_message(notice, audience, link=section.link or "", zone=people.zone, hidden=hidden)
        for audience in sorted({each.audience for each in recipients})
    }
    return deliver(notice, recipients, messages, section, patience_seconds=patience_seconds, clock=clock)


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A channel that somebody of the application has, and what is wrong with it; "" where nothing is."""

    name: str
    wrong: str


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Who is told of an application's incidents, and over which channels."""

    people: People
    channels: tuple[Channel, ...]
    sink: bool
    """Whether messages are written to a folder instead of being sent."""

    @property
    def wrong(self) -> tuple[Channel, ...]:
        """The channels that nothing can be sent over."""
        return tuple(each for each in self.channels if each.wrong)


def show_reach(application: ApplicationName, environment: Environment) -> Reach:
    """Tell who would be told, and which channels the environment does not have. Sends nothing.

    Raises:
        ConfigurationRefused: people.toml is wrong, or there is none.

    """
    people = _people(application, environment)
    section = environment.notices or NoticesSection()
    channels = tuple(Channel(name=name, wrong=check_channel(name, section)) for name in people.channels)
    return Reach(people=people, channels=channels, sink=section.sink is not None)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a channel has answered to a message that tries it."""

    channel: str
    answer: Answer


def try_channels(
    application: ApplicationName, environment: Environment, whom: str, *, by: str, now: datetime
) -> tuple[Trial, ...]:
    """Send a trial message over a channel, or over all channels of a role or a person, one after the other.

    Raises:
        ConfigurationRefused: nobody and nothing is called so, or people.toml is wrong.

    """
    people = _people(application, environment)
    message = write_trial(application, by=by, at=now)
    section = environment.notices or NoticesSection()
    return tuple(Trial(channel=each, answer=send(each, message, section)) for each in _channels_of(people, whom))


def _channels_of(people: People, whom: str) -> tuple[str, ...]:
    if whom in people.channels:
        return (whom,)
    if whom in people.roles:
        return tuple(dict.fromkeys(channel for each in people.recipients([whom]) for channel in each.channels))
    if whom in people.persons:
        return people.persons[whom]
    raise ConfigurationRefused(
        f"nobody and no channel is called {whom!r}",
        hint=f"Known: {', '.join([*people.roles, *people.persons, *people.channels])}.",
    )


def _people(application: ApplicationName, environment: Environment) -> People:
    people = load_people(environment.applications, application)
    if people is None:
        raise ConfigurationRefused(
            f"nobody is told of {application}'s incidents: there is no {environment.applications / application / FILE}",
            hint="Write it; docs/runbooks/notices.md says how.",
        )
    return people


def _known_secrets(environment: Environment) -> Iterator[str]:
    """Return the secrets of the environment, which no message may show whatever an error says."""
    for text in _secret_texts(environment):
        yield text
        with suppress(ConfigurationRefused):
            yield str(parse_dsn(text).get("password") or "")
    for name, place in (environment.notices.channels if environment.notices else {}).items():
        with suppress(ConfigurationRefused):
            yield read_secret(name, place)


def _secret_texts(section: BaseModel) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secret_texts(value)
