"""Calls to Prefect that may fail or hang without harm to the work: in a thread of their own, and given up in time."""

import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_SECONDS = 10.0
"""How long a report may take to appear. Longer than a busy server needs, shorter than a person would notice at night."""
RETRIES = 1
"""By itself Prefect's client tries a server that has gone six times, for a minute."""


def publish(what: str, call: Callable[[], T], *, patience_seconds: float = PATIENCE_SECONDS) -> T | None:
    """Call Prefect and return its answer, or None where it gave none.

    A failure costs one log line, a server that hangs `patience_seconds`. A call that was given up may still go through
    later: what it shows must be true whenever it does.
    """
    answer: Future[T] = Future()

    def attempt() -> None:
        try:
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES}):
                answer.set_result(call())
        except Exception as error:  # noqa: BLE001 -- whatever Prefect's client raises is told below, and the work goes on
            answer.set_exception(error)

    # The copied context tells Prefect's client which run this is. A pool's thread would be waited for at the process's end.
    Thread(target=contextvars.copy_context().run, args=(attempt,), name=f"publish {what}", daemon=True).start()
    try:
        return answer.result(timeout=patience_seconds)
    except Exception as error:  # noqa: BLE001 -- as above
        because = f"no answer within {patience_seconds:g} s" if not answer.done() else f"{type(error).__name__}: {error}"
        logger.warning("not shown in Prefect what=%r because=%s", what, because)
        return None
