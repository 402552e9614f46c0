"""How long the kinds of steps took when they were last done: what the next plan predicts by."""

import logging

from continuity.domain.application import ApplicationName
from continuity.domain.estimates import measured_seconds
from continuity.errors import ConfigurationRefused, DamagedObject, NotStored
from continuity.journal import list_runs, plan_of, read_history
from continuity.settings import Environment
from continuity.steps.places import journals_of

logger = logging.getLogger(__name__)

RUNS_MEASURED = 5
"""How many of the latest runs are looked at for how long steps take: reading more would cost the plan more than it tells."""


def read_measured(environment: Environment, application: ApplicationName) -> dict[str, float]:
    """Return how long each kind of step took when it was last done in one of the latest runs. Changes nothing.

    Of several, since the last may be of another verb: a discard says nothing of a rollback. A journal that is damaged
    costs its figures alone: they are estimates, and who acts on a journal verifies it.
    """
    journals = journals_of(environment)
    histories = []
    for run in list_runs(journals, application)[:RUNS_MEASURED]:
        try:
            histories.append(read_history(journals, run))
        except (DamagedObject, NotStored, ConfigurationRefused) as error:
            logger.warning("not measured run=%s because=%s", run, error.message)
    return measured_seconds(histories, [plan_of(history) for history in histories])
