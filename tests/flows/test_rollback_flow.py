"""The emergency rollback as a flow: a person approves it in a form, every step is a task run, the report is an artifact."""

import asyncio
import contextvars
import logging
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import resume_flow_run

from continuity.domain.stages import BUDGETS, Stage
from flows.escalation import telling_in_prefect
from flows.rollback import emergency_rollback

PAUSE_SECONDS = 90


def ask(question):
    """Ask the server something, in a loop of its own."""

    async def asked():
        async with get_client() as client:
            return await question(client)

    return asyncio.run(asked())


def paused_run(started: float, answered: set[str]):
    """Return the flow run that waits for a person, at a form that was not answered yet."""
    deadline = time.monotonic() + PAUSE_SECONDS
    while time.monotonic() < deadline:
        for run in ask(lambda client: client.read_flow_runs(limit=20)):
            paused = run.state_type is StateType.PAUSED and run.created.timestamp() >= started
            if paused and run.state.state_details.pause_key not in answered:
                answered.add(run.state.state_details.pause_key)
                return run
        time.sleep(0.2)
    raise TimeoutError("no run waits for a person")


def roll_back(*answers: dict[str, str]):
    """Start the flow, and answer its forms as a person would."""
    return answering(lambda: emergency_rollback("guestbook", return_state=True), *answers)


def answering(call, *answers: dict[str, str]):
    """Call a flow, answer its forms as a person would, and return the run with the state that it ends in."""
    ended = []
    started = time.time() - 1

    def start() -> None:
        ended.append(call())

    # Which server it is stands in the context, which a thread does not inherit by itself.
    flow = threading.Thread(target=contextvars.copy_context().run, args=(start,), daemon=True)
    flow.start()
    answered: set[str] = set()
    for answer in answers:
        run = paused_run(started, answered)
        time.sleep(0.5)  # the server shows a run as paused a moment before its form is there
        resume_flow_run(run.id, run_input=answer)
    flow.join(timeout=180)
    return run, ended[0]


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
