"""Decides an emergency rollback, and how it is undone: which steps in which order. Pure: what is observed is handed in."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from continuity.domain.application import Application
from continuity.domain.builds import BUILD, ReleaseBuild
from continuity.domain.choice import Chosen
from continuity.domain.live import LiveState
from continuity.domain.plan import TAKES_OVER, Facts, Plan, PlanHash, PlannedStep, Verb
from continuity.domain.proof import plan_health, plan_proof
from continuity.domain.recovery_point import KeptDatabase, Manifest
from continuity.domain.run import EntryKind, History, RunId
from continuity.domain.swap import replaced_name, restoring_name, shadow_name, undone_name
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
    proof = _proof_steps(application, url, point)
    first = (*stop, *prepare) if order is Order.STOP_FIRST else (*prepare, *stop)
    targets = {"recovery point": f"{manifest.id}, of {_when(manifest)}, sha256 {manifest.dump.sha256}"}
    if warm is not None and swap:
        targets["warm"] = f"{warm}, closed since: nothing is restored"
    return Plan(
        application=application.name,
        verb=Verb.ROLLBACK,
        created=now,
        targets=live.targets | targets,
        steps=(*pulls, *first, *back, *sure, *swap, *start, *proof),
        point=manifest.id,
        options=options | ({TAKES_OVER: live.held.run} if live.held else {}),
    )


def plan_undo(
    application: Application,
    live: LiveState,
    run: RunId,
    history: History,
    *,
    options: dict[str, str],
    now: datetime,
    pooled: bool = False,
    url: str = "",
) -> Plan:
    """Plan to take a finished run back: the database that it replaced is kept, closed, and has not changed since.

    Raises:
        UnsafeOperation: the run has changed nothing, or what it brought up is no longer live.

    """
    done = [entry for entry in history.entries if entry.kind is EntryKind.DONE]
    swapped = next((entry.facts for entry in done if "replaced" in entry.facts), None)
    release = tuple(_former_release(entry.step, dict(entry.facts)) for entry in done if "former images" in entry.facts)
    flags = tuple(_former_flags(entry.step, dict(entry.facts)) for entry in done if "former" in entry.facts)
    if swapped is None and not release:
        raise UnsafeOperation(f"{run} has changed nothing that lasts", detail="Nothing was changed.", hint="There is no undo.")
    swap: tuple[PlannedStep, ...] = ()
    targets = live.targets
    if swapped is not None:
        swap = _swap_back(live, run, dict(swapped), pooled=pooled)
        targets["takes its place"] = f"database {swapped['replaced']} (OID {swapped['live_oid']}), closed since {run}"
    stop = stop_steps(live.workloads, live.arguments, live.held)
    return Plan(
        application=application.name,
        verb=Verb.UNDO,
        created=now,
        targets=targets,
        steps=(*stop, *release, *flags, *swap, *start_steps(live.workloads), *_proof_steps(application, url, None)),
        options=options | ({TAKES_OVER: live.held.run} if live.held else {}),
    )


def _proof_steps(application: Application, url: str, point: Facts | None) -> tuple[PlannedStep, ...]:
    """Ask for the application's health first, as part of the immediate stage; then all that the later stages look at.

    One without `[health]` is not asked: the address of the environment may be another application's.
    """
    health = (plan_health(application, url),) if url and application.health else ()
    return (*health, *plan_proof(application, url=url, point=point))


def _database_steps(
    live: LiveState, manifest: Manifest, warm: Warm | None, *, pooled: bool
) -> tuple[tuple[PlannedStep, ...], tuple[PlannedStep, ...]]:
    """Return the steps that prepare the database beside the live one, and the swap."""
    mark = _mark(live.system_identifier, live.oid, manifest.dump.sha256)
    shadow = warm.name if warm else shadow_name(live.database, mark)
    database = live.arguments | {"shadow": shadow, "replaced": replaced_name(live.database, mark)}
    if warm is not None:
        database |= {"shadow_oid": warm.oid, "verdict": warm.verdict}
        database["activity"] = [asdict(each) for each in warm.kept.activity]
    swap = _swap_steps("swap the databases", live, database, pooled=pooled)
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


def _swap_steps(name: str, live: LiveState, arguments: dict[str, Any], *, pooled: bool) -> tuple[PlannedStep, ...]:
    """Swap; behind a pooler also make sure that its clients get through, which the swap made wait."""
    swap = PlannedStep(name=name, kind="swap", target=live.in_words, arguments=arguments)
    if not pooled:
        return (swap,)
    target, known = f"the pooler's way to database {live.database}", {"live": live.database}
    return (swap, PlannedStep(name="let clients through", kind="open the pooler", target=target, arguments=known))


def _release_steps(
    live: LiveState, manifest: Manifest, release: Sequence[WorkloadState] | None, build: ReleaseBuild | None
) -> tuple[PlannedStep, ...]:
    if not live.workloads or manifest.workloads is None:
        return ()
    states = manifest.workloads.states if release is None else release
    return (*release_steps(live.workloads, states, build), *flag_steps(manifest.flags))


def _swap_back(live: LiveState, run: RunId, swapped: dict[str, object], *, pooled: bool) -> tuple[PlannedStep, ...]:
    if live.oid != swapped["shadow_oid"] or live.system_identifier != swapped["system_identifier"]:
        raise UnsafeOperation(
            f"{live.in_words} is not the one that {run} brought up, OID {swapped['shadow_oid']}",
            detail="Nothing was changed.",
            hint="Another run has swapped since: undo that one first.",
        )
    mark = _mark(live.system_identifier, live.oid, swapped["live_oid"])
    arguments = live.arguments | {
        "shadow": swapped["replaced"],
        "shadow_oid": swapped["live_oid"],
        "replaced": undone_name(live.database, mark),
    }
    return _swap_steps("swap the databases back", live, arguments, pooled=pooled)


def _former_release(step: str, facts: dict[str, object]) -> PlannedStep:
    kept = {name: facts[name] for name in ("namespace", "workload", "containers", "uid")}
    images: dict[str, str] = dict(facts["former images"])  # type: ignore[call-overload]
    arguments = kept | {"images": images, "config": facts["former config"], "marks": facts["former marks"]}
    return PlannedStep(name=step, kind="set the release", target=", ".join(images.values()), arguments=arguments)


def _former_flags(step: str, facts: dict[str, object]) -> PlannedStep:
    arguments = {name: facts[name] for name in ("namespace", "config map", "key")} | {"document": facts["former"]}
    return PlannedStep(
        name=step, kind="set the flags", target=f"configmap {facts['namespace']}/{facts['config map']}", arguments=arguments
    )


def _when(manifest: Manifest) -> str:
    return f"{manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC"


def _mark(*identities: object) -> PlanHash:
    """Mark the databases of a rollback by what it is about, so that every attempt at it finds the same names."""
    return PlanHash(hashlib.sha256("/".join(map(str, identities)).encode()).hexdigest()[:16])
