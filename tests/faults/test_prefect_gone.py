"""The Prefect server dies: backup and rollback go on to their end, which is in the vault, and their process leaves in time."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from continuity.domain.run import Outcome
from continuity.journal import list_runs, read_history
from continuity.steps.places import journals_of
from deployments.local.prefect_server import NAME, start_prefect_server
from deployments.local.services import stop_service
from deployments.offers import definitions
from deployments.serving import register
from flows.watchdog import LEFT_HANGING
from tests.fixtures.forms import fill_in
from tests.fixtures.terminal import Seat

PATIENCE_SECONDS = 3
LIMIT_SECONDS = 60
PAUSED = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
ROLLBACK = "emergency-rollback/guestbook-rollback"


@pytest.fixture(scope="module")
def server_state(tmp_path_factory):
    """Where these tests' server keeps its tables: a later start is faster than the first."""
    return tmp_path_factory.mktemp("mortal")


@pytest.fixture
def mortal_server(server_state):
    """A server of the test's own, to be killed; no run that an earlier test has left at a form is in it."""
    server = start_prefect_server(server_state)
    with temporary_settings({PREFECT_API_URL: server.api_url}), get_client(sync_client=True) as client:
        for left in client.read_flow_runs():
            client.delete_flow_run(left.id)
    yield server
    stop_service(server_state, NAME)


