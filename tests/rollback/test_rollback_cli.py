"""An emergency rollback as a person does it: a plan, its approval by hash, the run; and what is refused."""

import psycopg
import pytest


def value(dsn: str, query: str):
    with psycopg.connect(dsn) as session:
        return session.execute(query).fetchone()[0]


def change(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def damaged(at_terminal):
    """Prove a point of the guestbook, and then damage the live database."""
    seat = at_terminal("guestbook")
    seat.json("backup", "guestbook")
    seat.rows = value(seat.protected.dsn, "select count(*) from entries")
    change(seat.protected.dsn, "update entries set words = 'spoilt'")
    return seat


def test_a_rollback_goes_back_to_the_proven_point_and_keeps_the_replaced_database(damaged):
    planned = damaged.json("rollback", "guestbook")["plan"]
    assert planned["discards"]["rows"] >= damaged.rows
    assert value(damaged.protected.dsn, "select count(*) from entries where words = 'spoilt'") == damaged.rows

    said = damaged.json("rollback", "guestbook", "--approve", planned["hash"])

    assert said["outcome"] == "done"
    assert said["verdict"] == "sound"
    assert said["downtime_seconds"] < 1
    assert value(damaged.protected.dsn, "select count(*) from entries where words = 'spoilt'") == 0
    assert value(damaged.protected.dsn, "select count(*) from entries") == damaged.rows
    assert damaged.json("verify-journal", said["run"])["sound"] is True
    assert (
        value(damaged.protected.dsn, "select count(*) from pg_database where datname like '%replaced%' and not datallowconn") == 1
    )
