"""The rollback of a column as a flow: the plan shows every statement, a person approves it, and it runs as a task."""

import contextvars
import threading
import time

import psycopg
from prefect.artifacts import Artifact
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import resume_flow_run

from flows.column import roll_back_column
from tests.fixtures.forms import paused_run


def test_an_approved_column_is_set_aside_and_the_plan_has_shown_the_statement(deployed):
    protected = deployed("empty")
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute("create table users (id int, bio text)")
    ended, started = [], time.time() - 1

    def start() -> None:
        ended.append(roll_back_column("empty", "public.users.bio", return_state=True))

    flow = threading.Thread(target=contextvars.copy_context().run, args=(start,), daemon=True)
    flow.start()
    answered: set[str] = set()
    for answer in ({"decision": "carry the plan out", "name": "Ada"}, {"verdict": "it works", "name": "Grace"}):
        run = paused_run(started, answered)
        time.sleep(0.5)  # the server shows a run as paused a moment before its form is there
        resume_flow_run(run.id, run_input=answer)
    flow.join(timeout=120)

    assert (ended[0].type, ended[0].name) == (StateType.COMPLETED, "Done"), ended[0].message
    assert "alter table public.users rename column bio to bio_quarantine_" in Artifact.get("empty-plan").data
    with psycopg.connect(protected.dsn) as session:
        names = [row[0] for row in session.execute("select attname from pg_attribute where attrelid = 'users'::regclass")]
    assert "bio" not in names
