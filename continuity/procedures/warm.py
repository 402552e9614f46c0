"""Keep one warm database an application: the newest proven one; an older one goes, unless a plan or a run is about it.

One whose point expires goes before its point.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from continuity.adapters.approvals import list_plans
from continuity.adapters.leases import holding
from continuity.adapters.points import Listing
from continuity.adapters.vault import Vault
from continuity.domain.application import Application
from continuity.domain.lease import Purpose
from continuity.domain.plan import Plan
from continuity.domain.recovery_point import KeptDatabase, PointState
from continuity.errors import Busy, ContinuityError
from continuity.journal import plan_of, read_history
from continuity.procedures.runs import open_run
from continuity.settings import Environment
from continuity.steps.places import journals_of
from continuity.steps.warm import drop_kept, find_kept, still_kept


def tell_kept(points: Sequence[PointState], environment: Environment) -> tuple[str, ...]:
    """Say which warm databases belong to points that are to expire. Changes nothing."""
    said = []
    for point in points:
        name = point.manifest.id
        try:
            there = find_kept(point, environment)
        except ContinuityError as error:
            said.append(f"{name} has a warm database, and the server of drills does not tell of it: {error.message}")
            continue
        said += [f"the warm database {kept.name} is dropped with {name}" for kept in there.closed]
        said += [f"database {kept.name}, kept warm of {name}, was opened since: it is left" for kept in there.opened]
    return tuple(said)


def cool_down(application: Application, environment: Environment, point: PointState, now: datetime) -> str:
    """Drop the warm databases of a point that is about to expire, or return why one stays, and the point with it.

    Only what carries the name and the OID of a drill's record, and is closed as the drill has left it. The application is
    held meanwhile, so no run can begin on what is dropped. On doubt the point stays: with its records gone nobody would
    know whose the database is. Running it twice finds nothing more to drop.
    """
    try:
        if not find_kept(point, environment).closed:
            return ""
        journals = journals_of(environment)
        with holding(journals, application.name, Purpose.CHANGE, run=f"warm-{application.name}-{uuid4().hex[:4]}"):
            closed = find_kept(point, environment).closed
            return "; ".join(_drop(closed, _in_use(journals, application, environment, now), environment))
    except ContinuityError as error:
        return f"its warm database could not be dropped: {error.message}"


def drop_older_warm(
    application: Application, environment: Environment, listing: Listing, newer: KeptDatabase, now: datetime
) -> tuple[str, ...]:
    """Drop what earlier drills of the application have kept, now that a newer one is proven; return what is left and why.

    The application is held meanwhile, so no run can begin on what is dropped. Running it twice finds nothing more to drop.
    """
    older = [
        drill.kept
        for point in listing.points
        for drill in point.drills
        if drill.kept and (drill.kept.name, drill.kept.oid) != (newer.name, newer.oid)
    ]
    try:
        there = [kept for kept in older if still_kept(kept, environment)]
        if not there:
            return ()
        journals = journals_of(environment)
        with holding(journals, application.name, Purpose.CHANGE, run=f"warm-{application.name}-{uuid4().hex[:4]}"):
            return tuple(_drop(there, _in_use(journals, application, environment, now), environment))
    except Busy as error:
        return (f"older warm databases are left for the next drill: {error.message}",)
    except ContinuityError as error:
        # The drill is over and its verdict written: what is left over costs room, and is told.
        return (f"older warm databases could not be dropped: {error.message}",)


def _drop(there: Sequence[KeptDatabase], in_use: dict[str, str], environment: Environment) -> Iterator[str]:
    for kept in there:
        if kept.name in in_use:
            yield f"database {kept.name} is left for the next time: {in_use[kept.name]} is about it"
        else:
            drop_kept(kept, environment)


def _in_use(journals: Vault, application: Application, environment: Environment, now: datetime) -> dict[str, str]:
    """Name the databases that an open run or a plan that can still be approved would swap, each with which one it is."""
    valid = timedelta(minutes=environment.rollback.approval_minutes)
    plans = {f"plan {plan.hash}": plan for plan in list_plans(journals, application.name) if now - plan.created < valid}
    if run := open_run(journals, application.name):
        plans[f"run {run}"] = plan_of(read_history(journals, run))
    return {name: which for which, plan in plans.items() for name in _swapped_by(plan)}


def _swapped_by(plan: Plan) -> Iterator[str]:
    for step in plan.steps:
        if step.kind == "swap":
            yield str(step.arguments["shadow"])
