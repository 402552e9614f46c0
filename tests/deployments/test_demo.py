"""The demonstration, as `make demo` runs it: on the system's PostgreSQL, and on the wheel's where there is no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.local.postgres_binaries import find_binaries

COMMAND = Path(sys.executable).with_name("continuity")


def _play(**variables: str):
    environment = {**os.environ, **variables}
    done = subprocess.run([COMMAND, "demo", "--json"], capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return json.loads(done.stdout)


def test_every_claim_of_the_demonstration_holds():
    told = _play()

    assert told["verdict"] == "sound"
    assert len(told["steps"]) == 10
    assert all(step["held"] for step in told["steps"])


def test_the_demonstration_needs_no_postgresql_of_the_system():
    try:
        find_binaries({"CONTINUITY_POSTGRES_BIN": "wheel"})
    except Exception:  # noqa: BLE001 -- whatever it is, the reason is told
        pytest.skip("the wheel is not made for this Python")

    assert _play(CONTINUITY_POSTGRES_BIN="wheel")["verdict"] == "sound"
