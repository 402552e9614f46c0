"""Plan a disaster recovery: look at the empty place, choose the point, say what is missing, decide the steps."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from continuity.adapters.approvals import WaitingPlan
from continuity.adapters.cluster_traffic import quieted, traffic_name
from continuity.adapters.manifest_files import read_manifests
from continuity.domain.activity import Discards
from continuity.domain.application import Application
from continuity.domain.checks import Check, refuse_unless_passed
from continuity.domain.choice import choose_for_rollback
from continuity.domain.estimates import predict
from continuity.domain.given_out import GivenOut, check_given_out
from continuity.domain.infrastructure import infrastructure_steps
from continuity.domain.ladder import shift_steps
from continuity.domain.media_replica import return_step, unprotected
from continuity.domain.outputs import BUCKET, CLUSTER, SERVER, Made, check_outputs, made_by
from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.recovery import plan_recovery
from continuity.domain.recovery_place import ClusterPlace, OldPrimary, RecoveryPlace, check_place
from continuity.domain.recovery_point import Manifest
from continuity.domain.redeployment import check_secrets, deployment_steps, needed_secrets, refuse_undescribed
from continuity.domain.rehearsal import rehearsed_deployment, replica_step
from continuity.domain.roles import RoleStatements
from continuity.procedures.drill import LIST_POINTS
from continuity.procedures.rollback import READ_MEASURED
from continuity.procedures.runs import Hands, RunReport, carry_out_at_once
from continuity.settings import Environment
from continuity.steps.fencing import observe_old_primary
from continuity.steps.infrastructure import observe_infrastructure, refuse_unsafe
from continuity.steps.media_replication import LOOK_AT_REPLICA
from continuity.steps.meeting import find_secrets, observe_cluster, observe_place
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.outputs import bound
from continuity.steps.preconditions.drill import check_restore_beside, check_restore_here
from continuity.steps.rehearsal import REHEARSAL, rehearsing
from continuity.steps.rehearsed import namespace_is_there
from continuity.steps.roles import read_all_roles, read_missing_roles


@dataclass(frozen=True, kw_only=True)
class RecoveryWish:
    """What a person asks for. It goes into the plan, so that the plan can be made again and compared."""

    point: str = "latest"
    before: datetime | None = None
    rehearsal: bool = False
    """Whether everything is done in a scratch place, timed like the real thing, and cleared away."""
    old_primary_gone: str = ""
    """The application's name, typed by a person who has made sure that the old primary cannot come back."""
    given_out: GivenOut = field(default_factory=GivenOut)
    """What of that which the lost side has given out must not be given out again, or be worth anything."""

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it."""
        return {
            "point": self.point,
            "before": self.before.isoformat() if self.before else "",
            "old primary gone": self.old_primary_gone,
            REHEARSAL: "yes" if self.rehearsal else "",
            **self.given_out.options(),
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
            given_out=GivenOut.of(plan.options),
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
    infrastructure, made = _infrastructure(application, environment, perform)
    environment = bound(environment, made.known)
    server = _server(application, environment, manifest, made, perform)
    old = perform(OBSERVE_OLD_PRIMARY, environment, application.database.name)
    known = (*environment.recovery.passwords, *environment.recovery.without_password)
    deploy = _rehearsed_deployment if wish.rehearsal else _deployment
    deployment = deploy(application, environment, manifest, made, perform)
    place = check_place(
        server.place,
        server.roles,
        old,
        passwords=known,
        gone=wish.old_primary_gone,
        application=application.name,
        rehearsal=wish.rehearsal,
    )
    given_out = check_given_out(application, manifest, wish.given_out)
    checks = (*deployment.checks, *place, *given_out, *server.checks)
    notes = refuse_unless_passed(checks, what=f"a recovery of {application.name}")
    replicated = replica_step(manifest, replica=environment.media.replica_bucket or "")
    plan = plan_recovery(
        application, server.place, chosen, server.roles, old,
        options=wish.options(), now=now, given_out=wish.given_out, url=environment.recovered_url, rehearsal=wish.rehearsal,
        infrastructure=infrastructure, cluster=deployment.cluster, deployment=deployment.steps,
        media=_media(application, environment, manifest, made, perform) if not wish.rehearsal else replicated,
        traffic=_traffic(environment), cleared=deployment.cleared,
    )  # fmt: skip
    measured = perform(READ_MEASURED, environment, application.name)
    since = f"what was written after {manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC, the moment of the point"
    lost = Discards() if wish.rehearsal else Discards(unknown=since)
    estimates = predict(plan, point=chosen.point, measured=measured, discards=lost, live_bytes=0)
    notes += _unprotected(application, environment, manifest, old) if not wish.rehearsal else ()
    return WaitingPlan(plan=plan, estimates=replace(estimates, notes=notes + estimates.notes))


def _infrastructure(application: Application, environment: Environment, perform: Perform) -> tuple[tuple[PlannedStep, ...], Made]:
    """Return the steps that make the infrastructure, and what it says of the places that the steps behind it go to."""
    if environment.terraform is None:
        return (), Made()
    found = perform(OBSERVE_INFRASTRUCTURE, application, environment)
    refuse_unsafe(found, application)
    wanted = environment.terraform.outputs.named
    refuse_unless_passed(check_outputs(found, wanted), what=f"a recovery of {application.name}")
    return infrastructure_steps(found, workspace=environment.terraform.workspace), made_by(found, wanted)


@dataclass(frozen=True, kw_only=True)
class _Server:
    """The server as it was found, or as it will be made; the roles that it lacks; and what the restore needs."""

    place: RecoveryPlace
    roles: RoleStatements
    checks: tuple[Check, ...]


def _server(application: Application, environment: Environment, point: Manifest, made: Made, perform: Perform) -> _Server:
    if output := made.awaits(*SERVER):
        # All that can be looked at before it is there; the rest is looked at by the step that meets it.
        return _Server(
            place=RecoveryPlace.awaited(application.database.name, output),
            roles=perform(READ_ALL_ROLES, point, environment),
            checks=perform(CHECK_RESTORE_HERE, point, environment),
        )
    return _Server(
        place=perform(OBSERVE_PLACE, environment, application.database.name),
        roles=perform(READ_MISSING_ROLES, point, environment),
        checks=perform(CHECK_RESTORE, point, environment),
    )


@dataclass(frozen=True, kw_only=True)
class _Deployment:
    """The cluster, the steps that bring the application there, and whether the Secrets that it reads are there."""

    cluster: ClusterPlace | None = None
    steps: tuple[PlannedStep, ...] = ()
    checks: tuple[Check, ...] = ()
    cleared: tuple[PlannedStep, ...] = ()
    """The steps that clear it away again: a rehearsal's."""


