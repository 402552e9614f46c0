"""Switching a feature as a flow: the plan in a form, every step a task run, the report as an artifact."""

import contextvars
import threading
import time

import psycopg
import pytest
from prefect.artifacts import Artifact
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType

from flows.feature import Switch, switch_feature
from tests.fixtures.forms import ask, fill_in, paused_run


@pytest.fixture
def guestbook(deployed, tmp_path):
    protected = deployed("guestbook")
    described = tmp_path / "applications/guestbook/application.toml"
    described.write_text(described.read_text() + '[flags]\ntable = "public.flags"\n')
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute("create table public.flags (name text primary key, enabled boolean)")
        session.execute("insert into public.flags values ('newDesk', true)")
    return protected


def is_on(protected) -> bool:
    with psycopg.connect(protected.dsn) as session:
        return session.execute("select enabled from public.flags").fetchone()[0]


def test_a_feature_is_switched_once_a_person_has_approved_and_a_second_run_finds_it_so(guestbook):
    ended = []
    started = time.time() - 1
    start = contextvars.copy_context().run
    flow = threading.Thread(
        target=lambda: start(lambda: ended.append(switch_feature("guestbook", "newDesk", Switch.OFF, return_state=True))),
        daemon=True,
    )
    flow.start()
    run = paused_run(started, set())
    assert is_on(guestbook)
    fill_in(run.id, {"decision": "carry the plan out", "name": "Ada"})
    flow.join(timeout=120)

    [state] = ended
    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert not is_on(guestbook)
    assert "newDesk, now on" in Artifact.get("guestbook-plan").data
    assert "every pod has newDesk off with its next look" in Artifact.get("guestbook-run").data
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    names = [task.name.rsplit("-", 1)[0] for task in ask(lambda client: client.read_task_runs(flow_run_filter=chosen))]
    assert {"observe the flags", "set newDesk off", "see who has newDesk"} <= set(names)

    again = switch_feature("guestbook", "newDesk", Switch.OFF, return_state=True)
    assert (again.name, again.message) == ("AsWanted", "newDesk is off already; nothing was changed")
