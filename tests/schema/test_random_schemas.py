"""For schemas drawn at random: the order is right by PostgreSQL's own judgement, and set aside then put back is the identity."""

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from continuity.adapters.brief_locks import Limits
from continuity.adapters.postgres import connect, fetch_value
from continuity.adapters.quarantine import put_back, set_aside
from continuity.domain.identifiers import parse_identifier
from continuity.domain.setting_aside import Action, set_aside_of
from continuity.errors import UnsafeOperation
from tests.schema.conftest import picture, steps_of
from tests.schema.random_schemas import RandomSchema, schemas

LIMITS = Limits(lock_timeout_milliseconds=5000, patience_seconds=20)
EXAMPLES = settings(
    max_examples=20,
    deadline=None,
    # Shrinking what takes half a second a try would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def fill(make_database):
    """Make databases of drawn schemas, and drop each when the next one is made."""
    dsn = make_database("empty")

    def make(schema: RandomSchema) -> str:
        with psycopg.connect(dsn, autocommit=True) as session:
            for (name,) in session.execute(
                "select nspname from pg_namespace where oid >= 16384 or nspname = 'public'"
            ).fetchall():
                session.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))
            session.execute("create schema public")
            for statement in schema.statements:
                session.execute(statement)
        return dsn

    return make


def refuse_wrong_order(dsn: str, aside) -> None:
    """Drop everything in the order of the plan, each by itself: PostgreSQL refuses what something still depends on."""
    with psycopg.connect(dsn) as session:
        keys = session.execute(
            "select conrelid::regclass::text, conname from pg_constraint where contype = 'f' and conparentid = 0"
        )
        for table, name in keys.fetchall():
            session.execute(
                sql.SQL(f"alter table {table.replace('{', '{{').replace('}', '}}')} drop constraint {{}}").format(
                    sql.Identifier(name)
                )
            )
        for change in aside.changes:
            names = [sql.Identifier(change.schema, change.table or change.name), sql.Identifier(change.name)]
            match change.action, change.catalog:
                case Action.MOVE, "pg_proc":
                    statement = sql.SQL("drop function {}()").format(names[0])
                case Action.MOVE, _:
                    statement = sql.SQL(f"drop {change.kind} {{}}").format(names[0])
                case Action.RENAME, _:
                    statement = sql.SQL("alter table {} drop column {}").format(*names)
                case Action.DISABLE, _:
                    statement = sql.SQL(f"drop {change.kind} {{}} on {{}}").format(*reversed(names))
            session.execute(statement)
        session.rollback()


@given(drawn=schemas(), data=st.data())
@EXAMPLES
def test_set_aside_and_put_back_is_the_identity_and_the_order_is_topological(fill, drawn, data):
    dsn = fill(drawn)
    wanted = data.draw(st.lists(st.sampled_from(drawn.tables + drawn.columns), min_size=1, max_size=3, unique=True))
    before = picture(dsn)

    [step] = steps_of(dsn, *wanted, with_dependents=True)
    aside = set_aside_of(step.arguments)
    refuse_wrong_order(dsn, aside)
    try:
        without = steps_of(dsn, *wanted)
    except UnsafeOperation as refused:
        assert "✗" in refused.detail  # noqa: PT017 -- both outcomes are right, each for its schemas
    else:
        assert without[0].arguments["set aside"] == step.arguments["set aside"]
    database = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]

    set_aside(dsn, database, aside, comment="a test's", limits=LIMITS)
    meanwhile = picture(dsn)
    with pytest.raises(UnsafeOperation):
        set_aside(dsn, database, aside, comment="a test's", limits=LIMITS)
    assert picture(dsn) == meanwhile != before
    put_back(dsn, database, aside, limits=LIMITS)

    assert picture(dsn) == before


AWKWARD = st.text(alphabet='aB_$9é"." \t表', min_size=1, max_size=12)


@given(texts=st.lists(AWKWARD, min_size=60, max_size=60))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_names_are_read_as_the_server_reads_them(make_database, postgres_server, texts):
    with connect(postgres_server.dsn("postgres")) as connection:
        for text in texts:
            try:
                theirs = fetch_value(connection, "select parse_ident(%s)", text)
            except psycopg.Error:
                theirs = None
            try:
                ours = list(parse_identifier(text))
            except Exception:  # noqa: BLE001 -- what is no name
                ours = None
            assert ours == theirs, text
