"""The phases in which an application was built, as its owner describes them: what each has brought, and takes along."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NewType

from continuity.errors import ConfigurationRefused

PhaseName = NewType("PhaseName", str)  # "booking"


@dataclass(frozen=True, kw_only=True)
class PhaseCode:
    """Files of the application's repository, and the ref at which they were as they are to be again.

    A folder stands for all files below it. What did not exist at `ref` goes.
    """

    ref: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PhaseService:
    """What a workload runs without the phase: another image by digest in one container, or so many replicas."""

    workload: str
    """Its namespace and name, as `blottr/blottr-app`."""
    container: str = ""
    image: str = ""
    replicas: int | None = None


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase. Tables and columns are written as in SQL, with their schema: `public.users.phone`."""

    name: PhaseName
    title: str = ""
    flags: tuple[str, ...] = ()
    """Flags that are switched off, so that the application hides the phase before anything of it goes."""
    code: PhaseCode | None = None
    services: tuple[PhaseService, ...] = ()
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    """Prefixes of the media bucket."""

    def __str__(self) -> str:
        return f"{self.name} ({self.title})" if self.title else self.name


def find_phase(phases: Sequence[Phase], name: str) -> Phase:
    """Return a phase by its name.

    Raises:
        ConfigurationRefused: there is none of that name; the known ones and the nearest are named.

    """
    known = [phase.name for phase in phases]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise ConfigurationRefused(
            f"no phase {name!r}" + (f", did you mean {near[0]!r}?" if near else ""),
            hint=f"Known: {', '.join(known)}." if known else "Describe phases in phases.toml beside application.toml.",
        )
    return next(phase for phase in phases if phase.name == name)
