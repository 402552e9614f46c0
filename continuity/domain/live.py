"""An application as it is now, by identities: what plans are made for, and what their steps compare with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from continuity.domain.activity import TableActivity
from continuity.domain.plan import Facts
from continuity.domain.run import EntryKind, History, RunId
from continuity.domain.workloads import WorkloadState

CLOSE_NAME = "close the database"
"""The step by which a hold stops an application of which no workload is known."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a hold has stopped, as it was before: a plan that takes it over goes back to that, never to zero."""

    run: RunId
    replicas: Mapping[str, int] = field(default_factory=dict)
    scalers: Mapping[str, Sequence[Facts]] = field(default_factory=dict)
    closed: bool = False
    """Whether the database was closed, since there was no workload to stop."""


def held_by(history: History) -> Held:
    """Read from a hold's journal what it has stopped."""
    done = [entry.facts for entry in history.entries if entry.kind is EntryKind.DONE]
    return Held(
        run=history.entries[0].run,
        replicas={workload_of(facts): facts["replicas"] for facts in done if "replicas" in facts},
        scalers={workload_of(facts): facts["scalers"] for facts in done if "scalers" in facts},
        closed=any(entry.step == CLOSE_NAME for entry in history.entries if entry.kind is EntryKind.DONE),
    )


def workload_of(facts: Facts) -> str:
    """Return the workload that facts name."""
    return f"{facts['namespace']}/{facts['workload']}"


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """The application as it is now: its database, its workloads, and the hold that is in force."""

    database: str
    oid: int
    system_identifier: str
    size_bytes: int
    sessions: tuple[str, ...] = ()
    activity: tuple[TableActivity, ...] = ()
    cluster_uid: str = ""
    workloads: tuple[WorkloadState, ...] = ()
    held: Held | None = None

    @property
    def in_words(self) -> str:
        """Name the database by its identity."""
        return f"database {self.database} (OID {self.oid})"

    @property
    def arguments(self) -> dict[str, object]:
        """Return the identities that steps on the live database compare with."""
        return {"system_identifier": self.system_identifier, "live": self.database, "live_oid": self.oid}

    @property
    def targets(self) -> dict[str, str]:
        """Name everything that a plan acts on, by identity."""
        targets = {"server": f"system identifier {self.system_identifier}", "database": self.in_words}
        if self.cluster_uid:
            targets["cluster"] = f"uid {self.cluster_uid}"
        for state in self.workloads:
            runs = [image.pinned or image.reference for image in state.images if image.container in state.ref.containers]
            targets[f"workload {state.ref.name}"] = f"deployment {state.ref} (uid {state.uid}), runs {', '.join(runs)}"
        return targets

    @property
    def targets_taken_over(self) -> dict[str, str]:
        """Name the same for a plan that takes over the hold in force, where there is one."""
        return self.targets | ({"hold": f"{self.held.run} is taken over"} if self.held else {})
