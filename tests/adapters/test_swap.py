"""The swap on a real server: atomic, bound to identities, short for those who are connected."""

import threading
import time
from dataclasses import replace
from itertools import pairwise

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from continuity.adapters.postgres import connect
from continuity.adapters.swap import carries, find_database, sessions_on, swap_databases, system_identifier
from continuity.domain.plan import PlanHash
from continuity.domain.swap import LONGEST_NAME_BYTES, Swap, replaced_name, shadow_name
from continuity.errors import DatabaseError, UnsafeOperation

HASH = PlanHash("0123456789abcdef")


@pytest.fixture
def pair(make_database):
    """Make a live database that says "old", and a closed shadow of it that says "new"."""
    dsn = make_database("empty")
    live = conninfo_to_dict(dsn)["dbname"]
    shadow = shadow_name(live, HASH)
    with connect(dsn, "postgres") as connection:
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute("create table version as select 'old' as content")
        connection.execute(sql.SQL("create database {} template {}").format(sql.Identifier(shadow), sql.Identifier(live)))
        with psycopg.connect(make_conninfo(dsn, dbname=shadow), autocommit=True) as session:
            session.execute("update version set content = 'new'")
        connection.execute(sql.SQL("alter database {} with allow_connections false").format(sql.Identifier(shadow)))
        swap = Swap(
            system_identifier=system_identifier(connection),
            live=live,
            live_oid=find_database(connection, live).oid,
            shadow=shadow,
            shadow_oid=find_database(connection, shadow).oid,
            replaced=replaced_name(live, HASH),
        )
    return dsn, swap


def version(dsn: str) -> str:
    with psycopg.connect(dsn) as session:
        return session.execute("select content from version").fetchone()[0]


def test_the_shadow_takes_the_live_name_and_the_replaced_database_is_kept_and_closed(pair):
    dsn, swap = pair

    swap_databases(dsn, swap)

    assert version(dsn) == "new"
    assert carries(dsn, swap) == swap.shadow_oid
    with connect(dsn, "postgres") as connection:
        replaced = find_database(connection, swap.replaced)
    assert (replaced.oid, replaced.allows_connections) == (swap.live_oid, False)
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(make_conninfo(dsn, dbname=swap.replaced))


def test_swapping_back_is_a_swap_with_the_names_exchanged(pair):
    dsn, swap = pair
    swap_databases(dsn, swap)

    back = replace(swap, live_oid=swap.shadow_oid, shadow=swap.replaced, shadow_oid=swap.live_oid, replaced=f"{swap.live}_undone")
    swap_databases(dsn, back)

    assert version(dsn) == "old"


@pytest.mark.parametrize(
    "wrong",
    [{"live_oid": 1}, {"shadow_oid": 1}, {"system_identifier": "7"}, {"shadow": "no_such_database"}, {"replaced": "postgres"}],
)
def test_nothing_is_changed_where_anything_is_not_as_recorded(pair, wrong):
    dsn, swap = pair

    with pytest.raises(UnsafeOperation):
        swap_databases(dsn, replace(swap, **wrong))

    assert version(dsn) == "old"
    assert carries(dsn, swap) == swap.live_oid


def test_a_second_swap_of_the_same_databases_is_refused(pair):
    dsn, swap = pair
    swap_databases(dsn, swap)

    with pytest.raises(UnsafeOperation):
        swap_databases(dsn, swap)

    assert version(dsn) == "new"


def test_a_prepared_transaction_stops_the_swap_within_seconds_and_clients_go_on(pair):
    dsn, swap = pair
    with psycopg.connect(dsn, autocommit=True) as session:
        try:
            session.execute("begin; create table t (i int); prepare transaction 'open'")
        except psycopg.errors.ObjectNotInPrerequisiteState:
            pytest.skip("no prepared transactions on this server")

    started = time.monotonic()
    with pytest.raises(DatabaseError):
        swap_databases(dsn, swap)

    assert time.monotonic() - started < 8
    assert version(dsn) == "old"
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("rollback prepared 'open'")


def test_clients_that_reconnect_see_the_old_or_the_new_database_and_never_anything_else(pair):
    dsn, swap = pair
    seen: list[tuple[float, str]] = []
    over = threading.Event()

    def observe() -> None:
        while not over.is_set():
            try:
                with psycopg.connect(dsn, autocommit=True) as session:
                    while not over.is_set():
                        seen.append((time.monotonic(), session.execute("select content from version").fetchone()[0]))
                        time.sleep(0.005)
            except psycopg.OperationalError:
                time.sleep(0.005)

    observers = [threading.Thread(target=observe) for _ in range(5)]
    for observer in observers:
        observer.start()
    time.sleep(0.3)
    swap_databases(dsn, swap)
    time.sleep(0.3)
    over.set()
    for observer in observers:
        observer.join()

    seen.sort()
    answers = [answer for _, answer in seen]
    assert set(answers) == {"old", "new"}
    assert "old" not in answers[answers.index("new") :]
    longest = max(later - earlier for (earlier, _), (later, _) in pairwise(seen))
    assert longest < 1.0


def test_who_is_connected_is_told_by_role_and_place(pair):
    dsn, swap = pair
    with psycopg.connect(dsn, application_name="web"), connect(dsn, "postgres") as connection:
        [session] = sessions_on(connection, swap.live_oid)

    assert session.application == "web"


def test_derived_names_fit_into_postgresql_and_stay_distinct():
    for live in ("blottr", "x" * 63, "é" * 31, "a" * 50 + "é" * 6):
        names = {shadow_name(live, HASH), replaced_name(live, HASH), live}
        assert len(names) == 3
        assert all(len(name.encode()) <= LONGEST_NAME_BYTES for name in names)
