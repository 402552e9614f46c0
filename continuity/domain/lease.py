"""Who holds an application: one object in the vault, renewed while its holder lives."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from continuity.domain.application import ApplicationName


class Purpose(StrEnum):
    """What is held. A backup and a change do not exclude each other by the lease: an emergency cannot wait for a dump."""

    BACKUP = "backup"
    REHEARSAL = "rehearsal"
    CHANGE = "change"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """One process. `machine` tells machines and their boots apart, `process` one process from a later one of its number."""

    machine: str
    host: str
    pid: int
    process: str
    actor: str

    def __str__(self) -> str:
        return f"{self.actor}'s process {self.pid} on {self.host}"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Who holds an application, for which run. `epoch` rises with every holder, `beat` with every renewal."""

    application: ApplicationName
    purpose: Purpose
    epoch: int
    beat: int
    nonce: str
    """Distinct in every acquisition, so that a holder knows its own writes."""
    run: str
    holder: Holder
    since: datetime
    released: datetime | None = None
    journal: str = ""
    """The newest run that may have written a journal. Runs exclude each other, so only this one can be open."""
    hold: str = ""
    """The run that stopped the application and has not been released or taken over."""

    def __str__(self) -> str:
        return f"{self.run}, held by {self.holder} since {self.since:%Y-%m-%d %H:%M:%S} UTC"