@pytest.fixture
def run_of(mortal_server, protect, tmp_path):
    """Start the process of a run, as a worker would."""
    started = []

    def start(deployment: str, prepare=lambda _protected: None):
        protected = protect("guestbook")
        prepare(protected)
        environment = protected.write_files(tmp_path)
        with environment.open("a") as file:
            file.write(f"[prefect]\nend_patience_seconds = {PATIENCE_SECONDS}\n")
        register(definitions(["guestbook"]), api_url=mortal_server.api_url)
        with temporary_settings({PREFECT_API_URL: mortal_server.api_url}), get_client(sync_client=True) as client:
            run = client.create_flow_run_from_deployment(client.read_deployment_by_name(deployment).id)
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect.engine"],
            env={
                **os.environ,
                "PREFECT_API_URL": mortal_server.api_url,
                "PREFECT__FLOW_RUN_ID": str(run.id),
                "CONTINUITY_ENVIRONMENT": str(environment),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return protected, process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _wait_for(happened, *, limit_seconds=LIMIT_SECONDS):
    deadline = time.monotonic() + limit_seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait_while_it_runs(process, happened):
    """Wait for what a living process brings about; where it does not, show what the process has said."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(process.communicate()[0])
        time.sleep(0.05)


def _kill(server):
    os.kill(server.service.pid, signal.SIGKILL)


def test_a_server_killed_in_the_middle_of_a_backup_costs_only_its_view_of_the_run(mortal_server, run_of):
    protected, process = run_of("nightly-backup/guestbook-backup")
    with psycopg.connect(protected.dsn) as blocker:
        # The lock holds pg_dump in the middle, with its snapshot open and its upload begun.
        table = blocker.execute("select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'")
        blocker.execute(f"lock table {table.fetchone()[0]} in access exclusive mode")
        waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        with psycopg.connect(protected.dsn, autocommit=True) as watcher:
            _wait_for(lambda: process.poll() is not None or watcher.execute(waiting).fetchone())
        assert process.poll() is None, process.communicate()[0]
        _kill(mortal_server)

    said, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == LEFT_HANGING
    assert "leaving without it" in said
    [point] = protected.points.listing().points
    assert point.proven


def test_a_server_killed_when_the_point_is_written_does_not_keep_the_process(mortal_server, run_of):
    protected, process = run_of("nightly-backup/guestbook-backup")
    _wait_for(lambda: list(protected.vault_folder.glob("**/drills/*.json")))
    _kill(mortal_server)
    killed = time.monotonic()

    said, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert time.monotonic() - killed < LIMIT_SECONDS
    assert "leaving without it" in said
    [point] = protected.points.listing().points
    assert point.proven


def test_a_server_that_is_gone_at_the_start_is_said_at_once_and_nothing_is_touched(mortal_server, run_of):
    protected, process = run_of("nightly-backup/guestbook-backup")
    _kill(mortal_server)

    said, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 1
    assert "connect" in said.lower()
    assert protected.points.listing().points == ()


def spoil(protected):
    """Prove a point, and let a bad release have its way."""
    protected.back_up()
    assert protected.drill().verdict.proven
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute("update entries set words = 'spoilt'")


def count_spoilt(protected) -> int:
    with psycopg.connect(protected.dsn) as session:
        return session.execute("select count(*) from entries where words = 'spoilt'").fetchone()[0]


def runs_of(protected):
    return list_runs(journals_of(protected.environment), protected.application.name)


def waits_at_form(server, key: str = ""):
    """Return the run that waits at a form, once the form is there; `key` tells it from the form before."""
    with temporary_settings({PREFECT_API_URL: server.api_url}), get_client(sync_client=True) as client:
        paused = client.read_flow_runs(flow_run_filter=PAUSED)
        return next((run for run in paused if key in run.state.state_details.pause_key), None)


def approve(server, process) -> None:
    _wait_while_it_runs(process, lambda: waits_at_form(server))
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        fill_in(waits_at_form(server).id, {"decision": "carry the plan out", "name": "Ada"})


@contextmanager
def held_in_the_restore(protected):
    """Hold the run in its restore: no database can be made until the block ends."""
    with psycopg.connect(protected.dsn, dbname="postgres") as blocker:
        blocker.execute("lock table pg_catalog.pg_database in exclusive mode")

        def waits() -> bool:
            # The blocker's own session looks: it sees what happens, and is no session on the application's database.
            blocker.execute("select pg_stat_clear_snapshot()")
            waiting = "select true from pg_stat_activity where wait_event_type = 'Lock' and backend_type = 'client backend'"
            return bool(blocker.execute(waiting).fetchone())  # autovacuum waits for this lock as well

        yield waits


def test_a_server_killed_while_a_plan_waits_for_approval_leaves_the_plan_to_the_terminal(mortal_server, run_of, tmp_path):
    protected, process = run_of(ROLLBACK, spoil)
    _wait_while_it_runs(process, lambda: waits_at_form(mortal_server))
    plan = waits_at_form(mortal_server).state.state_details.pause_key
    before = count_spoilt(protected)
    _kill(mortal_server)

    said, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == LEFT_HANGING
    assert f"nobody could approve plan {plan}: the Prefect server does not answer" in said
    assert "Nothing was changed." in said
    assert f"continuity rollback guestbook --approve {plan}" in said
    assert runs_of(protected) == ()
    assert count_spoilt(protected) == before > 0
    terminal = Seat(protected, tmp_path / "environment.toml")
    assert terminal.json("rollback", "guestbook", "--approve", plan)["outcome"] == "done"
    assert count_spoilt(protected) == 0


def test_a_server_killed_in_the_middle_of_a_rollback_costs_only_its_view_of_the_run(mortal_server, run_of):
    protected, process = run_of(ROLLBACK, spoil)
    _wait_while_it_runs(process, lambda: waits_at_form(mortal_server))
    with held_in_the_restore(protected) as waits:
        approve(mortal_server, process)
        _wait_while_it_runs(process, waits)
        _kill(mortal_server)
    killed = time.monotonic()

    said, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == LEFT_HANGING
    assert "leaving without it" in said
    assert time.monotonic() - killed < LIMIT_SECONDS
    [run] = runs_of(protected)
    assert read_history(journals_of(protected.environment), run).outcome is Outcome.DONE
    assert count_spoilt(protected) == 0


def test_a_server_and_a_process_that_both_die_leave_a_run_that_the_terminal_ends(mortal_server, run_of, tmp_path):
    protected, process = run_of(ROLLBACK, spoil)
    _wait_while_it_runs(process, lambda: waits_at_form(mortal_server))
    with held_in_the_restore(protected) as waits:
        approve(mortal_server, process)
        _wait_while_it_runs(process, waits)
        _kill(mortal_server)
        process.kill()
        process.wait()
    [run] = runs_of(protected)
    assert read_history(journals_of(protected.environment), run).outcome is None

    said = Seat(protected, tmp_path / "environment.toml").json("resume", run)

    assert said["outcome"] == "done"
    assert count_spoilt(protected) == 0


def test_a_server_killed_while_a_person_is_asked_at_the_end_does_not_keep_the_process(mortal_server, run_of):
    protected, process = run_of(ROLLBACK, spoil)
    approve(mortal_server, process)
    _wait_while_it_runs(process, lambda: waits_at_form(mortal_server, "confirmation"))
    _kill(mortal_server)

    said, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == LEFT_HANGING
    assert "leaving without it" in said
    assert "nobody has confirmed it" in said
    assert count_spoilt(protected) == 0
