"""An operation: one call to the outside that may be made again whole, and the policy for doing so."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, ParamSpec, Protocol, TypeVar

import tenacity

from continuity.errors import ContinuityError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often and with which pauses a transient failure is tried again. Others are not: waiting does not mend them."""

    attempts: int = 1
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0


ONCE = Retry()
PATIENT = Retry(attempts=4, first_wait_seconds=2.0, longest_wait_seconds=30.0)
"""For calls that a restarting server or a busy store refuses for some seconds."""


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[P, R]):
    """One step of a verb. `name` is what people see; running it twice is safe, and its docstring says why."""

    name: str
    run: Callable[P, R]
    retry: Retry = field(default=ONCE)


def transient(error: BaseException) -> bool:
    """Whether the same call may go through later."""
    return isinstance(error, ContinuityError) and error.transient


class Perform(Protocol):
    """How an operation is carried out: plainly, or as a Prefect task. Applies the operation's retry policy."""

    def __call__(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Carry the operation out and return what it returns."""


def perform_plainly(operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Carry an operation out in this process, retrying what is transient with growing, jittered pauses."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(transient),
        stop=tenacity.stop_after_attempt(operation.retry.attempts),
        wait=tenacity.wait_exponential_jitter(
            multiplier=operation.retry.first_wait_seconds, max=operation.retry.longest_wait_seconds
        ),
        before_sleep=lambda state: logger.warning(
            "retrying step=%r attempt=%d because=%s",
            operation.name,
            state.attempt_number,
            state.outcome.exception() if state.outcome else "",
        ),
        reraise=True,
    )
    return retrying(operation.run, *args, **kwargs)
