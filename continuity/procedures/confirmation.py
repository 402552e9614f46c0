"""Record that a person has looked at the application after a run, and found that it works."""

from datetime import datetime

from continuity.adapters.confirmations import store_confirmation
from continuity.adapters.processes import this_process
from continuity.domain.confirmation import Confirmation
from continuity.domain.run import Outcome, RunId
from continuity.errors import ConfigurationRefused, UnsafeOperation
from continuity.journal import read_history
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import journals_of


def confirm_run(environment: Environment, run: RunId, *, by: str, because: str, now: datetime) -> Confirmation:
    """Record a person's confirmation; a second one changes nothing, and the first is returned.

    Raises:
        ConfigurationRefused: there is no such run, or no name is given.
        UnsafeOperation: the run is not done: there is nothing that could be confirmed.

    """
    if not by.strip():
        raise ConfigurationRefused("a confirmation needs a name", hint="Say in --as who has looked.")
    journals = journals_of(environment)
    outcome = read_history(journals, run).outcome
    if outcome is not Outcome.DONE:
        came_to = f"has come to {outcome.value!r}" if outcome else "has not ended"
        raise UnsafeOperation(
            f"{run} {came_to}: only a run that is done can be confirmed", hint=f"Finish it first: `continuity resume {run}`."
        )
    return store_confirmation(
        journals, Confirmation(run=run, by=by.strip(), at=now, actor=this_process().actor, because=because.strip())
    )


CONFIRM = Operation(name="record the confirmation", run=confirm_run, retry=PATIENT)
