"""Automations on a real server: what it starts by itself when a run dies, a backup does not come, or a drill proves nothing."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import StateType
from prefect.states import Completed, Failed, Running

from deployments.automations import HEARTBEAT, Patience, name_of
from deployments.deploying import automate
from deployments.offers import definitions
from deployments.prefect_client import prefect_client
from deployments.serving import Target, put

POOL, PREFIX, APPLICATION = "nobody-works-here", "watched-", "lighthouse"
SOON = timedelta(seconds=10)
"""As short as a server lets a missing event be waited for."""
PATIENCE_SECONDS = 60


@pytest.fixture
def watched(prefect_server):
    """Deployments with automations that wait for seconds, in a pool without a worker: runs stay as they are put."""
    patience = Patience(backup=SOON, heartbeat=SOON)
    with prefect_client(prefect_server.api_url) as client:
        if POOL not in {pool.name for pool in client.read_work_pools()}:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        offered = definitions([APPLICATION], prefix=PREFIX)
        put_there = put(client, offered, Target(work_pool=POOL))
        automations = automate(client, offered, put_there, prefix=PREFIX, patience=patience)
    keys = {definition.offer: change.id for definition, change in zip(offered, put_there, strict=True)}
    yield keys
    with get_client(sync_client=True) as client:
        for each in automations:
            client.delete_automation(each.id)
        for key in keys.values():
            client.delete_deployment(key)


def started_by(automation: str, deployment):
    """Return the runs of a deployment that an automation has started."""
    chosen = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    name = name_of(PREFIX, APPLICATION, automation)
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(deployment_filter=chosen)
    return [run for run in runs if run.created_by and run.created_by.display_value == name]


def wait_for(seen, what: str):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := seen()):
        assert time.monotonic() < deadline, what
        time.sleep(0.25)
    return found


def beat(api_url: str, run, deployment) -> None:
    """Give the sign of life that a run's process gives."""
    event = {
        "id": str(uuid4()), "event": HEARTBEAT, "occurred": datetime.now(UTC).isoformat(), "payload": {},
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
        "related": [{"prefect.resource.id": f"prefect.deployment.{deployment}", "prefect.resource.role": "deployment"}],
    }  # fmt: skip
    httpx.post(f"{api_url}/events", json=[event]).raise_for_status()


def test_what_dies_fails_or_does_not_come_is_answered_by_the_server_itself(watched, prefect_server):
    with get_client(sync_client=True) as client:
        rollback, drill, sound, backup = (
            client.create_flow_run_from_deployment(watched[offer]).id for offer in ("rollback", "drill", "rehearsal", "backup")
        )
        for run in (rollback, drill, sound, backup):
            client.set_flow_run_state(run, Running(), force=True)
        client.set_flow_run_state(backup, Completed(name="Sound"), force=True)
        backed_up = client.read_flow_run(backup).state.timestamp
        beat(prefect_server.api_url, rollback, watched["rollback"])
        beat(prefect_server.api_url, sound, watched["rehearsal"])
        client.set_flow_run_state(sound, Completed(name="Done"), force=True)
        client.set_flow_run_state(drill, Failed(name="Unfaithful"), force=True)

        # A drill that has proven nothing: another point is made at once.
        wait_for(lambda: started_by("failed-drill", watched["backup"]), "no backup after the failed drill")
        # The rollback's process gives no sign of life: it is shown as crashed, and gone on with, once.
        wait_for(lambda: client.read_flow_run(rollback).state_type is StateType.CRASHED, "the dead rollback is not crashed")
        assert "no sign of life for 10 s" in client.read_flow_run(rollback).state.message
        [resumed] = wait_for(lambda: started_by("interrupted-run", watched["resume"]), "the rollback is not resumed")
        # No other backup has come to a good end: the time counts from the last one.
        [missing, *_] = wait_for(lambda: started_by("missed-backup", watched["backup"]), "the missing backup is not started")

        assert missing.created >= backed_up + SOON
        assert resumed.parameters == {"application": APPLICATION}
        assert client.read_flow_run(sound).state_name == "Done"
        assert len(started_by("failed-drill", watched["backup"])) == 1
