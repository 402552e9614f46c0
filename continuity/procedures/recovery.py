"""Plan a disaster recovery: look at the empty place, choose the point, say what is missing, decide the steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from continuity.adapters.approvals import WaitingPlan
from continuity.adapters.cluster import open_cluster
from continuity.adapters.cluster_config import has_secret
from continuity.adapters.cluster_traffic import quieted, traffic_name
from continuity.adapters.manifest_files import read_manifests
from continuity.adapters.postgres import connect, read_version
from continuity.adapters.recovery_place import count_objects
from continuity.adapters.swap import MAINTENANCE, find_database, system_identifier
from continuity.domain.activity import Discards
from continuity.domain.application import Application
from continuity.domain.checks import Check, refuse_unless_passed
from continuity.domain.choice import choose_for_rollback
from continuity.domain.estimates import predict
from continuity.domain.infrastructure import infrastructure_steps
from continuity.domain.ladder import shift_steps
from continuity.domain.media_replica import return_step, unprotected
from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.recovery import OldPrimary, RecoveryPlace, check_place, plan_recovery
from continuity.domain.recovery_point import Manifest
from continuity.domain.redeployment import check_secrets, deployment_steps, needed_secrets, refuse_undescribed
from continuity.procedures.drill import LIST_POINTS
from continuity.procedures.rollback import READ_MEASURED
from continuity.procedures.runs import Hands, RunReport, carry_out_at_once
from continuity.settings import Environment
from continuity.steps.fencing import observe_old_primary
from continuity.steps.infrastructure import observe_infrastructure, refuse_unsafe
from continuity.steps.media_replication import LOOK_AT_REPLICA
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.preconditions.drill import check_restore_beside
from continuity.steps.rehearsal import REHEARSAL, rehearsing
from continuity.steps.roles import read_missing_roles


@dataclass(frozen=True, kw_only=True)
class RecoveryWish:
    """What a person asks for. It goes into the plan, so that the plan can be made again and compared."""

    point: str = "latest"
    before: datetime | None = None
    rehearsal: bool = False
    """Whether everything is done in a scratch place, timed like the real thing, and cleared away."""
    old_primary_gone: str = ""
    """The application's name, typed by a person who has made sure that the old primary cannot come back."""

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it."""
        return {
            "point": self.point,
            "before": self.before.isoformat() if self.before else "",
            "old primary gone": self.old_primary_gone,
            REHEARSAL: "yes" if self.rehearsal else "",
        }

    @staticmethod
    def of(plan: Plan) -> "RecoveryWish":
        """Return the wish that a plan records."""
        before = plan.options["before"]
        return RecoveryWish(
            point=plan.options["point"],
            before=datetime.fromisoformat(before) if before else None,
            old_primary_gone=plan.options["old primary gone"],
            rehearsal=bool(plan.options[REHEARSAL]),
        )


def make_recovery_plan(
    application: Application, environment: Environment, wish: RecoveryWish, *, perform: Perform, now: datetime
) -> WaitingPlan:
    """Make the plan of a recovery with its estimates. Changes nothing.

    Raises:
        ConfigurationRefused: there is no such point.
        UnsafeOperation: no proven point fits, the place is not empty, or something is missing; all of it is named.
        DatabaseError, VaultError: the place could not be observed.

    """
    if wish.rehearsal:
        application, environment = rehearsing(application, environment)
    points = perform(LIST_POINTS, application, environment).points
    chosen = choose_for_rollback(points, wish.point, before=wish.before)
    manifest = chosen.point.manifest
    place = perform(OBSERVE_PLACE, environment, application.database.name)
    old = perform(OBSERVE_OLD_PRIMARY, environment, application.database.name)
    roles = perform(READ_MISSING_ROLES, manifest, environment)
    known = (*environment.recovery.passwords, *environment.recovery.without_password)
    deployment, secrets = _deployment(application, environment, manifest, perform)
    checks = (
        *secrets,
        *check_place(
            place,
            roles,
            old,
            passwords=known,
            gone=wish.old_primary_gone,
            application=application.name,
            rehearsal=wish.rehearsal,
        ),
        *perform(CHECK_RESTORE, manifest, environment),
    )
    notes = refuse_unless_passed(checks, what=f"a recovery of {application.name}")
    plan = plan_recovery(
        application, place, chosen, roles, old,
        options=wish.options(), now=now, url=environment.recovered_url, rehearsal=wish.rehearsal,
        infrastructure=_infrastructure(application, environment, perform), deployment=deployment,
        media=_media(application, environment, manifest, perform), traffic=_traffic(environment),
    )  # fmt: skip
    measured = perform(READ_MEASURED, environment, application.name)
    since = f"what was written after {manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC, the moment of the point"
    lost = Discards() if wish.rehearsal else Discards(unknown=since)
    estimates = predict(plan, point=chosen.point, measured=measured, discards=lost, live_bytes=0)
    notes += _unprotected(application, environment, manifest, old) if not wish.rehearsal else ()
    return WaitingPlan(plan=plan, estimates=replace(estimates, notes=notes + estimates.notes))


def _infrastructure(application: Application, environment: Environment, perform: Perform) -> tuple[PlannedStep, ...]:
    if environment.terraform is None:
        return ()
    found = perform(OBSERVE_INFRASTRUCTURE, application, environment)
    refuse_unsafe(found, application)
    return infrastructure_steps(found, workspace=environment.terraform.workspace)


def _deployment(
    application: Application, environment: Environment, point: Manifest, perform: Perform
) -> tuple[tuple[PlannedStep, ...], tuple[Check, ...]]:
    """Return the steps that bring the application to its cluster, and whether the Secrets that it reads are there."""
    directory = environment.recovery.manifests
    if directory is None:
        refuse_undescribed(application, point)
        return (), ()
    manifests = read_manifests(directory)
    quiet = quieted(environment.shift)
    steps = deployment_steps(application, point, manifests, directory=str(directory), quiet=quiet)
    needed = needed_secrets(point, manifests)
    there = perform(FIND_SECRETS, environment, needed) if needed else ()
    return steps, tuple(check_secrets(needed, there))


def _media(application: Application, environment: Environment, point: Manifest, perform: Perform) -> tuple[PlannedStep, ...]:
    replica = environment.media.replica_bucket
    if point.media is None or application.media is None or not replica:
        return ()
    look = perform(LOOK_AT_REPLICA, point, application, environment)
    bucket = environment.media.bucket or application.media.bucket
    return (return_step(point, look, replica=replica, bucket=bucket),)


def _traffic(environment: Environment) -> tuple[PlannedStep, ...]:
    if environment.shift is None:
        return ()
    return shift_steps(traffic_name(environment.shift), environment.shift.rungs)


def find_secrets(environment: Environment, wanted: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return those Secrets that are there, by namespace and name. Changes nothing."""
    with open_cluster(environment.cluster) as cluster:
        return tuple(each for each in wanted if has_secret(cluster, *each))


