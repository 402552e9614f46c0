"""Secrets stay out of argv, files, logs and the vault: a canary password is looked for everywhere at once."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

COMMAND = Path(sys.executable).with_name("continuity")
CANARY = "canary-7d1f-password"

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="argv of other processes is read from /proc")


@pytest.fixture
def canary_dsn(protect):
    protected = protect("guestbook")
    with psycopg.connect(protected.dsn, autocommit=True) as connection:
        connection.execute(f"create role canary superuser login password '{CANARY}'")
        yield protected, make_conninfo(protected.dsn, user="canary", password=CANARY)
        connection.execute("drop role canary")


def test_a_password_shows_in_no_argv_no_output_and_no_file(canary_dsn, tmp_path):
    protected, dsn = canary_dsn
    environment = protected.write_files(tmp_path, dsn="from the environment")
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen.update(_command_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = subprocess.run(
        [COMMAND, "backup", "guestbook", "--environment", environment, "--json"],
        env={**os.environ, "CONTINUITY_DATABASE_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    ended.set()
    watcher.join()

    assert done.returncode == 0, done.stderr
    assert any("pg_dump" in line for line in seen)
    assert any("pg_restore" in line for line in seen)
    assert any("expectations.child" in line for line in seen)
    assert not [line for line in seen if CANARY in line]
    assert CANARY not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


def _command_lines() -> list[str]:
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines
