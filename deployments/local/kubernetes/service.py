"""The stand-in as a service of the embedded stack: started, given its data, and reached by a kubeconfig file."""

import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.local.processes import exclusive
from deployments.local.services import RunningService, Service, start_service

NAME = "kubernetes"
START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class LocalCluster:
    """A stand-in that has answered; `kubeconfig` holds its token and belongs to its owner alone."""

    service: RunningService
    kubeconfig: Path


def start_cluster(
    state_directory: Path,
    *,
    images: Sequence[Mapping[str, Any]],
    custom_resources: Sequence[Mapping[str, str]] = (),
) -> LocalCluster:
    """Start the stand-in with its registry of images (see `images.py`); one that runs is given these images from now on.

    Its objects outlive it; its pods do not, and are started again with it.

    Raises:
        ContinuityError: it does not come up; the detail is the end of its log.

    """
    directory = state_directory / NAME
    with exclusive(directory):
        directory.chmod(0o700)
        _write_private(directory / "cluster.json", json.dumps({"images": [*images], "custom_resources": [*custom_resources]}))
        if not (directory / "token").exists():
            _write_private(directory / "token", secrets.token_urlsafe(32))
    command = (sys.executable, "-m", "deployments.local.kubernetes", "{port}", str(directory))
    service = Service(name=NAME, command=command, ready_path="/readyz", ready_seconds=START_SECONDS)
    running = start_service(state_directory, service)
    kubeconfig = directory / "kubeconfig"
    write_kubeconfig(kubeconfig, running.url, (directory / "token").read_text().strip())
    return LocalCluster(service=running, kubeconfig=kubeconfig)


def write_kubeconfig(path: Path, url: str, token: str) -> None:
    """Write a file by which clients reach the stand-in at an address; JSON is YAML."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "stand-in", "cluster": {"server": url}}],
        "users": [{"name": "stand-in", "user": {"token": token}}],
        "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "stand-in"}}],
        "current-context": "stand-in",
    }
    _write_private(path, json.dumps(content, indent=2))


def _write_private(path: Path, content: str) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content + "\n")
    draft.replace(path)
