"""Plan to set one column, table or constraint aside: observe, decide, and say what it means for those who use it."""

from dataclasses import replace
from datetime import datetime

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.activity import Discards
from continuity.domain.application import Application
from continuity.domain.column import ColumnWish, plan_column
from continuity.domain.constraints import constraint_notes, constraint_steps, find_constraint
from continuity.domain.dependencies import Schema
from continuity.domain.estimates import predict
from continuity.domain.live import LiveState
from continuity.domain.plan import PlannedStep
from continuity.domain.quarantine import quarantine_notes, quarantine_steps
from continuity.procedures.live import OBSERVE
from continuity.procedures.rollback import READ_MEASURED
from continuity.settings import Environment
from continuity.steps.constraints import READ_CONSTRAINT
from continuity.steps.operation import Perform
from continuity.steps.quarantine import READ_SCHEMA


def make_column_plan(
    application: Application, environment: Environment, wish: ColumnWish, *, perform: Perform, now: datetime
) -> WaitingPlan:
    """Make the plan. Changes nothing.

    Raises:
        ConfigurationRefused: a name is none.
        UnsafeOperation: there is no such thing, or something depends on it; everything is named.

    """
    live = perform(OBSERVE, application, environment)
    schema = perform(READ_SCHEMA, application, environment)
    steps, notes = _steps(application, environment, live, schema, wish, perform)
    plan = plan_column(application, live, wish, steps, now=now, url=environment.url)
    measured = perform(READ_MEASURED, environment, application.name)
    estimates = predict(plan, point=None, measured=measured, discards=Discards(kept=True), live_bytes=0)
    return WaitingPlan(plan=plan, estimates=replace(estimates, notes=notes + estimates.notes))


def _steps(
    application: Application, environment: Environment, live: LiveState, schema: Schema, wish: ColumnWish, perform: Perform
) -> tuple[tuple[PlannedStep, ...], tuple[str, ...]]:
    if not wish.constraint:
        steps = quarantine_steps(live, schema, [wish.name], with_dependents=wish.with_dependents)
        return steps, quarantine_notes(schema, steps)
    table = schema.find(wish.name)
    constraint = find_constraint(schema, table, wish.constraint)
    state = perform(READ_CONSTRAINT, application, environment, table.id.oid, constraint.name)
    return constraint_steps(live, state), tuple(constraint_notes(table, state))
