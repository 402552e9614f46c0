"""The form by which a person takes an incident on in the UI."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Literal

from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from pydantic import Field

from continuity.domain.incidents import Incident
from continuity.procedures.incidents import ACKNOWLEDGE
from continuity.settings import Environment
from flows.asking import ask
from flows.incident_artifacts import incident_markdown
from tasks.performing import perform_as_task

logger = logging.getLogger(__name__)

SHORTEST, LONGEST = timedelta(seconds=20), timedelta(minutes=15)
"""How long a form stands: long enough to fill it in, and not so long that an answer from elsewhere is seen late."""


class TakenOn(RunInput):
    """What the form asks."""

    decision: Literal["nobody yet", "I take it on"] = Field(
        default="nobody yet", description="Whoever takes it on is at it: nobody else is asked from then on."
    )
    name: str = Field(default="", max_length=80, description="Your name; it stands in the report.")


def await_acknowledgement(incident: Incident, environment: Environment, *, until: datetime | None, now: datetime) -> None:
    """Pause until a person has answered, or until the next message is due; without a name nobody has answered.

    Raises:
        httpx.HTTPError: the Prefect server has gone: the receiver goes on with the escalation.

    """
    patience = min(max((until or now + LONGEST) - now, SHORTEST), LONGEST)
    form = TakenOn.with_initial_data(description=incident_markdown(incident))
    try:
        answer = ask(form, key=f"taken-on-{now:%Y%m%d%H%M%S%f}", seconds=int(patience.total_seconds()))
    except FlowPauseTimeout:
        return
    if answer.decision == "I take it on" and answer.name.strip():
        perform_as_task(ACKNOWLEDGE, environment, incident.id, by=answer.name.strip(), via="form", now=datetime.now(UTC))
