"""Backups that are stopped, killed or starved in the middle: nothing half-written counts, and nothing is left running."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyrage
import pytest

from continuity.adapters.leases import holding
from continuity.domain.lease import Purpose
from continuity.domain.verdict import Judgement
from continuity.errors import Busy
from continuity.steps.places import vault_of

COMMAND = Path(sys.executable).with_name("continuity")
WAIT_SECONDS = 20.0


@pytest.fixture
def held_up(protect, tmp_path):
    """A backup whose pg_dump waits in its middle: its snapshot is open, its upload has begun. Encrypted, as init makes it."""

    @contextmanager
    def start(*, encrypted: bool = True):
        protected = protect("guestbook")
        environment = protected.write_files(tmp_path)
        if encrypted:
            recipient = pyrage.x25519.Identity.generate().to_public()
            text = environment.read_text().replace("[vault]\n", f'[vault]\nrecipients = ["{recipient}"]\n')
            environment.write_text(text)
        with psycopg.connect(protected.dsn) as blocker:
            tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public' limit 1"
            (table,) = blocker.execute(tables).fetchone()
            blocker.execute(f"lock table {table} in access exclusive mode")
            process = subprocess.Popen(
                [COMMAND, "backup", "guestbook", "--no-drill", "--environment", environment, "--json"],
                start_new_session=True,
                preexec_fn=at_a_keyboard,  # noqa: PLW1509 -- sets signals and nothing else
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            until(lambda: dumps_of(process.pid) and waiting_on(protected.dsn), "pg_dump waits for the lock")
            try:
                yield protected, process, blocker
            finally:
                if process.poll() is None:
                    process.kill()
                    process.communicate()

    return start


def at_a_keyboard() -> None:
    """Take signals as a shell's job does: a run of tests in the background has SIGINT ignored, and children inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def until(happens, what: str):
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if found := happens():
            return found
        time.sleep(0.02)
    return pytest.fail(f"not within {WAIT_SECONDS:.0f} s: {what}")


