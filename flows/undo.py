"""Taking a finished run back: the plan of its inverse, approval by a person, every step a task, and a report."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.procedures.undoing import CHOOSE_RUN, make_undo_plan
from flows.carrying import approve_and_carry_out
from flows.forms import ProtectedName, RunOrLast
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="undo-run", flow_run_name="undo {run} of {application}", retries=0, persist_result=False)
def undo_run(application: ProtectedName, run: RunOrLast = "") -> State[None]:
    """Take a finished run back by the inverse of each of its steps; of a rollback, swap the databases back.

    Running it again takes the undo back.

    Args:
        application: Whose run it is. Nothing is done before a person has approved the plan.
        run: Which run, for example blottr-phase-20261124T030000Z-1f2e. Empty: the last one.

    """
    with protecting(application) as (protected, environment):
        wanted = perform_as_task(CHOOSE_RUN, protected, environment, run)
        waiting = make_undo_plan(protected, environment, wanted, perform=perform_as_task, now=datetime.now(UTC))
        return approve_and_carry_out(protected, environment, waiting)
