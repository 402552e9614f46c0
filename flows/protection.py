"""What every flow opens with: the application by its name, the environment by its variable, the moment by its schedule."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from prefect.runtime import flow_run

from continuity.adapters.application_files import load_application
from continuity.domain.application import Application
from continuity.errors import ContinuityError
from continuity.settings import Environment, load_environment
from flows.watchdog import ending_in_time

logger = logging.getLogger(__name__)

OWN_LOGGERS = ("continuity", "expectations", "flows", "tasks")


@contextmanager
def protecting(name: str) -> Iterator[tuple[Application, Environment]]:
    """Give a flow its application and environment; tell its errors whole, and let no dead Prefect server keep its process.

    Raises:
        ConfigurationRefused: one of them is missing or wrong.

    """
    try:
        protected, environment = load_protected(name)
        with ending_in_time(environment.prefect.end_patience_seconds):
            yield protected, environment
    except ContinuityError as error:
        # Prefect shows an exception's message; what was seen, and what to do next, belong to it.
        told = (error.message, error.detail, error.hint and f"Next: {error.hint}")
        logger.error("%s", "\n".join(filter(None, told)))  # noqa: TRY400 -- the run's log has the traceback from Prefect
        raise


def load_protected(name: str) -> tuple[Application, Environment]:
    """Load an application and the environment that `CONTINUITY_ENVIRONMENT` names.

    Raises:
        ConfigurationRefused: one of them is missing or wrong.

    """
    for own in OWN_LOGGERS:
        # Prefect hands the lines of PREFECT_LOGGING_EXTRA_LOGGERS to the run's log, and leaves their level at the root's.
        logging.getLogger(own).setLevel(logging.INFO)
    environment = load_environment()
    return load_application(environment.applications, name), environment


def scheduled_moment() -> datetime:
    """Return the moment for which this run was scheduled: a retried or doubled run makes the same recovery point."""
    moment = flow_run.scheduled_start_time
    return datetime.fromisoformat(str(moment)).astimezone(UTC) if moment else datetime.now(UTC)
