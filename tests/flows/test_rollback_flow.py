"""The emergency rollback as a flow: a person approves it in a form, every step is a task run, the report is an artifact."""

import logging
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from prefect.artifacts import Artifact
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType

from continuity.domain.stages import BUDGETS, Stage
from flows.escalation import telling_in_prefect
from flows.rollback import emergency_rollback
from tests.fixtures.forms import answering, ask


def roll_back(*answers: dict[str, str]):
    """Start the flow, and answer its forms as a person would."""
    return answering(lambda: emergency_rollback("guestbook", return_state=True), *answers)


@pytest.fixture
def spoilt(deployed):
    protected = deployed("guestbook")
    protected.back_up()
    assert protected.drill().verdict.proven
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute("update entries set words = 'spoilt'")
    return protected


def count_spoilt(protected) -> int:
    with psycopg.connect(protected.dsn) as session:
        return session.execute("select count(*) from entries where words = 'spoilt'").fetchone()[0]


def test_an_approved_rollback_runs_every_step_as_a_task_and_publishes_its_report(spoilt, monkeypatch, caplog):
    monkeypatch.setitem(BUDGETS, Stage.IMMEDIATE, timedelta(seconds=0.01))
    approves = {"decision": "carry the plan out", "name": "Ada"}
    run, state = roll_back(approves, {"verdict": "it works", "name": "Grace", "said": "signed in"})

    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert state.message.endswith("confirmed by Grace")
    assert count_spoilt(spoilt) == 0
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    names = [task.name.rsplit("-", 1)[0] for task in ask(lambda client: client.read_task_runs(flow_run_filter=chosen))]
    assert {"restore the point", "judge the restore", "swap the databases"} <= set(names)
    assert "Will be lost" in Artifact.get("guestbook-plan").data
    report = Artifact.get("guestbook-run").data
    assert "approved by | Ada" in report
    assert "Timeline (UTC)" in report
    over = "stage immediate has passed its budget of 0.000166667 min: escalate; the work goes on"
    shown = Artifact.get("guestbook-over-budget")
    assert (shown.flow_run_id, shown.description) == (run.id, over)
    assert [line.levelno for line in caplog.records if line.getMessage() == over] == [logging.ERROR]


def test_telling_that_a_stage_is_over_its_budget_waits_for_no_prefect_server(monkeypatch):
    released, asked = threading.Event(), threading.Event()

    def hanging(*_args, **_kwargs):
        asked.set()
        released.wait(10)

    monkeypatch.setattr("flows.escalation.create_markdown_artifact", hanging)
    began = time.monotonic()

    telling_in_prefect("guestbook")(Stage.IMMEDIATE, timedelta(minutes=15))

    assert time.monotonic() - began < 1
    assert asked.wait(5)
    released.set()


def test_a_form_that_says_to_do_nothing_changes_nothing(spoilt):
    before = count_spoilt(spoilt)

    _, state = roll_back({"decision": "do nothing", "name": "Ada"})

    assert state.type is StateType.FAILED
    assert "Ada decided to do nothing" in state.message
    assert count_spoilt(spoilt) == before
