"""Decides a disaster recovery: how an application is stood up again where nothing is left but the vault. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.choice import Chosen
from continuity.domain.fallback import fallback_step
from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.proof import plan_health, plan_proof
from continuity.domain.recovery_point import Manifest
from continuity.domain.roles import RoleStatements
from continuity.domain.stages import Stage
from continuity.domain.swap import mark_of, replaced_name, restoring_name, shadow_name

GIVE_NAME = "give the database its name"
CLEAR = "clear the rehearsal"
FENCE = "fence the old primary"
MAKE_ROLES = "make the roles"
PROBE_WRITE = "probe a write"

_LACKING = 'Name their places in `[recovery.passwords]` (ROLE = "file:/path"), or the roles in `without_password`.'


@dataclass(frozen=True, kw_only=True)
class RecoveryPlace:
    """The server that is to take the application, as it is before anything is done."""

    system_identifier: str
    version: str
    database: str
    oid: int | None = None
    """OID of a database that has the application's name already; None where there is none."""
    objects: int = 0
    """How many relations and functions it holds. A server that was made anew may bring an empty one."""


@dataclass(frozen=True, kw_only=True)
class OldPrimary:
    """The database that served before, by identity; `reachable` is None where none is named."""

    reachable: bool | None = None
    system_identifier: str = ""
    oid: int = 0


def check_place(
    place: RecoveryPlace,
    roles: RoleStatements,
    old: OldPrimary,
    *,
    passwords: Sequence[str],
    gone: str,
    application: str,
    rehearsal: bool = False,
) -> Iterator[Check]:
    """Say what is missing that no recovery point can hold, all of it at once: room, passwords, the end of the old."""
    # A rehearsal's name is nobody's but its own: whatever has it is left over, and for a person to look at.
    empty = not place.objects and not (rehearsal and place.oid)
    there = f"database {place.database} is there, with {place.objects} objects"
    yield Check(
        name="empty place",
        passed=empty,
        detail=there if place.oid else f"there is no database {place.database}",
        hint="A recovery never overwrites. Roll back instead (`continuity rollback`), or rename it." if not empty else "",
    )
    lacking = roles.without_password(passwords)
    yield Check(
        name="passwords of roles",
        passed=not lacking,
        detail=f"lacking for {', '.join(lacking)}" if lacking else f"at hand for {len(roles.sign_in)} new roles that sign in",
        hint=_LACKING if lacking else "",
    )
    if old.reachable is False:
        said = gone == application
        yield Check(
            name="old primary",
            passed=said,
            detail="does not answer; it was said to be gone" if said else "does not answer, and may come back and take writes",
            hint=f"Make sure that it is gone, then add: --old-primary-gone {application}",
        )
    elif old.reachable and old.system_identifier == place.system_identifier:
        yield Check(
            name="old primary",
            passed=False,
            detail=f"is this very server ({place.system_identifier})",
            hint="Mend `[recovery] old_dsn`: it names the server that served before.",
        )


def plan_recovery(  # noqa: PLR0913 -- everything that a recovery is decided by
    application: Application,
    place: RecoveryPlace,
    chosen: Chosen,
    roles: RoleStatements,
    old: OldPrimary,
    *,
    options: dict[str, str],
    now: datetime,
    url: str = "",
    infrastructure: Sequence[PlannedStep] = (),
    deployment: Sequence[PlannedStep] = (),
    media: Sequence[PlannedStep] = (),
    traffic: Sequence[PlannedStep] = (),
    rehearsal: bool = False,
) -> Plan:
    """Plan to bring everything up in an empty place, to prove it there, and only then to let people in.

    The database has the application's name only once it is proven; from then on nothing is taken back, what fails is mended
    and gone on with. Traffic comes last, and all of it only once the old primary cannot be written to.

    A rehearsal does the same under a name of its own, lets nobody in, and clears away what it has made; whatever fails in it
    takes everything back.
    """
    manifest = chosen.point.manifest
    point = {"point": manifest.id, "dump_sha256": manifest.dump.sha256}
    mark = mark_of(place.system_identifier, place.database, manifest.dump.sha256)
    shadow = shadow_name(place.database, mark)
    database = (
        # A rehearsal needs no sign-in, and must leave none: its restore makes the owners that it lacks, as a drill does.
        *(() if rehearsal else _role_steps(roles, point)),
        *_restore_steps(manifest, point, shadow=shadow, restoring=restoring_name(place.database, mark)),
        replace(_naming_step(place, shadow, manifest), pivot=not rehearsal),
    )
    fenced = _fence(old, place.database)
    fallback = () if rehearsal else fallback_step(application, point)
    cleared = (_clearing_step(place),) if rehearsal else ()
    ramp = (*traffic[:-1], *fenced, *traffic[-1:]) if traffic else fenced
    return Plan(
        application=application.name,
        verb=Verb.REHEARSAL if rehearsal else Verb.RECOVERY,
        created=now,
        targets=_targets(place, manifest, roles, old, rehearsal=rehearsal),
        steps=(
            *_in(Stage.INFRASTRUCTURE, infrastructure),
            *_in(Stage.DATABASE, database),
            *_in(Stage.DATABASE, fallback),
            *_in(Stage.DEPLOYMENT, (*media, *deployment)),
            *_validation(application, place, url, point),
            *_in(Stage.TRAFFIC, ramp),
            *(step for step in plan_proof(application, url=url, point=point) if step.stage is Stage.CONFIRMATION),
            *_in(Stage.CONFIRMATION, cleared),
        ),
        point=manifest.id,
        options=options,
    )


