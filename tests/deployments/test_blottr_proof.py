"""What blottr's description says of its health, tests and queries holds on the sample application and fails on a broken one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from continuity.adapters.application_files import load_application
from continuity.adapters.programs import Ended
from continuity.adapters.query_times import measure_queries
from continuity.domain.answers import Expected
from continuity.domain.application_tests import ApplicationTest, JourneyRequest
from continuity.domain.stages import Stage
from continuity.errors import CheckFailed
from continuity.settings import TrafficSection
from continuity.steps.application_tests import try_out
from continuity.steps.error_rate import WATCH_ERRORS
from continuity.steps.health import CHECK_HEALTH
from deployments.local.processes import free_port
from tests.fixtures.cluster import eventually
from tests.fixtures.model_world import a_world

APPLICATIONS = Path(__file__).parents[2] / "applications"


def no_job(_world, _test) -> Ended:
    raise AssertionError


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health-check").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def dsn(make_database) -> str:
    return make_database("blottr")


@pytest.fixture
def url(dsn):
    """Run the sample application on a blottr database."""
    port = free_port()
    environment = {**os.environ, "DATABASE_URL": dsn, "PORT": str(port)}
    argv = [sys.executable, "-m", "deployments.local.sample_application", "1.4.1", "good"]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    eventually(lambda: answers(address))
    yield address
    process.terminate()
    process.wait(10)


@pytest.fixture
def world(url, dsn, tmp_path):
    with psycopg.connect(dsn) as session:
        [email] = session.execute("select email from users order by id limit 1").fetchone()
    (tmp_path / "user").write_text(email)
    (tmp_path / "password").write_text("any")
    places = {"test_user": f"file:{tmp_path / 'user'}", "test_password": f"file:{tmp_path / 'password'}"}
    world = a_world()
    application = load_application(APPLICATIONS, "blottr")
    application = replace(
        application,
        health=replace(application.health, interval_seconds=0.05, deadline_seconds=1),
        errors=replace(application.errors, window_seconds=0.3),
    )
    traffic = TrafficSection(url=url, secrets=places)
    return replace(world, application=application, environment=world.environment.model_copy(update={"traffic": traffic}))


def test_blottr_is_healthy_passes_its_own_tests_and_makes_no_errors(world):
    assert CHECK_HEALTH.do(world, {})["answers"] == 3
    tried = [try_out(world, test, in_job=no_job) for test in world.application.tests]
    assert [(each.name, each.detail) for each in tried if not each.passed] == []
    assert {test.stage for test in world.application.tests} == {Stage.VALIDATION, Stage.CONFIRMATION}
    assert WATCH_ERRORS.do(world, {})["percent"] == 0


def test_without_its_database_it_is_not_healthy_and_fails_its_critical_path(world, dsn):
    with psycopg.connect(dsn.rpartition("/")[0] + "/postgres", autocommit=True) as session:
        name = dsn.rpartition("/")[2]
        session.execute(f'alter database "{name}" allow_connections false')
        session.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])

    with pytest.raises(CheckFailed, match="answered 503, not 200"):
        CHECK_HEALTH.do(world, {})
    critical = next(test for test in world.application.tests if test.name == "critical path")
    assert "request 1 of 3, GET /: answered 503" in try_out(world, critical, in_job=no_job).detail


def test_its_queries_run_on_its_schema(world, dsn):
    times = measure_queries(dsn, dsn.rpartition("/")[2], world.application.queries)

    assert [each.trouble for each in times] == ["", ""]


def test_a_journey_signs_in_books_an_appointment_and_sees_it(world):
    booking = {"starts_at": "2031-01-01T10:00:00Z", "ends_at": "2031-01-01T12:00:00Z", "price": "120.00"}
    requests = (
        JourneyRequest(path="/login", method="POST", json={"email": "{secret:test_user}"}, keep={"client": "id"}),
        JourneyRequest(path="/artists", keep={"artist": "0.id"}),
        JourneyRequest(
            path="/appointments",
            method="POST",
            json={"artist_id": "{kept:artist}", "client_id": "{kept:client}", **booking},
            expected=Expected(status=(201,)),
            keep={"appointment": "id"},
        ),
        JourneyRequest(path="/appointments", expected=Expected(text='"id": {kept:appointment},')),
    )
    journey = ApplicationTest(name="book and see", stage=Stage.CONFIRMATION, requests=requests)

    first, second = (try_out(world, journey, in_job=no_job) for _ in range(2))

    assert first.passed, first.detail
    assert second.detail == "request 3 of 4, POST /appointments: answered 409, not 201"
