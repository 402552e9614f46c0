"""Pauses a run until a person has answered a form in the UI."""

from typing import TypeVar

from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

Answer = TypeVar("Answer", bound=RunInput)

RETRIES = 3
"""A server that is started anew is back by then, about 15 s; one that is gone keeps the process no longer."""


def ask(form: type[Answer], *, key: str, seconds: int) -> Answer:
    """Pause until the form is answered. `key` tells it from the run's other forms.

    Raises:
        FlowPauseTimeout: nobody has answered within `seconds`.
        httpx.HTTPError: the Prefect server has gone, so nobody can.

    """
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES}):
        return pause_flow_run(wait_for_input=form, timeout=seconds, key=key, poll_interval=2)
