"""The rollback of a column as a flow: the plan shows every statement, a person approves it, and it runs as a task."""

import psycopg
from prefect.artifacts import Artifact
from prefect.client.schemas.objects import StateType

from flows.column import roll_back_column
from tests.fixtures.forms import answering


def test_an_approved_column_is_set_aside_and_the_plan_has_shown_the_statement(deployed):
    protected = deployed("empty")
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute("create table users (id int, bio text)")

    _, ended = answering(
        lambda: roll_back_column("empty", "public.users.bio", return_state=True),
        {"decision": "carry the plan out", "name": "Ada"},
    )

    assert (ended.type, ended.name) == (StateType.COMPLETED, "Done"), ended.message
    assert "alter table public.users rename column bio to bio_quarantine_" in Artifact.get("empty-plan").data
    with psycopg.connect(protected.dsn) as session:
        names = [row[0] for row in session.execute("select attname from pg_attribute where attrelid = 'users'::regclass")]
    assert "bio" not in names
