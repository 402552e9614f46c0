"""One column, table or constraint is set aside: plan, approval by a person, every step a task, and a report from the journal."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.domain.column import ColumnWish
from continuity.procedures.column import make_column_plan
from flows.carrying import approve_and_carry_out
from flows.forms import ConstraintName, ObjectName, ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="roll-back-column", flow_run_name="set aside {name} of {application}", retries=0, persist_result=False)
def roll_back_column(
    application: ProtectedName,
    name: ObjectName,
    constraint: ConstraintName = "",
    with_dependents: bool = False,  # noqa: FBT001, FBT002 -- a form's fields
) -> State[None]:
    """Set one column, table or constraint aside. Nothing is dropped and nothing is copied: an undo is exact.

    Running it again makes a new plan: what an earlier run has set aside is not there to be set aside once more.

    Args:
        application: Whose database it is in. Nothing is done before a person has approved the plan.
        name: The column (public.users.bio) or the table (public.users), as PostgreSQL writes names.
        constraint: Take this constraint of the table out of force, and leave all else as it is.
        with_dependents: Include what outside depends on it: views and functions move along, triggers are disabled.

    """
    with protecting(application) as (protected, environment):
        wish = ColumnWish(name=name, constraint=constraint, with_dependents=with_dependents)
        waiting = make_column_plan(protected, environment, wish, perform=perform_as_task, now=datetime.now(UTC))
        return approve_and_carry_out(protected, environment, waiting)
