"""Decides an emergency rollback: which steps in which order. Pure: what is observed is handed in."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from continuity.domain.application import Application
from continuity.domain.builds import BUILD, ReleaseBuild
from continuity.domain.choice import Chosen
from continuity.domain.given_out import GivenOut, given_out_steps
from continuity.domain.live import LiveState
from continuity.domain.plan import TAKES_OVER, Plan, PlannedStep, Verb
from continuity.domain.proof import proof_steps
from continuity.domain.recovery_point import KeptDatabase, Manifest
from continuity.domain.swap import mark_of, replaced_name, restoring_name, shadow_name, swap_steps
from continuity.domain.traffic import (
    flag_steps,
    release_steps,
    rollout_steps,
    start_steps,
    stop_steps,
    wait_step,
)
from continuity.domain.workloads import WorkloadState
from continuity.errors import UnsafeOperation


class Scope(StrEnum):
    """How much goes back."""

    EVERYTHING = "everything"
    APPLICATION = "application"
    DATABASE = "database"


class Order(StrEnum):
    """Whether the application is stopped before the database is restored, or only for the swap."""

    STOP_FIRST = "stop-first"
    PREPARE_FIRST = "prepare-first"


@dataclass(frozen=True, kw_only=True)
class Warm:
    """A proven restore that a drill has kept and closed: going back to its point is the swap alone."""

    kept: KeptDatabase
    drilled: datetime
    verdict: str

    @property
    def name(self) -> str:
        """The name under which it is kept."""
        return self.kept.name

    @property
    def oid(self) -> int:
        """Its OID: under the same name another database is not it."""
        return self.kept.oid

    def __str__(self) -> str:
        return f"database {self.name} (OID {self.oid}), {self.verdict} by the drill of {self.drilled:%Y-%m-%d %H:%M} UTC"


def plan_rollback(  # noqa: PLR0913 -- everything that a rollback is decided by
    application: Application,
    live: LiveState,
    chosen: Chosen,
    *,
    scope: Scope,
    order: Order,
    options: dict[str, str],
    now: datetime,
    given_out: GivenOut | None = None,
    warm: Warm | None = None,
    pooled: bool = False,
    url: str = "",
    release: Sequence[WorkloadState] | None = None,
    build: ReleaseBuild | None = None,
) -> Plan:
    """Plan to go back to a point: stop, bring the database up beside the live one, judge, release, swap, start, prove.

    A warm database is swapped as it is. Behind a pooler (`pooled`) its clients are let through after the swap. `url` is
    where users reach the application: without it nobody is asked how it is. `release` is what goes back instead of all that
    the point has recorded; `build` gives the images that the point does not know by digest.

    Raises:
        UnsafeOperation: the point lacks what the scope asks for.

    """
    manifest = chosen.point.manifest
    prepare, swap = _database_steps(live, manifest, warm, pooled=pooled) if scope is not Scope.APPLICATION else ((), ())
    if given_out and swap:
        prepare += given_out_steps(application, given_out, live.arguments, shadow=swap[0].arguments["shadow"])
    restored = _release_steps(live, manifest, release, build) if scope is not Scope.DATABASE else ()
    pulls = tuple(step for step in restored if step.kind in {BUILD, "pull the image"})
    back = tuple(step for step in restored if step not in pulls)
    if scope is Scope.APPLICATION:
        if not back:
            raise UnsafeOperation(f"{manifest.id} knows no release to go back to", hint="Choose another point, or another scope.")
        # Once the former release is set, a check that fails must not bring the bad one back.
        back = (*back[:-1], replace(back[-1], pivot=True))
    # A new release alone rolls out while the application serves; a held one, and a swap, need everything stopped.
    stops = scope is not Scope.APPLICATION or live.held is not None
    stop = stop_steps(live.workloads, live.arguments, live.held) if stops else ()
    sure = (wait_step("make sure that nobody is left", live.workloads, live.arguments),) if stop and swap else ()
    start = start_steps(live.workloads) if stop else rollout_steps(live.workloads)
    point = {"point": manifest.id, "dump_sha256": manifest.dump.sha256} if swap else None
    proof = proof_steps(application, url, point)
    first = (*stop, *prepare) if order is Order.STOP_FIRST else (*prepare, *stop)
    targets = {"recovery point": f"{manifest.id}, of {_when(manifest)}, sha256 {manifest.dump.sha256}"}
    if warm is not None and swap:
        targets["warm"] = f"{warm}, closed since: nothing is restored"
    return Plan(
        application=application.name,
        verb=Verb.ROLLBACK,
        created=now,
        targets=live.targets_taken_over | targets,
        steps=(*pulls, *first, *back, *sure, *swap, *start, *proof),
        point=manifest.id,
        options=options | ({TAKES_OVER: live.held.run} if live.held else {}),
    )


def _database_steps(
    live: LiveState, manifest: Manifest, warm: Warm | None, *, pooled: bool
) -> tuple[tuple[PlannedStep, ...], tuple[PlannedStep, ...]]:
    """Return the steps that prepare the database beside the live one, and the swap."""
    mark = mark_of(live.system_identifier, live.oid, manifest.dump.sha256)
    shadow = warm.name if warm else shadow_name(live.database, mark)
    database = live.arguments | {"shadow": shadow, "replaced": replaced_name(live.database, mark)}
    if warm is not None:
        database |= {"shadow_oid": warm.oid, "verdict": warm.verdict}
        database["activity"] = [asdict(each) for each in warm.kept.activity]
    swap = swap_steps("swap the databases", live, database, pooled=pooled)
    if warm is not None:
        return (), swap
    point = {"point": manifest.id, "dump_sha256": manifest.dump.sha256, "shadow": shadow}
    restore = PlannedStep(
        name="restore the point",
        kind="restore the shadow",
        target=f"database {shadow}, new, beside {live.database}",
        arguments=point | {"restoring": restoring_name(live.database, mark)},
    )
    judge = PlannedStep(name="judge the restore", kind="judge the shadow", target=f"database {shadow}", arguments=point)
    return (restore, judge), swap


def _release_steps(
    live: LiveState, manifest: Manifest, release: Sequence[WorkloadState] | None, build: ReleaseBuild | None
) -> tuple[PlannedStep, ...]:
    if not live.workloads or manifest.workloads is None:
        return ()
    states = manifest.workloads.states if release is None else release
    return (*release_steps(live.workloads, states, build), *flag_steps(manifest.flags))


def _when(manifest: Manifest) -> str:
    return f"{manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC"
