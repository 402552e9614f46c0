"""Decides an emergency rollback: which point, and which steps in which order. Pure: what is observed is handed in."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from continuity.domain.activity import TableActivity
from continuity.domain.application import ApplicationName
from continuity.domain.choice import Chosen
from continuity.domain.plan import Plan, PlanHash, PlannedStep, Verb
from continuity.domain.recovery_point import PointState, RecoveryPointId
from continuity.domain.run import EntryKind, History, RunId
from continuity.domain.swap import replaced_name, restoring_name, shadow_name, undone_name
from continuity.errors import ConfigurationRefused, UnsafeOperation


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
class LiveDatabase:
    """The live database as it is now."""

    name: str
    oid: int
    system_identifier: str
    size_bytes: int
    sessions: tuple[str, ...] = ()
    activity: tuple[TableActivity, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Warm:
    """A proven restore that a drill has kept and closed: going back to its point is the swap alone."""

    name: str
    oid: int


def choose_point(points: Sequence[PointState], wanted: str, *, before: datetime | None = None) -> Chosen:
    """Choose the proven point to go back to. No rule chooses one that is not proven or that a person distrusts.

    Raises:
        ConfigurationRefused: there is no such point.
        UnsafeOperation: the point named is not proven or is distrusted, or none is left to choose; the next good one is
            offered.

    """
    good = [state for state in points if state.proven and state.distrusted is None]
    if wanted != "latest":
        named = next((state for state in points if state.manifest.id == wanted), None)
        if named is None:
            raise ConfigurationRefused(f"no recovery point {wanted!r}", hint="See `continuity points`, or take `latest`.")
        if named not in good:
            why = f"distrusted: {named.distrusted.because}" if named.distrusted else named.verdict
            raise UnsafeOperation(f"{wanted} is {why}; nothing was changed", hint=_offer(good, named.manifest.created))
        return Chosen(point=named, because="named by its id")
    eligible = [state for state in good if before is None or state.manifest.snapshot.taken < before]
    if not eligible:
        when = f" before {before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if before else ""
        raise UnsafeOperation(
            f"there is no proven point{when} among {len(points)}; nothing was changed",
            hint="Prove one: `continuity drill APP --point ID`. See `continuity points`.",
        )
    latest = max(eligible, key=lambda state: state.manifest.snapshot.taken)
    why = "the latest proven point" + (f" before {before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if before else "")
    return Chosen(point=latest, because=why)


def _offer(good: Sequence[PointState], created: datetime) -> str:
    older = [state.manifest for state in good if state.manifest.created < created]
    other = max(older or [state.manifest for state in good], key=lambda manifest: manifest.created, default=None)
    if other is None:
        return "No point is proven: drill one with `continuity drill APP --point ID`."
    return f"The next good one is {other.id}: give --point {other.id}."


def plan_rollback(
    application: ApplicationName, live: LiveDatabase, chosen: Chosen, *, warm: Warm | None, options: dict[str, str], now: datetime
) -> Plan:
    """Plan to go back to a point: bring it up beside the live database, judge it, and swap."""
    manifest = chosen.point.manifest
    mark = _mark(live.system_identifier, live.oid, manifest.dump.sha256)
    database = {
        "system_identifier": live.system_identifier,
        "live": live.name,
        "live_oid": live.oid,
        "shadow": warm.name if warm else shadow_name(live.name, mark),
        "replaced": replaced_name(live.name, mark),
    }
    point = {"point": manifest.id, "dump_sha256": manifest.dump.sha256}
    target = f"database {live.name} (OID {live.oid})"
    steps: list[PlannedStep] = []
    if warm is None:
        steps += [
            PlannedStep(
                name="restore the point",
                kind="restore the shadow",
                target=f"database {database['shadow']}, new, beside {live.name}",
                arguments={**point, "shadow": database["shadow"], "restoring": restoring_name(live.name, mark)},
            ),
            PlannedStep(
                name="judge the restore",
                kind="judge the shadow",
                target=f"database {database['shadow']}",
                arguments={**point, "shadow": database["shadow"]},
            ),
        ]
    else:
        database["shadow_oid"] = warm.oid
    steps.append(PlannedStep(name="swap the databases", kind="swap", target=target, arguments=database))
    return Plan(
        application=application,
        verb=Verb.ROLLBACK,
        created=now,
        targets={
            "cluster": f"system identifier {live.system_identifier}",
            "database": target,
            "recovery point": f"{manifest.id}, of {manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC, sha256 {manifest.dump.sha256}",
        },
        steps=tuple(steps),
        point=RecoveryPointId(manifest.id),
        options=options,
    )


def plan_undo(
    application: ApplicationName, live: LiveDatabase, run: RunId, history: History, *, options: dict[str, str], now: datetime
) -> Plan:
    """Plan to swap back what a run has swapped: the database that it replaced is kept, closed, and has not changed since.

    Raises:
        UnsafeOperation: the run has swapped nothing, or the database that it brought up is no longer the live one.

    """
    swapped = next((entry.facts for entry in history.entries if entry.kind is EntryKind.DONE and "replaced" in entry.facts), None)
    if swapped is None:
        raise UnsafeOperation(f"{run} has swapped no database", detail="Nothing was changed.", hint="There is nothing to undo.")
    if live.oid != swapped["shadow_oid"] or live.system_identifier != swapped["system_identifier"]:
        raise UnsafeOperation(
            f"database {live.name} has OID {live.oid}; {run} brought up OID {swapped['shadow_oid']}",
            detail="Nothing was changed.",
            hint="Another run has swapped since: undo that one first.",
        )
    mark = _mark(live.system_identifier, live.oid, swapped["live_oid"])
    target = f"database {live.name} (OID {live.oid})"
    back = f"{swapped['replaced']} (OID {swapped['live_oid']})"
    arguments = {
        "system_identifier": live.system_identifier,
        "live": live.name,
        "live_oid": live.oid,
        "shadow": swapped["replaced"],
        "shadow_oid": swapped["live_oid"],
        "replaced": undone_name(live.name, mark),
    }
    return Plan(
        application=application,
        verb=Verb.UNDO,
        created=now,
        targets={
            "cluster": f"system identifier {live.system_identifier}",
            "database": target,
            "takes its place": f"database {back}, closed since {run}",
        },
        steps=(PlannedStep(name="swap the databases back", kind="swap", target=target, arguments=arguments),),
        options=options,
    )


def _mark(*identities: object) -> PlanHash:
    """Mark the databases of a rollback by what it is about, so that every attempt at it finds the same names."""
    return PlanHash(hashlib.sha256("/".join(map(str, identities)).encode()).hexdigest()[:16])
