"""The Prefect server dies: the backup goes on, its point is whole and proven, and its process leaves in time."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.local.prefect_server import NAME, start_prefect_server
from deployments.local.services import stop_service
from deployments.offers import definitions
from deployments.serving import register
from flows.watchdog import LEFT_HANGING

PATIENCE_SECONDS = 3
LIMIT_SECONDS = 60


@pytest.fixture(scope="module")
def server_state(tmp_path_factory):
    """Where these tests' server keeps its tables: a later start is faster than the first."""
    return tmp_path_factory.mktemp("mortal")


@pytest.fixture
def mortal_server(server_state):
    """A server of the test's own, to be killed."""
    yield start_prefect_server(server_state)
    stop_service(server_state, NAME)


@pytest.fixture
def run_of(mortal_server, protect, tmp_path):
    """Start the process of a run, as a worker would."""
    started = []

    def start(deployment: str):
        protected = protect("guestbook")
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