def _deployment(application: Application, environment: Environment, point: Manifest, made: Made, perform: Perform) -> _Deployment:
    directory = environment.recovery.manifests
    if directory is None:
        refuse_undescribed(application, point)
        return _Deployment()
    manifests = read_manifests(directory)
    quiet = quieted(environment.shift)
    steps = deployment_steps(application, point, manifests, directory=str(directory), quiet=quiet)
    needed = needed_secrets(point, manifests)
    if output := made.awaits(*CLUSTER):
        return _Deployment(cluster=ClusterPlace(output=output, secrets=needed), steps=steps)
    cluster = ClusterPlace(uid=perform(OBSERVE_CLUSTER, environment))
    there = perform(FIND_SECRETS, environment, needed) if needed else ()
    return _Deployment(cluster=cluster, steps=steps, checks=tuple(check_secrets(needed, there)))


def _rehearsed_deployment(
    _application: Application, environment: Environment, point: Manifest, _made: Made, perform: Perform
) -> _Deployment:
    """Return the deployment as a rehearsal does it, where the environment names a namespace for it."""
    directory, namespace = environment.recovery.manifests, environment.recovery.rehearsal_namespace
    if directory is None or not namespace:
        return _Deployment()
    rehearsed = rehearsed_deployment(point, read_manifests(directory), directory=str(directory), namespace=namespace)
    there = perform(FIND_NAMESPACE, environment, namespace)
    free = Check(
        name="namespace",
        passed=not there,
        detail=f"namespace {namespace} is there already" if there else f"there is no namespace {namespace}",
        hint="A rehearsal makes its own. Look at what is in it; then delete it, or name another one." if there else "",
    )
    cluster = ClusterPlace(uid=perform(OBSERVE_CLUSTER, environment))
    return _Deployment(cluster=cluster, steps=rehearsed.make, checks=(free,), cleared=rehearsed.clear)


def _media(
    application: Application, environment: Environment, point: Manifest, made: Made, perform: Perform
) -> tuple[PlannedStep, ...]:
    replica = environment.media.replica_bucket
    if point.media is None or application.media is None or not replica:
        return ()
    look = perform(LOOK_AT_REPLICA, point, application, environment)
    output = made.awaits(*BUCKET)
    bucket = "" if output else environment.media.bucket or application.media.bucket
    return (return_step(point, look, replica=replica, bucket=bucket, output=output),)


def _traffic(environment: Environment) -> tuple[PlannedStep, ...]:
    if environment.shift is None:
        return ()
    return shift_steps(traffic_name(environment.shift), environment.shift.rungs)


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


OBSERVE_PLACE = Operation(name="look at the place", run=observe_place, retry=PATIENT)
OBSERVE_CLUSTER = Operation(name="look at the cluster", run=observe_cluster, retry=PATIENT)
FIND_NAMESPACE = Operation(name="look for the rehearsal's namespace", run=namespace_is_there, retry=PATIENT)
FIND_SECRETS = Operation(name="look for the secrets of the cluster", run=find_secrets, retry=PATIENT)
OBSERVE_INFRASTRUCTURE = Operation(name="look at the infrastructure", run=observe_infrastructure, retry=PATIENT)
OBSERVE_OLD_PRIMARY = Operation(name="look for the old primary", run=observe_old_primary)
READ_MISSING_ROLES = Operation(name="read which roles are missing", run=read_missing_roles, retry=PATIENT)
READ_ALL_ROLES = Operation(name="read which roles there are", run=read_all_roles, retry=PATIENT)
CHECK_RESTORE = Operation(name="check what the restore needs", run=check_restore_beside)
CHECK_RESTORE_HERE = Operation(name="check what the restore needs here", run=check_restore_here)
