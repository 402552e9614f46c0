"""Tells the people who look at a run that a stage of it has passed its budget, while it still runs."""

import contextvars
import logging
from datetime import timedelta
from functools import partial
from threading import Thread

from prefect.artifacts import create_markdown_artifact

from continuity.domain.application import ApplicationName
from continuity.domain.stages import Stage
from continuity.procedures.stopwatch import OverBudget, over_budget
from flows.publishing import publish

logger = logging.getLogger(__name__)


def telling_in_prefect(application: ApplicationName) -> OverBudget:
    """Return what says in the run's log, as an error, and among its artifacts that a stage is over its budget.

    To be called in the flow's own thread, whose context names the run: the stopwatch tells from another. What is returned
    waits for nothing: the stopwatch holds its lock meanwhile, and a step that ends would wait with it.
    """
    context = contextvars.copy_context()

    def tell(stage: Stage, budget: timedelta) -> None:
        telling = partial(_tell, application, stage, over_budget(stage, budget))
        Thread(target=context.copy().run, args=(telling,), name=f"escalate {stage.value}", daemon=True).start()

    return tell


def _tell(application: ApplicationName, stage: Stage, said: str) -> None:
    logger.error("%s", said)
    key = f"{application}-over-budget"
    markdown = (
        f"# {said}\n\nThe run goes on; what it does now is the newest of its task runs. Call who decides: {stage.value} is late."
    )
    publish(key, partial(create_markdown_artifact, key=key, markdown=markdown, description=said))
