"""Carries a procedure's operations out as Prefect tasks: each a task run with its own name and retries."""

import logging
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from continuity.steps.operation import Operation, transient

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def perform_as_task(operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Carry an operation out as a task. Prefect's retries apply the operation's policy, and nothing else retries.

    The task takes no parameters: Prefect would walk through them and keep references, and they lead to secrets. It has no
    tags: for a tagged task Prefect 3.8 asks its server for a slot of each tag, which took up to 2 s (seen), and failed the
    task where the server was gone.
    """

    @task(
        name=operation.name,
        retries=operation.retry.attempts - 1,
        retry_delay_seconds=exponential_backoff(backoff_factor=operation.retry.first_wait_seconds),
        retry_jitter_factor=0.5,
        retry_condition_fn=_is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def attempt() -> R:
        # Prefect's own lines say that a task has finished, and not which.
        logger.info("%s", operation.name)
        return operation.run(*args, **kwargs)

    return attempt()


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and transient(error)
