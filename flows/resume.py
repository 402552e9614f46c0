"""Going on with a run that was interrupted: found by its journal, carried on as it was approved, told like any other."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from continuity.procedures.resuming import FIND_OPEN_RUN
from continuity.procedures.runs import resume
from expectations.validator import Validator
from flows.carrying import tell_and_confirm
from flows.escalation import telling_in_prefect
from flows.forms import ProtectedName, RunOrLast
from flows.protection import protecting
from tasks.performing import perform_as_task
from tasks.running import task_hands


@flow(name="resume-run", flow_run_name="resume {run} of {application}", retries=0, persist_result=False)
def resume_run(application: ProtectedName, run: RunOrLast = "") -> State[None]:
    """Go on with an interrupted run, exactly as it was approved; nobody is asked again.

    Running it again goes on from where the journal ends. It changes nothing where no run is open, and is refused while the
    run's own process lives.

    Args:
        application: Whose run it is.
        run: Which run, for example blottr-rollback-20261124T030000Z-1f2e. Empty: the open one, if there is one.

    """
    with protecting(application) as (protected, environment):
        wanted = perform_as_task(FIND_OPEN_RUN, protected, environment, run)
        if wanted is None:
            return Completed(name="NothingOpen", message=f"no run of {application} is open; nothing was changed")
        with Validator(parallel=environment.database.parallel) as validator:
            hands = task_hands(environment, validator, over_budget=telling_in_prefect(protected.name))
            report = resume(protected, environment, wanted, hands=hands)
        return tell_and_confirm(report, environment)
