"""Ten clients that ask every 5 ms through a whole rollback: the old database, then the proven one, and nothing else."""

import psycopg
import pytest

from tests.fixtures.poolers import assert_old_or_new, observers

STATE = (
    "select (select count(*) from entries), (select count(*) from entries where words = 'spoilt'), to_regclass('added') is null"
)


@pytest.mark.parametrize("order", ["stop-first", "prepare-first"])
def test_clients_see_the_old_or_the_proven_database_or_a_refusal_of_less_than_a_second(at_terminal, order):
    seat = at_terminal("guestbook")
    dsn = seat.protected.dsn
    seat.protected.back_up()
    assert seat.protected.drill().verdict.proven
    row = f"select row_to_json(state)::text from ({STATE}) as state"
    with psycopg.connect(dsn, autocommit=True) as session:
        (new,) = session.execute(row).fetchone()
        # The damage leaves every table with other rows, and one too many: anything between would be seen.
        session.execute("update entries set words = 'spoilt' where page > 0")
        session.execute("create table added (i int)")
        (old,) = session.execute(row).fetchone()
    assert old != new
    plan = seat.json("rollback", "guestbook", "--order", order)["plan"]

    with observers(dsn, row, clients=10) as seen:
        done = seat.json("rollback", "guestbook", "--approve", plan["hash"])

    assert done["verdict"] == "sound"
    assert_old_or_new(seen, old=old, new=new)
    assert len(seen.values) > 1000
