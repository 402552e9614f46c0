"""Taking one phase of an application back: plan, approval by a person, every step a task, and a report from the journal."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.domain.phase_rollback import PhaseWish
from continuity.procedures.phase import make_phase_plan
from flows.carrying import approve_and_carry_out
from flows.forms import PhaseName, ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="roll-back-phase", flow_run_name="take {phase} of {application} back", retries=0, persist_result=False)
def roll_back_phase(
    application: ProtectedName,
    phase: PhaseName,
    with_dependents: bool = False,  # noqa: FBT001, FBT002 -- a form's tick box
) -> State[None]:
    """Take one phase of an application back while it serves: its flags, code, services, tables, columns and media.

    Running it again finds nothing of the phase left, and is refused.

    Args:
        application: Whose phase it is. Nothing is done before a person has approved the plan.
        phase: Which phase, for example booking. Undoing the run brings it back with all its data.
        with_dependents: Also take along what stands outside the phase and needs it. Without it that is named, and refused.

    """
    with protecting(application) as (protected, environment):
        wish = PhaseWish(phase=phase, with_dependents=with_dependents)
        waiting = make_phase_plan(protected, environment, wish, perform=perform_as_task, now=datetime.now(UTC))
        return approve_and_carry_out(protected, environment, waiting)