def rehearse(
    application: Application, environment: Environment, wish: RecoveryWish, *, perform: Perform, hands: Hands, now: datetime
) -> RunReport:
    """Do everything in a scratch place, timed like the real thing, and clear it away. Touches nothing of the application.

    Raises:
        Busy: another rehearsal runs; a rollback or a recovery may run beside it.
        UnsafeOperation: something is missing, as in a recovery; or a rehearsal is open.

    """

    def make() -> Plan:
        return make_recovery_plan(application, environment, wish, perform=perform, now=now).plan

    return carry_out_at_once(application, environment, Verb.REHEARSAL, make=make, hands=hands)


def _unprotected(application: Application, environment: Environment, point: Manifest, old: OldPrimary) -> tuple[str, ...]:
    notes = [unprotected(application, point, replica=environment.media.replica_bucket)]
    if old.reachable is None:
        notes.append("no old primary is named (`[recovery] old_dsn`): make sure that nothing can write to the former database")
    return tuple(filter(None, notes))


def observe_place(environment: Environment, database: str) -> RecoveryPlace:
    """Look at the server that is to take the application. Changes nothing."""
    with connect(environment.rollback_dsn, MAINTENANCE) as connection:
        there = find_database(connection, database)
        return RecoveryPlace(
            system_identifier=system_identifier(connection),
            version=str(read_version(connection)),
            database=database,
            oid=there.oid if there else None,
            objects=count_objects(environment.rollback_dsn, database) if there else 0,
        )


OBSERVE_PLACE = Operation(name="look at the place", run=observe_place, retry=PATIENT)
FIND_SECRETS = Operation(name="look for the secrets of the cluster", run=find_secrets, retry=PATIENT)
OBSERVE_INFRASTRUCTURE = Operation(name="look at the infrastructure", run=observe_infrastructure, retry=PATIENT)
OBSERVE_OLD_PRIMARY = Operation(name="look for the old primary", run=observe_old_primary)
READ_MISSING_ROLES = Operation(name="read which roles are missing", run=read_missing_roles, retry=PATIENT)
CHECK_RESTORE = Operation(name="check what the restore needs", run=check_restore_beside)
