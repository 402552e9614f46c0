"""Which run is gone on with: the one that is named, or the one that is open."""

from continuity.domain.application import Application
from continuity.domain.run import RunId, application_of_run
from continuity.errors import ConfigurationRefused
from continuity.procedures.runs import open_run
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import journals_of


def find_open_run(application: Application, environment: Environment, run: str) -> RunId | None:
    """Return the run that is named, or the open one of the application; None where no run is open. Changes nothing.

    Raises:
        ConfigurationRefused: the run is another application's.

    """
    if not run:
        return open_run(journals_of(environment), application.name)
    if application_of_run(run) != application.name:
        raise ConfigurationRefused(
            f"{run} is a run of {application_of_run(run)}, not of {application.name}",
            hint=f"See `continuity status {application.name}` for its open runs.",
        )
    return RunId(run)


FIND_OPEN_RUN = Operation(name="look for the open run", run=find_open_run, retry=PATIENT)
