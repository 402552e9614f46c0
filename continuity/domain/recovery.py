"""Decides a disaster recovery: how an application is stood up again where nothing is left but the vault. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from continuity.domain.application import Application
from continuity.domain.choice import Chosen
from continuity.domain.fallback import fallback_step
from continuity.domain.given_out import GivenOut, given_out_steps
from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.proof import plan_health, plan_proof
from continuity.domain.recovery_place import ClusterPlace, OldPrimary, RecoveryPlace, meeting_steps
from continuity.domain.recovery_point import Manifest
from continuity.domain.roles import RoleStatements
from continuity.domain.stages import Stage
from continuity.domain.swap import mark_of, replaced_name, restoring_name, shadow_name

GIVE_NAME = "give the database its name"
CLEAR = "clear the rehearsal"
FENCE = "fence the old primary"
MAKE_ROLES = "make the roles"
PROBE_WRITE = "probe a write"


def plan_recovery(  # noqa: PLR0913 -- everything that a recovery is decided by
    application: Application,
    place: RecoveryPlace,
    chosen: Chosen,
    roles: RoleStatements,
    old: OldPrimary,
    *,
    options: dict[str, str],
    now: datetime,
    given_out: GivenOut | None = None,
    url: str = "",
    infrastructure: Sequence[PlannedStep] = (),
    cluster: ClusterPlace | None = None,
    deployment: Sequence[PlannedStep] = (),
    media: Sequence[PlannedStep] = (),
    traffic: Sequence[PlannedStep] = (),
    rehearsal: bool = False,
    cleared: Sequence[PlannedStep] = (),
) -> Plan:
    """Plan to bring everything up in an empty place, to prove it there, and only then to let people in.

    The database has the application's name only once it is proven; from then on nothing is taken back, what fails is mended
    and gone on with. Traffic comes last, and all of it only once the old primary cannot be written to.

    Whom a step acts on stands in the plan. What the run itself makes first cannot: that is met by a step of its own, which
    wants it empty and records its identity, and every later step is held to that record.

    A rehearsal does the same under a name of its own, lets nobody in, and clears away what it has made; whatever fails in it
    takes everything back.
    """
    manifest = chosen.point.manifest
    point = {"point": manifest.id, "dump_sha256": manifest.dump.sha256}
    on_server = point | {"system_identifier": place.system_identifier}
    mark = mark_of(place.system_identifier, place.database, manifest.dump.sha256)
    shadow = shadow_name(place.database, mark)
    database = (
        # A rehearsal needs no sign-in, and must leave none: its restore makes the owners that it lacks, as a drill does.
        *(() if rehearsal else _role_steps(roles, on_server, at_most=bool(place.output))),
        *_restore_steps(manifest, on_server, shadow=shadow, restoring=restoring_name(place.database, mark)),
        *given_out_steps(application, given_out or GivenOut(), on_server, shadow=shadow),
        replace(_naming_step(place, shadow, manifest), pivot=not rehearsal),
    )
    fenced = _fence(old, place.database)
    fallback = () if rehearsal else fallback_step(application, point)
    ramp = (*traffic[:-1], *fenced, *traffic[-1:]) if traffic else fenced
    return Plan(
        application=application.name,
        verb=Verb.REHEARSAL if rehearsal else Verb.RECOVERY,
        created=now,
        targets=_targets(place, manifest, roles, old, cluster, rehearsal=rehearsal),
        steps=(
            *_in(Stage.INFRASTRUCTURE, infrastructure),
            *_in(Stage.DATABASE, meeting_steps(place, old, point, cluster)),
            *_in(Stage.DATABASE, database),
            *_in(Stage.DATABASE, fallback),
            *_in(Stage.DEPLOYMENT, (*media, *deployment)),
            *_validation(application, place, url, point),
            *_in(Stage.TRAFFIC, ramp),
            *(step for step in plan_proof(application, url=url, point=point) if step.stage is Stage.CONFIRMATION),
            *_in(Stage.CONFIRMATION, (*cleared, *((_clearing_step(place),) if rehearsal else ()))),
        ),
        point=manifest.id,
        options=options,
    )


def _targets(
    place: RecoveryPlace,
    manifest: Manifest,
    roles: RoleStatements,
    old: OldPrimary,
    cluster: ClusterPlace | None,
    *,
    rehearsal: bool,
) -> dict[str, str]:
    targets = {
        "server": str(place),
        "database": f"{place.database}, new",
        "recovery point": f"{manifest.id}, of {manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC, sha256 {manifest.dump.sha256}",
    }
    if roles.roles and not rehearsal:
        targets["roles"] = f"{', '.join(roles.roles)}, " + ("new" if not place.output else "those of them that it lacks")
    if cluster:
        targets["cluster"] = str(cluster)
    if old.may_be_written_to:
        targets["old primary"] = f"database {place.database} (OID {old.oid}) of system identifier {old.system_identifier}"
    return targets


def _role_steps(roles: RoleStatements, point: dict[str, Any], *, at_most: bool) -> tuple[PlannedStep, ...]:
    if not roles.roles:
        return ()
    many = f"up to {len(roles.roles)}" if at_most else str(len(roles.roles))
    target = f"{many} roles of the server: {', '.join(roles.roles)}"
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
        arguments={"live": place.database, "system_identifier": place.system_identifier},
        stage=Stage.VALIDATION,
    )
    yield from (step for step in plan_proof(application, url=url, point=point) if step.stage is Stage.VALIDATION)


def _fence(old: OldPrimary, database: str) -> tuple[PlannedStep, ...]:
    if not old.may_be_written_to:
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
