"""Pages as Prefect artifacts: the status page after whatever changes it by night, and the report of a review."""

import logging
from datetime import UTC, datetime
from functools import partial

from prefect.artifacts import create_markdown_artifact

from continuity.domain.application import Application
from continuity.domain.page import Page
from continuity.domain.page_markdown import page_markdown
from continuity.errors import ContinuityError
from continuity.procedures.overview import read_status_page
from continuity.settings import Environment
from flows.publishing import publish

logger = logging.getLogger(__name__)


def publish_page(page: Page, *, key: str) -> None:
    """Publish a page under a key; its first line is the artifact's description."""
    publish(key, partial(create_markdown_artifact, key=key, markdown=page_markdown(page), description=page.lead.text))


def publish_status(application: Application, environment: Environment) -> None:
    """Publish how the application stands now. Where that cannot be read, the run's own report is still the run's."""
    try:
        page = read_status_page(application, environment, now=datetime.now(UTC))
    except ContinuityError as error:
        logger.warning("the status page was not made because=%s", error.message)
        return
    publish_page(page, key=f"{application.name}-status")
