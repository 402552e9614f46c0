"""A receiver of alerts of the stack's own, with secrets that are made at the first start."""

import secrets
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployments.local.processes import LOCALHOST
from deployments.local.services import RunningService, Service, start_service

NAME = "webhooks"
START_SECONDS = 60


def webhook_sections(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the tables of the environment file, and make the secrets that they name where there are none yet."""
    places = {
        source: _secret(directory / f"webhooks-{source}", prefix)
        for source, prefix in (("alertmanager", ""), ("grafana", ""), ("generic", "whsec_"))
    }
    return {
        "webhooks": {"environment": "stack", "dry_run": False},
        "webhooks.alertmanager": {"bearer": [places["alertmanager"]]},
        "webhooks.grafana": {"secrets": [places["grafana"]]},
        "webhooks.generic": {"secrets": [places["generic"]]},
    }


def start_webhook_receiver(state_directory: Path, variables: Mapping[str, str]) -> RunningService:
    """Start the receiver and wait until it serves; one that runs is returned as it is.

    Raises:
        ContinuityError: it does not come up; the detail is the end of its log.

    """
    return start_service(
        state_directory,
        Service(
            name=NAME,
            command=(sys.executable, "-m", "deployments.webhooks", "--host", LOCALHOST, "--port", "{port}"),
            ready_path="/health",
            ready_seconds=START_SECONDS,
            environment={**variables, "PREFECT_HOME": str(state_directory / "prefect"), "GX_ANALYTICS_ENABLED": "false"},
        ),
    )


def _secret(path: Path, prefix: str) -> str:
    """Make a secret for its owner alone where there is none, and return its place as settings name it."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(prefix + b64encode(secrets.token_bytes(32)).decode() + "\n")
    return f"file:{path}"