def dumps_of(parent: int) -> list[int]:
    """The pg_dump processes of a backup."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (process / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name == "pg_dump" and rest.split()[0] != "Z" and int(rest.split()[1]) == parent:
            found.append(int(process.name))
    return found


def waiting_on(dsn: str) -> list[int]:
    """The server's processes that wait for a lock on behalf of a backup, the dump's first."""
    with psycopg.connect(dsn) as connection:
        query = (
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            " and application_name in ('continuity', 'pg_dump') order by query ilike 'lock table%%' desc"
        )
        return [pid for (pid,) in connection.execute(query)]


def sessions_on(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        query = (
            "select application_name from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and application_name <> '' and backend_type = 'client backend'"
        )
        return [name for (name,) in connection.execute(query)]


def left_in(vault: Path) -> list[str]:
    """What stands in the vault, the probe and released leases apart."""
    names = (str(path.relative_to(vault)) for path in vault.rglob("*") if path.is_file())
    return sorted(name for name in names if name != "probe/create-once" and "/leases/" not in name and ".lock" not in name)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_backup_that_is_asked_to_stop_ends_its_programs_and_leaves_nothing(held_up, number, code):
    with held_up() as (protected, process, _blocker):
        [dump] = dumps_of(process.pid)
        started = time.monotonic()

        process.send_signal(number)
        _, said = process.communicate(timeout=15)

        assert process.returncode == code
        assert time.monotonic() - started < 10
        assert f"stopped by {signal.Signals(number).name}" in said
        assert "Next: " in said
        assert "Traceback" not in said
        assert not Path(f"/proc/{dump}").exists()
        until(lambda: not sessions_on(protected.dsn), "the server lets its sessions go")
    assert left_in(protected.vault_folder) == []
    protected.back_up()
    assert protected.drill().verdict.judgement is Judgement.SOUND


def test_a_whole_group_of_processes_that_is_interrupted_at_the_keyboard_leaves_nothing(held_up):
    with held_up() as (protected, process, _blocker):
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=15)

    assert process.returncode == 130
    assert left_in(protected.vault_folder) == []


def test_a_drill_that_is_asked_to_stop_leaves_no_database_and_no_file(protect, tmp_path, postgres_server):
    protected = protect("blottr")
    environment = protected.write_files(tmp_path)
    protected.back_up()
    work = tmp_path / "work"
    work.mkdir()
    environment.write_text(environment.read_text().replace(f'work_directory = "{tmp_path}"', f'work_directory = "{work}"'))

    def scratch() -> list[str]:
        with psycopg.connect(postgres_server.dsn("postgres")) as connection:
            found = connection.execute("select datname from pg_database where starts_with(datname, 'continuity_drill_')")
            return [name for (name,) in found]

    process = subprocess.Popen(
        [COMMAND, "drill", "blottr", "--environment", environment],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=at_a_keyboard,  # noqa: PLW1509 -- sets signals and nothing else
    )
    until(scratch, "the drill has made its database")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert process.returncode == 143
    assert scratch() == []
    assert list(work.iterdir()) == []


def test_a_dump_that_is_killed_fails_the_backup_and_says_by_what(held_up):
    with held_up() as (protected, process, _blocker):
        os.kill(dumps_of(process.pid)[0], signal.SIGKILL)

        said, _ = process.communicate(timeout=15)

    assert process.returncode == 1
    assert "pg_dump was ended by signal 9 (SIGKILL)" in json.loads(said)["error"]
    assert json.loads(said)["hint"]
    assert left_in(protected.vault_folder) == []


def test_a_session_that_the_server_ends_in_the_middle_is_tried_again(held_up):
    with held_up() as (protected, process, blocker):
        first = dumps_of(process.pid)
        with psycopg.connect(protected.dsn, autocommit=True) as administrator:
            administrator.execute("select pg_terminate_backend(%s)", [waiting_on(protected.dsn)[0]])
        until(lambda: dumps_of(process.pid) not in ([], first), "a second dump begins")
        blocker.rollback()

        said, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors
    assert "retrying step" in errors
    point = json.loads(said)["recovery_point"]
    assert [state.manifest.id for state in protected.points.listing().points] == [point]
    folders = {name.split("/")[3] for name in left_in(protected.vault_folder) if name.endswith(".age")}
    assert len(folders) == 1


def test_a_second_backup_leaves_with_75_names_the_first_and_changes_nothing(held_up, tmp_path):
    with held_up() as (protected, process, blocker):
        before = left_in(protected.vault_folder)

        second = backup(tmp_path)

        assert second.returncode == 75
        said = json.loads(second.stdout)
        assert f"process {process.pid} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d}" in said["error"]
        assert said["detail"] == "Nothing was changed."
        assert left_in(protected.vault_folder) == before
        blocker.rollback()
        first, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert [state.manifest.id for state in protected.points.listing().points] == [json.loads(first)["recovery_point"]]
    assert backup(tmp_path).returncode == 0


def test_after_the_holder_was_killed_the_next_backup_starts_at_once_and_cleans_up(held_up, tmp_path):
    with held_up() as (protected, process, blocker):
        process.kill()
        process.communicate()
        blocker.rollback()
        started = time.monotonic()

        following = backup(tmp_path)

        assert time.monotonic() - started < 15
    assert following.returncode == 0, following.stderr
    [point] = protected.points.listing().points
    assert point.manifest.id == json.loads(following.stdout)["recovery_point"]
    kept = [name for name in left_in(protected.vault_folder) if name.endswith(".age")]
    assert set(kept) == {stored.key for stored in point.manifest.stored}
    assert not [name for name in left_in(protected.vault_folder) if name.startswith(".unfinished")]


def test_a_drill_is_not_kept_out_by_a_backup(protect):
    protected = protect("guestbook")
    protected.back_up()

    with holding(vault_of(protected.environment), protected.application.name, Purpose.BACKUP, run="guestbook-now"):
        assert protected.drill().verdict.judgement is Judgement.SOUND
        with pytest.raises(Busy, match="guestbook-now"):
            protected.back_up()


def backup(folder: Path) -> subprocess.CompletedProcess[str]:
    argv = [COMMAND, "backup", "guestbook", "--no-drill", "--environment", folder / "environment.toml", "--json"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=90)


OPERATIONS = (
    "check what the backup needs",
    "look for the point",
    "remove leftovers of killed backups",
    "record the release",
    "dump and digest the database",
    "map the media versions",
    "compare the release",
    "write the manifest",
    "compare with earlier points",
)

KILLED = """
import os, pathlib, signal, sys
from datetime import UTC, datetime
from continuity.adapters.application_files import load_application
from continuity.procedures.backup import take_backup
from continuity.settings import load_environment
from continuity.steps.operation import perform_plainly

environment = load_environment(pathlib.Path(sys.argv[1]))
name, before = sys.argv[2], sys.argv[3] == "before"

def perform(operation, *args, **kwargs):
    if operation.name == name and before:
        os.kill(os.getpid(), signal.SIGKILL)
    result = perform_plainly(operation, *args, **kwargs)
    if operation.name == name:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

take_backup(load_application(environment.applications, "guestbook"), environment, created=datetime.now(UTC), perform=perform)
"""


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_any_two_operations_no_half_written_point_shows_and_the_next_run_cleans_up(
    protect, tmp_path, operation, moment
):
    protected = protect("guestbook")
    environment = protected.write_files(tmp_path)

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, environment, operation, moment], capture_output=True, text=True, check=False
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    made = [state.manifest for state in protected.points.listing().points]
    written = OPERATIONS.index(operation) + (moment == "after") > OPERATIONS.index("write the manifest")
    assert len(made) == written
    assert protected.points.listing().damaged == ()
    manifest = protected.back_up()
    assert protected.drill(manifest.id).verdict.judgement is Judgement.SOUND
    named = {stored.key for each in [*made, manifest] for stored in each.stored}
    dumps = {name for name in left_in(protected.vault_folder) if ".zst" in name and "/drills/" not in name}
    assert dumps == named


def test_every_operation_of_a_backup_is_killed_in_the_test_above(protect):
    from continuity.procedures.backup import take_backup
    from continuity.steps.operation import perform_plainly

    protected = protect("guestbook")
    seen = []

    def perform(operation, *args, **kwargs):
        seen.append(operation.name)
        return perform_plainly(operation, *args, **kwargs)

    take_backup(protected.application, protected.environment, created=datetime.now(UTC), perform=perform)

    assert tuple(seen) == OPERATIONS
