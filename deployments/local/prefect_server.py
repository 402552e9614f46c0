"""A Prefect server of the stack's own: SQLite below the state directory, the UI on, nothing reported to anybody."""

import sys
from dataclasses import dataclass
from pathlib import Path

from deployments.local.processes import LOCALHOST
from deployments.local.services import RunningService, Service, start_service

NAME = "prefect-server"
# The first start makes the tables: 25 to 86 s on a busy machine; later ones take about 9 s.
START_SECONDS = 240


@dataclass(frozen=True, kw_only=True)
class PrefectServer:
    """A Prefect server that has answered; `home` is the PREFECT_HOME that it uses."""

    service: RunningService
    home: Path

    @property
    def api_url(self) -> str:
        """Give the PREFECT_API_URL of its clients."""
        return f"{self.service.url}/api"


def start_prefect_server(state_directory: Path) -> PrefectServer:
    """Start the server and wait for its health, 240 s at most; one that runs is returned as it is.

    Raises:
        ContinuityError: it does not come up; the detail is the end of its log.

    """
    home = state_directory / "prefect"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return PrefectServer(service=start_service(state_directory, _service(home)), home=home)


def _service(home: Path) -> Service:
    return Service(
        name=NAME,
        command=(sys.executable, "-m", "prefect", "server", "start", "--host", LOCALHOST, "--port", "{port}"),
        ready_path="/api/health",
        ready_seconds=START_SECONDS,
        environment={
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_UI_ENABLED": "true",
            # Without it the pages ask port 4200, wherever they came from, and show nothing.
            "PREFECT_SERVER_UI_API_URL": f"http://{LOCALHOST}:{{port}}/api",
            # The server writes the pages that it serves: not into the installed package, which may be another's.
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            # A schedule that is added in the pages is otherwise looked at within a minute.
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "10",
            "PREFECT_CLI_PROMPT": "false",
        },
    )
