"""`people.toml` beside application.toml: who is told what, and along which chains an incident is escalated."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain
from continuity.domain.people import Audience, ChainStep, Escalation, People, Promise, Role
from continuity.sections import Section, parse, read_toml

FILE = "people.toml"
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9 -]{0,39}$")]
_Names = tuple[_Name, ...]
_Minutes = Annotated[float, Field(gt=0, le=31 * 24 * 60)]


class _Person(Section):
    name: _Name
    channels: Annotated[_Names, Field(min_length=1)]


class _Role(Section):
    name: _Name
    reads: Audience
    channels: _Names = ()
    persons: _Names = ()


class _Level(Section):
    roles: Annotated[_Names, Field(min_length=1)]
    deadline_minutes: _Minutes | None = None
    update_minutes: _Minutes | None = None


class _Step(Section):
    role: _Name
    wait_minutes: _Minutes


class _Chain(Section):
    steps: Annotated[tuple[_Step, ...], Field(min_length=1)]
    repeats: bool = True


class _PeopleFile(Section):
    person: tuple[_Person, ...] = ()
    role: Annotated[tuple[_Role, ...], Field(min_length=1)]
    level: dict[Level, _Level]
    chain: dict[Chain, _Chain]


def load_people(folder: Path, name: str) -> People | None:
    """Read who is told of an application, or None where it does not say: then nobody is.

    Raises:
        ConfigurationRefused: the file is wrong.

    """
    path = folder / name / FILE
    if not path.exists():
        return None
    content = parse(_PeopleFile, read_toml(path), source=path)
    return People(
        application=ApplicationName(name),
        persons={each.name: each.channels for each in content.person},
        roles={
            each.name: Role(name=each.name, audience=each.reads, channels=each.channels, persons=each.persons)
            for each in content.role
        },
        levels={
            level: Promise(roles=each.roles, deadline=_minutes(each.deadline_minutes), update=_minutes(each.update_minutes))
            for level, each in content.level.items()
        },
        chains={
            chain: Escalation(
                steps=tuple(ChainStep(role=step.role, wait=timedelta(minutes=step.wait_minutes)) for step in each.steps),
                repeats=each.repeats,
            )
            for chain, each in content.chain.items()
        },
    )


def _minutes(minutes: float | None) -> timedelta | None:
    return None if minutes is None else timedelta(minutes=minutes)
