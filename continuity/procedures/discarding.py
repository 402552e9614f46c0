"""Drop what a run has replaced: the facts first, and only then, by its typed name, the database."""

from datetime import datetime, timedelta

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.activity import Discards
from continuity.domain.application import Application
from continuity.domain.discarding import plan_discard, replaced_by
from continuity.domain.discarding_aside import aside_rows, plan_discard_aside
from continuity.domain.estimates import predict
from continuity.domain.plan import Plan
from continuity.domain.quarantine import SET_ASIDE
from continuity.domain.run import Entry, EntryKind, History, RunId
from continuity.errors import UnsafeOperation
from continuity.journal import plan_of
from continuity.procedures.drill import LIST_POINTS
from continuity.procedures.undoing import READ_RUN
from continuity.settings import Environment
from continuity.steps.discarding import observe_replaced
from continuity.steps.discarding_aside import OBSERVE_ASIDE
from continuity.steps.operation import PATIENT, Operation, Perform


def make_discard_plan(
    application: Application, environment: Environment, run: RunId, *, perform: Perform, now: datetime
) -> WaitingPlan:
    """Make the plan that drops what a run has replaced. Changes nothing.

    Raises:
        ConfigurationRefused: there is no such run.
        UnsafeOperation: something speaks for keeping it; all of it is named.

    """
    history = perform(READ_RUN, environment, run)
    keep = timedelta(days=environment.rollback.keep_replaced_days)
    if aside := _set_aside_by(history):
        return _discard_aside(application, environment, run, aside, keep, perform=perform, now=now)
    replaced, since = replaced_by(run, history)
    state = perform(OBSERVE_REPLACED, replaced, environment)
    points = perform(LIST_POINTS, application, environment).points
    plan = plan_discard(application.name, run, replaced, state, points, since=since, keep=keep, now=now)
    lost = Discards(unknown=f"all {state.size_bytes:,} bytes of the database; `continuity undo {run}` can no longer swap back")
    estimates = predict(plan, point=None, measured={}, discards=lost, live_bytes=0)
    return WaitingPlan(plan=plan, estimates=estimates)


def _set_aside_by(history: History) -> Entry | None:
    """Return the entry by which a run that has ended has set something aside, where it has."""
    if history.end is None:
        return None
    kinds = {step.name: step.kind for step in plan_of(history).steps}
    done = [entry for entry in history.entries if entry.kind is EntryKind.DONE and kinds.get(entry.step) == SET_ASIDE]
    return done[-1] if done else None


def _discard_aside(
    application: Application,
    environment: Environment,
    run: RunId,
    aside: Entry,
    keep: timedelta,
    *,
    perform: Perform,
    now: datetime,
) -> WaitingPlan:
    state = perform(OBSERVE_ASIDE, aside.facts, environment)
    points = perform(LIST_POINTS, application, environment).points
    plan = plan_discard_aside(application.name, run, aside.facts, state, points, since=aside.at, keep=keep, now=now)
    lost = Discards(unknown=aside_rows(aside.facts, state.schema)) if state.schema else Discards()
    return WaitingPlan(plan=plan, estimates=predict(plan, point=None, measured={}, discards=lost, live_bytes=0))


def confirm_name(plan: Plan, typed: str) -> None:
    """Make sure that the exact name of what is dropped was typed.

    Raises:
        UnsafeOperation: it was another.

    """
    name = plan.steps[0].arguments["name"]
    if typed != name:
        raise UnsafeOperation(
            f"{typed!r} is not the database that {plan.options['run']} has replaced, nor the name of what it has set aside",
            detail="Nothing was changed.",
            hint=f"It is {name}: type exactly this name, if this is what shall be dropped.",
        )


OBSERVE_REPLACED = Operation(name="observe the replaced database", run=observe_replaced, retry=PATIENT)
