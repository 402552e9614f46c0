"""`people.toml` beside application.toml: who is told what, and along which chains an incident is escalated."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain
from continuity.domain.people import Audience, ChainStep, Escalation, People, Promise, Role
from continuity.errors import ConfigurationRefused
from continuity.sections import Section, parse, read_toml

FILE = "people.toml"

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9 .-]{0,39}$")]
_Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
_Minutes = Annotated[float, Field(gt=0, le=31 * 24 * 60)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError("this machine knows no such time zone; names are like Europe/Paris") from error
    return name


class _Person(Section):
    name: _Name
    channels: Annotated[tuple[_Channel, ...], Field(min_length=1)]


class _Role(Section):
    name: _Name
    reads: Audience
    channels: tuple[_Channel, ...] = ()
    persons: tuple[_Name, ...] = ()

    @model_validator(mode="after")
    def _somebody_has_it(self) -> Self:
        if not (self.channels or self.persons):
            raise ValueError(f"nobody has the role {self.name!r}: give it `persons`, or `channels` of its own")
        return self


class _Level(Section):
    roles: Annotated[tuple[_Name, ...], Field(min_length=1)]
    deadline_minutes: _Minutes | None = None
    update_minutes: _Minutes | None = None
    wakes: bool = False

    @model_validator(mode="after")
    def _told_or_reported(self) -> Self:
        if self.deadline_minutes is None and (self.update_minutes is not None or self.wakes):
            raise ValueError("without `deadline_minutes` it is told in the weekly report alone, and neither wakes nor updates")
        return self


class _Step(Section):
    role: _Name
    wait_minutes: _Minutes


class _Chain(Section):
    steps: Annotated[tuple[_Step, ...], Field(min_length=1)]
    repeats: bool = True


class _PeopleFile(Section):
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    waking: tuple[_Channel, ...] = ()
    person: tuple[_Person, ...] = ()
    role: Annotated[tuple[_Role, ...], Field(min_length=1)]
    level: dict[Level, _Level]
    chain: dict[Chain, _Chain]

    def wrong(self) -> Iterator[str]:
        """Tell every name that is missing, given twice, or that nothing would ever come to."""
        roles, persons = [each.name for each in self.role], [each.name for each in self.person]
        channels = {channel for role in self.role for channel in role.channels}
        channels |= {channel for person in self.person for channel in person.channels}
        for name, count in Counter(roles + persons).items():
            if count > 1:
                yield f"{name!r} is the name of {count} roles or persons"
        for role in self.role:
            yield from _missing(f"role {role.name!r}", "person", role.persons, persons)
        asked: set[str] = set()
        for level, promise in self.level.items():
            asked.update(promise.roles)
            yield from _missing(f"level {level}", "role", promise.roles, roles)
        for chain, each in self.chain.items():
            steps = [step.role for step in each.steps]
            asked.update(steps)
            yield from _missing(f"chain {chain}", "role", steps, roles)
        yield from (f"there is no level {level}" for level in Level if level not in self.level)
        yield from (f"there is no chain {chain}" for chain in Chain if chain not in self.chain)
        yield from (
            f"no level and no chain names the role {name!r}: it would never be told" for name in roles if name not in asked
        )
        holders = {name for role in self.role for name in role.persons}
        yield from (f"the person {name!r} has no role, and would never be told" for name in persons if name not in holders)
        yield from _missing("waking", "channel", self.waking, channels)

    def people(self, application: ApplicationName) -> People:
        """Return it for an application."""
        return People(
            application=application,
            persons={each.name: each.channels for each in self.person},
            roles={
                each.name: Role(name=each.name, audience=each.reads, channels=each.channels, persons=each.persons)
                for each in self.role
            },
            levels={
                level: Promise(
                    roles=each.roles,
                    deadline=_minutes(each.deadline_minutes),
                    update=_minutes(each.update_minutes),
                    wakes=each.wakes,
                )
                for level, each in self.level.items()
            },
            chains={
                chain: Escalation(
                    steps=tuple(ChainStep(role=step.role, wait=timedelta(minutes=step.wait_minutes)) for step in each.steps),
                    repeats=each.repeats,
                )
                for chain, each in self.chain.items()
            },
            waking=self.waking,
            zone=ZoneInfo(self.timezone),
        )


def load_people(folder: Path, name: str) -> People | None:
    """Read who is told of an application, or None where it does not say: then nobody is.

    Raises:
        ConfigurationRefused: the file is wrong; every name that is missing or never told is in the detail.

    """
    path = folder / name / FILE
    if not path.exists():
        return None
    content = parse(_PeopleFile, read_toml(path), source=path)
    if wrong := list(content.wrong()):
        raise ConfigurationRefused(
            f"{path} has {len(wrong)} error{'s' if len(wrong) > 1 else ''}: {wrong[0]}",
            detail="\n".join(wrong),
            hint="Mend the names given above; nothing was changed.",
        )
    return content.people(ApplicationName(name))


def _missing(where: str, what: str, named: Iterable[str], known: Collection[str]) -> Iterator[str]:
    for name in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            yield f"{where} names the {what} {name!r}, which is not there" + (f"; did you mean {near[0]!r}?" if near else "")


def _minutes(minutes: float | None) -> timedelta | None:
    return None if minutes is None else timedelta(minutes=minutes)