def _targets(
    place: RecoveryPlace, manifest: Manifest, roles: RoleStatements, old: OldPrimary, *, rehearsal: bool
) -> dict[str, str]:
    targets = {
        "server": f"system identifier {place.system_identifier}, PostgreSQL {place.version}",
        "database": f"{place.database}, new",
        "recovery point": f"{manifest.id}, of {manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC, sha256 {manifest.dump.sha256}",
    }
    if roles.roles and not rehearsal:
        targets["roles"] = f"{', '.join(roles.roles)}, new"
    if old.reachable:
        targets["old primary"] = f"database {place.database} (OID {old.oid}) of system identifier {old.system_identifier}"
    return targets


def _role_steps(roles: RoleStatements, point: dict[str, Any]) -> tuple[PlannedStep, ...]:
    if not roles.roles:
        return ()
    target = f"{len(roles.roles)} roles of the server: {', '.join(roles.roles)}"
    return (PlannedStep(name=MAKE_ROLES, kind=MAKE_ROLES, target=target, arguments=point | {"wanted": list(roles.roles)}),)


def _restore_steps(manifest: Manifest, point: dict[str, Any], *, shadow: str, restoring: str) -> tuple[PlannedStep, ...]:
    return (
        PlannedStep(
            name="restore the point",
            kind="restore the shadow",
            target=f"database {shadow}, new: {manifest.database_bytes:,} bytes",
            arguments=point | {"shadow": shadow, "restoring": restoring},
        ),
        PlannedStep(
            name="judge the restore",
            kind="judge the shadow",
            target=f"database {shadow}",
            arguments=point | {"shadow": shadow},
        ),
    )


def _naming_step(place: RecoveryPlace, shadow: str, manifest: Manifest) -> PlannedStep:
    """Give the restore the application's name; an empty database that has it is swapped away and kept, like a live one."""
    arguments: dict[str, Any] = {"system_identifier": place.system_identifier, "shadow": shadow, "live": place.database}
    if place.oid is None:
        return PlannedStep(name=GIVE_NAME, kind=GIVE_NAME, target=f"database {place.database}", arguments=arguments)
    mark = mark_of(place.system_identifier, place.oid, manifest.dump.sha256)
    return PlannedStep(
        name=GIVE_NAME,
        kind="swap",
        target=f"database {place.database} (OID {place.oid}), which is empty",
        arguments=arguments | {"live_oid": place.oid, "replaced": replaced_name(place.database, mark)},
    )


def _clearing_step(place: RecoveryPlace) -> PlannedStep:
    return PlannedStep(name=CLEAR, kind=CLEAR, target=f"database {place.database}", arguments={"live": place.database})


def _validation(application: Application, place: RecoveryPlace, url: str, point: dict[str, Any]) -> Iterator[PlannedStep]:
    health = (plan_health(application, url),) if url and application.health else ()
    yield from _in(Stage.VALIDATION, health)
    yield PlannedStep(
        name=PROBE_WRITE,
        kind=PROBE_WRITE,
        target=f"database {place.database}, taken back at once",
        arguments={"live": place.database},
        stage=Stage.VALIDATION,
    )
    yield from (step for step in plan_proof(application, url=url, point=point) if step.stage is Stage.VALIDATION)


def _fence(old: OldPrimary, database: str) -> tuple[PlannedStep, ...]:
    if not old.reachable:
        return ()
    return (
        PlannedStep(
            name=FENCE,
            kind=FENCE,
            target=f"database {database} (OID {old.oid}) of the old server, closed",
            arguments={"system_identifier": old.system_identifier, "live": database, "live_oid": old.oid},
        ),
    )


def _in(stage: Stage, steps: Sequence[PlannedStep]) -> tuple[PlannedStep, ...]:
    return tuple(replace(step, stage=stage) for step in steps)
