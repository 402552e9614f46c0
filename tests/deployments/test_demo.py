"""The demonstration, as `make demo` runs it: on the system's PostgreSQL, and on the wheel's where there is no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.local.postgres_binaries import find_binaries

COMMAND = Path(sys.executable).with_name("continuity")


def _play(*options: str, **variables: str):
    environment, argv = {**os.environ, **variables}, [COMMAND, "demo", "--json", *options]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300, env=environment)
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


def test_everything_but_the_vault_is_lost_and_one_command_brings_it_back_with_equal_digests_and_all_visitors():
    told = _play("--disaster")

    assert {step["name"]: step["held"] for step in told["steps"]} == dict.fromkeys(
        (
            "a recovery point of everything, proven",
            "database server, files, application and configuration are gone",
            "one command stands everything up again",
            "each stage stayed within its budget",
            "all visitors are back",
            "the application serves",
            "the database equals the point",
            "every file is back",
        ),
        True,
    )
