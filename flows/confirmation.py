"""The form by which a person says in the UI that the application works again: the end of the confirmation stage."""

import logging
from datetime import UTC, datetime
from typing import Literal

import httpx
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from pydantic import Field

from continuity.domain.run import Outcome
from continuity.domain.stages import BUDGETS, Stage
from continuity.procedures.confirmation import CONFIRM
from continuity.procedures.runs import RunReport
from continuity.procedures.telling import headline
from continuity.settings import Environment
from flows.asking import ask
from tasks.performing import perform_as_task

logger = logging.getLogger(__name__)


class LookedAt(RunInput):
    """What the form asks."""

    verdict: Literal["not looked yet", "it works", "something is wrong"] = Field(
        default="not looked yet", description="Sign in, look at what customers see, and say what you have found."
    )
    name: str = Field(default="", max_length=80, description="Your name; it stands in the report.")
    said: str = Field(default="", max_length=400, description="What you have looked at, or what is wrong.")


def await_confirmation(report: RunReport, environment: Environment) -> str:
    """Pause until a person has looked, for as long as the confirmation stage may take; return what they said, in words.

    The run is over: whatever is said here, or not, changes nothing about it. What is outstanding can be said later with
    `continuity confirm`.
    """
    if report.ended.outcome is not Outcome.DONE:
        return ""
    outstanding = f"nobody has confirmed it: `continuity confirm {report.run} --as NAME`"
    seconds = int(BUDGETS[Stage.CONFIRMATION].total_seconds())
    shown = f"# {headline(report)}\n\nThe report is among the artifacts of this run. This form closes after {seconds // 60} min."
    try:
        form = LookedAt.with_initial_data(description=shown)
        answer = ask(form, key="confirmation", seconds=seconds)
    except FlowPauseTimeout:
        return outstanding
    except httpx.HTTPError as error:
        # The rollback is done, and must not fail because nobody can be asked.
        logger.warning("%s; Prefect did not answer because=%s", outstanding, f"{type(error).__name__}: {error}")
        return outstanding
    name = answer.name.strip()
    if answer.verdict == "it works" and name:
        perform_as_task(CONFIRM, environment, report.run, by=name, because=answer.said, now=datetime.now(UTC))
        return f"confirmed by {name}"
    if answer.verdict == "something is wrong":
        return f"{name or 'somebody'} says that something is wrong: {answer.said or 'no more is said'}"
    return outstanding
