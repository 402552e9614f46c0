"""What every flow opens with: the application by its name, the environment by its variable, the moment by its schedule."""

from datetime import UTC, datetime

from prefect.runtime import flow_run

from continuity.adapters.application_files import load_application
from continuity.domain.application import Application
from continuity.settings import Environment, load_environment


def load_protected(name: str) -> tuple[Application, Environment]:
    """Load an application and the environment that `CONTINUITY_ENVIRONMENT` names.

    Raises:
        ConfigurationRefused: one of them is missing or wrong.

    """
    environment = load_environment()
    return load_application(environment.applications, name), environment


def scheduled_moment() -> datetime:
    """Return the moment for which this run was scheduled: a retried or doubled run makes the same recovery point."""
    moment = flow_run.scheduled_start_time
    return datetime.fromisoformat(str(moment)).astimezone(UTC) if moment else datetime.now(UTC)
