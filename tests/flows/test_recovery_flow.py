"""A disaster recovery started by its deployment, approved by the form of its run, and carried out by a worker."""

import time

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType

from continuity.journal import list_runs, read_history
from continuity.steps.places import journals_of
from deployments.local.prefect_worker import NAME, start_prefect_worker
from deployments.local.services import stop_service
from deployments.offers import definitions
from deployments.serving import register
from tests.fixtures.forms import fill_in

RUN_SECONDS = 90


@pytest.fixture
def lost(prefect_server, deployed, tmp_path):
    """A guestbook that is gone from its server, of which the vault has a proven point; deployments, and a worker."""
    protected = deployed("guestbook")
    protected.back_up()
    assert protected.drill().verdict.proven
    name = protected.application.database.name
    with psycopg.connect(protected.dsn, dbname="postgres", autocommit=True) as session:
        session.execute(f"drop database {name} with (force)")
    register(definitions(["guestbook"]), api_url=prefect_server.api_url)
    state = tmp_path / "worker"
    start_prefect_worker(state, prefect_server, {"CONTINUITY_ENVIRONMENT": str(tmp_path / "environment.toml")})
    yield protected
    stop_service(state, NAME)


def awaited(run, reached):
    """Wait until a run is in a state that is wanted."""
    deadline = time.monotonic() + RUN_SECONDS
    with get_client(sync_client=True) as client:
        while (state := client.read_flow_run(run).state) is None or not reached(state):
            assert time.monotonic() < deadline, state
            time.sleep(0.3)
    return state


def test_a_recovery_is_started_by_its_deployment_and_carried_out_once_its_form_says_so(lost):
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("disaster-recovery/guestbook-recovery")
        started = client.create_flow_run_from_deployment(deployment.id, parameters={"bump_sequences": 1000})
    awaited(started.id, lambda state: state.type is StateType.PAUSED)
    fill_in(started.id, {"decision": "carry the plan out", "name": "Ada"})
    awaited(started.id, lambda state: state.state_details.pause_key == "confirmation")
    fill_in(started.id, {"verdict": "it works", "name": "Grace"})
    ended = awaited(started.id, lambda state: state.is_final())

    assert (ended.type, ended.name) == (StateType.COMPLETED, "Done"), ended.message
    assert ended.message.endswith("confirmed by Grace")
    with psycopg.connect(lost.dsn) as session:
        assert session.execute("select count(*) > 0 from public.entries").fetchone() == (True,)
        last, highest = session.execute("select last_value, max(number) from guest_numbers, guests group by 1").fetchone()
        assert last == highest + 1000
    journals = journals_of(lost.environment)
    [run] = list_runs(journals, lost.application.name)
    assert read_history(journals, run).entries[0].facts["approved by"] == ["Ada"]
