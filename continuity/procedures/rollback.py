"""Plan an emergency rollback: observe the live state, choose the point, decide the steps, and say what it will cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from continuity.adapters.approvals import WaitingPlan, store_plan
from continuity.domain.activity import written_since
from continuity.domain.application import Application
from continuity.domain.builds import ReleaseBuild, choose_build, lost_images
from continuity.domain.checks import refuse_unless_passed
from continuity.domain.choice import choose_for_rollback
from continuity.domain.estimates import Estimates, predict
from continuity.domain.given_out import GivenOut, check_given_out
from continuity.domain.live import LiveState
from continuity.domain.media_replica import unprotected
from continuity.domain.moments import read_moment
from continuity.domain.plan import Plan
from continuity.domain.recovery_point import Manifest, PointState
from continuity.domain.releases import BadImage, known_heads, refuses_release, with_image
from continuity.domain.rollback import Order, Scope, plan_rollback
from continuity.domain.workloads import WorkloadState, digest_in
from continuity.errors import ConfigurationRefused
from continuity.procedures.drill import LIST_POINTS
from continuity.procedures.live import OBSERVE
from continuity.procedures.measured import read_measured
from continuity.settings import Environment
from continuity.steps.building import read_release_tags
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import journals_of, points_of, source_of
from continuity.steps.preconditions.drill import check_restore_beside
from continuity.steps.preconditions.rollback import check_swap
from continuity.steps.warm import WarmChoice, find_warm


@dataclass(frozen=True, kw_only=True)
class RollbackWish:
    """What a person asks for. It goes into the plan, so that the plan can be made again and compared."""

    point: str = "latest"
    before: datetime | None = None
    scope: Scope = Scope.EVERYTHING
    order: Order = Order.STOP_FIRST
    image: str = ""
    """An image by digest that is to run instead of the point's."""
    workloads: tuple[str, ...] = ()
    """Names of the workloads whose release goes back; none means all of them."""
    given_out: GivenOut = field(default_factory=GivenOut)
    """What of that which was given out since the point must not be given out again, or be worth anything."""

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it."""
        return {
            "point": self.point,
            "before": self.before.isoformat() if self.before else "",
            "scope": self.scope.value,
            "order": self.order.value,
            "image": self.image,
            "workloads": ",".join(self.workloads),
            **self.given_out.options(),
        }

    @staticmethod
    def written(*, point: str, before: str, scope: Scope, order: Order) -> "RollbackWish":
        """Read a wish from a form, where a moment is text and "" is none. Without a zone a moment is UTC.

        Raises:
            ConfigurationRefused: the text is no moment.

        """
        return RollbackWish(point=point.strip() or "latest", before=read_moment(before), scope=scope, order=order)

    @staticmethod
    def of(plan: Plan) -> "RollbackWish":
        """Return the wish that a plan records."""
        options = plan.options
        return RollbackWish(
            point=options["point"],
            before=datetime.fromisoformat(options["before"]) if options["before"] else None,
            scope=Scope(options["scope"]),
            order=Order(options["order"]),
            image=options.get("image", ""),
            workloads=tuple(filter(None, options.get("workloads", "").split(","))),
            given_out=GivenOut.of(options),
        )


def make_plan(
    application: Application, environment: Environment, wish: RollbackWish, *, perform: Perform, now: datetime
) -> WaitingPlan:
    """Make the plan of a rollback with its estimates. Changes nothing; `KEEP_PLAN` keeps it for approval.

    Raises:
        ConfigurationRefused: there is no such point.
        UnsafeOperation: no proven point fits, or something stands in the way; all of it is named.
        DatabaseError, VaultError: the live state could not be observed.

    """
    points = perform(LIST_POINTS, application, environment).points
    bad = perform(READ_BAD_IMAGES, application, environment)
    refused = refuses_release(bad) if wish.scope is not Scope.DATABASE and not wish.image else lambda _manifest: ""
    chosen = choose_for_rollback(points, wish.point, before=wish.before, refused=refused)
    release, known = _wanted_release(application, wish, chosen.point.manifest, points, bad)
    swaps = wish.scope is not Scope.APPLICATION
    # What a drill keeps is given up as it is: a restore of the run's own is changed and, with the run, dropped.
    found = perform(FIND_WARM, chosen.point, environment) if swaps and not wish.given_out.options() else WarmChoice()
    restored = None if found.warm else chosen.point.manifest
    given_out = tuple(check_given_out(application, chosen.point.manifest, wish.given_out, swaps=swaps))
    refuse_unless_passed(given_out, what=f"a rollback of {application.name}")
    notes = found.notes + known + (refuse_unready(application, environment, perform, restored) if swaps else ())
    live = perform(OBSERVE, application, environment)
    build = _wanted_build(application, environment, wish, live, chosen.point.manifest, release, perform)
    notes += (build.note,) if build else ()
    notes += _media_notes(application, environment, chosen.point.manifest)
    plan = plan_rollback(
        application, live, chosen, scope=wish.scope, order=wish.order, options=wish.options(), now=now, given_out=wish.given_out,
        warm=found.warm, pooled=bool(environment.pooler_dsn), url=environment.url, release=release, build=build,
    )  # fmt: skip
    estimates = _estimate(plan, chosen.point, live, environment, perform)
    return WaitingPlan(plan=plan, estimates=replace(estimates, notes=notes + estimates.notes))


def _media_notes(application: Application, environment: Environment, manifest: Manifest) -> tuple[str, ...]:
    said = unprotected(application, manifest, replica=environment.media.replica_bucket)
    return (said,) if said else ()


def _wanted_release(
    application: Application, wish: RollbackWish, manifest: Manifest, points: Sequence[PointState], bad: Sequence[BadImage]
) -> tuple[tuple[WorkloadState, ...] | None, tuple[str, ...]]:
    """Return the workloads that go back where a person has chosen among them or named an image, and what is to be known."""
    if not (wish.image or wish.workloads):
        return None, ()
    states = manifest.workloads.states if manifest.workloads else ()
    names = [ref.name for ref in application.workloads]
    if unknown := [name for name in wish.workloads if name not in names]:
        raise ConfigurationRefused(f"no workload {unknown[0]!r}", hint=f"Known: {', '.join(names) or 'none'}.")
    chosen = tuple(state for state in states if not wish.workloads or state.ref.name in wish.workloads)
    if not wish.image:
        return chosen, ()
    chosen = with_image(chosen, wish.image, points=points, head=manifest.migration_head, bad=bad)
    if known_heads(points).get(digest_in(wish.image)):
        return chosen, ()
    return chosen, (f"no point knows {wish.image}: whether it fits migration {manifest.migration_head or 'none'} is not known",)


def _wanted_build(
    application: Application,
    environment: Environment,
    wish: RollbackWish,
    live: LiveState,
    manifest: Manifest,
    release: Sequence[WorkloadState] | None,
    perform: Perform,
) -> ReleaseBuild | None:
    """Return what has to be built, where the point does not know an image by digest and the application can be built."""
    if wish.scope is Scope.DATABASE or manifest.workloads is None:
        return None
    lost = lost_images(live.workloads, manifest.workloads.states if release is None else release)
    tags = perform(READ_TAGS, application, environment) if lost else ()
    here = replace(application, release=source_of(environment, application))
    return choose_build(here, lost, tags, taken=manifest.snapshot.taken)


def read_bad_images(application: Application, environment: Environment) -> tuple[BadImage, ...]:
    """Read the images that people have marked as bad. Changes nothing."""
    return points_of(environment, application.name).bad_images()


def refuse_unready(
    application: Application, environment: Environment, perform: Perform, restored: Manifest | None
) -> tuple[str, ...]:
    """Return the warnings of all that a swap needs, and a restore where there is one.

    Raises:
        UnsafeOperation: something does not hold; everything that does not is named, with its remedy.

    """
    checks = perform(CHECK_SWAP, application, environment, restores=restored is not None)
    if restored is not None and all(check.name != "live server" for check in checks):
        checks += perform(CHECK_RESTORE, restored, environment)
    return refuse_unless_passed(checks, what=f"a rollback of {application.name}")


def _estimate(plan: Plan, point: PointState, live: LiveState, environment: Environment, perform: Perform) -> Estimates:
    manifest: Manifest = point.manifest
    discards = written_since(
        manifest.activity,
        live.activity,
        rows={table.table: table.rows for table in manifest.tables},
        same_database=(manifest.database.system_identifier, manifest.database.oid) == (live.system_identifier, live.oid),
    )
    measured = perform(READ_MEASURED, environment, plan.application)
    return predict(plan, point=point, measured=measured, discards=discards, live_bytes=live.size_bytes)


def keep_plan(environment: Environment, waiting: WaitingPlan) -> None:
    """Keep the plan in the journals' vault. Doing it again changes nothing."""
    store_plan(journals_of(environment), waiting)


READ_MEASURED = Operation(name="read how long past runs took", run=read_measured, retry=PATIENT)
FIND_WARM = Operation(name="look for a warm database", run=find_warm, retry=PATIENT)
CHECK_SWAP = Operation(name="check what the swap needs", run=check_swap)
CHECK_RESTORE = Operation(name="check what the restore needs", run=check_restore_beside)
READ_BAD_IMAGES = Operation(name="read which images are bad", run=read_bad_images, retry=PATIENT)
READ_TAGS = Operation(name="read the release's tags", run=read_release_tags)
KEEP_PLAN = Operation(name="keep the plan for approval", run=keep_plan, retry=PATIENT)
