"""Drop what a run has replaced: the facts first, and only then, by its typed name, the database."""

from datetime import datetime, timedelta

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.activity import Discards
from continuity.domain.application import Application
from continuity.domain.discarding import plan_discard, replaced_by
from continuity.domain.estimates import predict
from continuity.domain.plan import Plan
from continuity.domain.run import RunId
from continuity.errors import UnsafeOperation
from continuity.procedures.drill import LIST_POINTS
from continuity.procedures.undoing import READ_RUN
from continuity.settings import Environment
from continuity.steps.discarding import observe_replaced
from continuity.steps.operation import PATIENT, Operation, Perform


def make_discard_plan(
    application: Application, environment: Environment, run: RunId, *, perform: Perform, now: datetime
) -> WaitingPlan:
    """Make the plan that drops what a run has replaced. Changes nothing.

    Raises:
        ConfigurationRefused: there is no such run.
        UnsafeOperation: something speaks for keeping it; all of it is named.

    """
    replaced, since = replaced_by(run, perform(READ_RUN, environment, run))
    state = perform(OBSERVE_REPLACED, replaced, environment)
    points = perform(LIST_POINTS, application, environment).points
    keep = timedelta(days=environment.rollback.keep_replaced_days)
    plan = plan_discard(application.name, run, replaced, state, points, since=since, keep=keep, now=now)
    lost = Discards(unknown=f"all {state.size_bytes:,} bytes of the database; `continuity undo {run}` can no longer swap back")
    estimates = predict(plan, point=None, measured={}, discards=lost, live_bytes=0)
    return WaitingPlan(plan=plan, estimates=estimates)


def confirm_name(plan: Plan, typed: str) -> None:
    """Make sure that the database's exact name was typed.

    Raises:
        UnsafeOperation: it was another.

    """
    name = plan.steps[0].arguments["name"]
    if typed != name:
        raise UnsafeOperation(
            f"{typed!r} is not the database that {plan.options['run']} has replaced",
            detail="Nothing was changed.",
            hint=f"It is {name}: type exactly this name, if this is what shall be dropped.",
        )


OBSERVE_REPLACED = Operation(name="observe the replaced database", run=observe_replaced, retry=PATIENT)
