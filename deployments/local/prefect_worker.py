"""A process worker of the stack's own: it asks the Prefect server for runs that are due, and gives each a process."""

import sys
from collections.abc import Mapping
from pathlib import Path

from deployments.local.prefect_server import PrefectServer
from deployments.local.processes import LOCALHOST
from deployments.local.services import RunningService, Service, start_service
from deployments.offers import WORK_POOL

NAME = "prefect-worker"
START_SECONDS = 60
POLL_SECONDS = 2


def start_prefect_worker(state_directory: Path, server: PrefectServer, variables: Mapping[str, str]) -> RunningService:
    """Start the worker and wait until it has asked for work; one that runs is returned as it is.

    Its runs see `variables`, which tell them the environment, and nothing else of the caller's.

    Raises:
        ContinuityError: it does not come up; the detail is the end of its log.

    """
    return start_service(state_directory, _service(server, variables))


def _service(server: PrefectServer, variables: Mapping[str, str]) -> Service:
    return Service(
        name=NAME,
        command=(
            sys.executable, "-m", "prefect", "worker", "start",
            "--pool", WORK_POOL, "--type", "process", "--name", "stack", "--with-healthcheck",
        ),
        ready_path="/health",
        ready_seconds=START_SECONDS,
        environment={
            **variables,
            "PREFECT_HOME": str(server.home),
            "PREFECT_API_URL": server.api_url,
            "PREFECT_WORKER_QUERY_SECONDS": str(POLL_SECONDS),
            "PREFECT_WORKER_WEBSERVER_HOST": LOCALHOST,
            "PREFECT_WORKER_WEBSERVER_PORT": "{port}",
            "PREFECT_CLI_PROMPT": "false",
            "DO_NOT_TRACK": "1",
            "GX_ANALYTICS_ENABLED": "false",
        },
    )  # fmt: skip
