"""A rollback by a role without superuser: what it may do suffices, and what it lacks is refused before anything is done."""

import socketserver
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from continuity.errors import UnsafeOperation
from continuity.procedures.remaking import remake
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.procedures.runs import carry_out
from continuity.steps.operation import perform_plainly
from deployments.local.postgres import running_postgres
from tests.fixtures.killing import hands
from tests.fixtures.postgres import Templates

SPOIL = {
    "guestbook": ("update entries set words = 'spoilt'", "select count(*) from entries where words = 'spoilt'"),
    "blottr": ("update cities set name = 'spoilt'", "select count(*) from cities where name = 'spoilt'"),
}


@pytest.fixture
def steward(postgres_server):
    """Make a role that can log in and nothing more; `grants` give it what they say. Return a DSN for a place's server."""
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        connection.execute("create role steward login password 'steward'")

        def give(dsn: str, *grants: str) -> str:
            for grant in grants:
                connection.execute(grant)
            return make_conninfo(dsn, user="steward", password="steward", dbname="postgres")

        yield give
        connection.execute("drop role steward")


def enough(dsn: str) -> tuple[str, ...]:
    """Return the grants that the runbook names, for the owner of a database."""
    with psycopg.connect(dsn) as session:
        (owner,) = session.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
        ).fetchone()
    return (
        f'grant "{owner}" to steward',
        "alter role steward createdb",
        "grant pg_signal_backend to steward",
    )


@pytest.mark.parametrize("kind", ["guestbook", "blottr"])
def test_the_whole_rollback_and_its_undo_need_no_superuser(at_terminal, steward, kind):
    seat = at_terminal(kind)
    dsn = seat.protected.dsn
    seat.protected.back_up()
    assert seat.protected.drill().verdict.proven
    spoil, spoilt = SPOIL[kind]
    with psycopg.connect(dsn, autocommit=True) as session:
        rows = session.execute(spoil).rowcount
    by_steward = steward(dsn, *enough(dsn))
    seat.environment.write_text(f'{seat.environment.read_text()}[rollback]\ndsn = "{by_steward}"\n')

    # A session of another role is there to be ended.
    client = psycopg.connect(dsn, user=owner_with_login(dsn), password="visitor")
    plan = seat.json("rollback", kind)["plan"]
    done = seat.json("rollback", kind, "--approve", plan["hash"])

    assert (done["outcome"], done["verdict"]) == ("done", "sound")
    with pytest.raises(psycopg.OperationalError):
        client.execute("select 1")
    with psycopg.connect(dsn) as session:
        assert session.execute(spoilt).fetchone() == (0,)
    undo = seat.json("undo", done["run"])["plan"]
    assert seat.json("undo", done["run"], "--approve", undo["hash"])["outcome"] == "done"
    with psycopg.connect(dsn) as session:
        assert session.execute(spoilt).fetchone() == (rows,)


def owner_with_login(dsn: str) -> str:
    """Return the application's role, with a password."""
    with psycopg.connect(dsn, autocommit=True) as session:
        (owner,) = session.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
        ).fetchone()
        session.execute(f"alter role \"{owner}\" login password 'visitor'")
    return owner


def refusal(place) -> str:
    """Return why no plan is made, having made sure that nothing changed."""
    before = place.server()
    with pytest.raises(UnsafeOperation) as refused:
        place.waiting()
    assert "Nothing was changed." in refused.value.detail
    assert place.server() == before
    return refused.value.detail


def test_what_the_role_lacks_is_refused_all_at_once_with_its_remedies(place, steward):
    place.set("rollback", f'dsn = "{steward(place.dsn)}"')

    detail = refusal(place)

    for name, remedy in (
        ("rename", "Grant guestbook to steward"),
        ("second copy", "Give steward CREATEDB and membership in guestbook"),
        ("end sessions", "Grant pg_signal_backend to steward"),
        ("scratch database", "CREATEDB"),
        ("memberships", "Grant them to the restore role"),
    ):
        assert f"✗ {name}: " in detail
        assert remedy in detail


@pytest.mark.parametrize(
    ("left_out", "named"),
    [(0, {"rename", "second copy", "memberships"}), (1, {"second copy", "scratch database"}), (2, {"end sessions"})],
)
def test_each_thing_that_is_missing_is_named_alone(place, steward, left_out, named):
    grants = enough(place.dsn)
    place.set("rollback", f'dsn = "{steward(place.dsn, *grants[:left_out], *grants[left_out + 1 :])}"')

    detail = refusal(place)

    assert {line[2:].split(":")[0] for line in detail.splitlines() if line.startswith("✗ ")} == named


def test_a_superusers_session_that_the_role_may_not_end_is_refused_beforehand(place, steward):
    place.set("rollback", f'dsn = "{steward(place.dsn, *enough(place.dsn))}"')

    with psycopg.connect(place.dsn):
        assert "superuser sessions there, which steward may not end" in refusal(place)


def test_an_open_prepared_transaction_is_refused_and_named(place):
    with psycopg.connect(place.dsn, autocommit=True) as session:
        session.execute("begin; create table left_over (i int); prepare transaction 'left over'")

        assert "left over are open and hold the database" in refusal(place)

        session.execute("rollback prepared 'left over'")
    assert place.waiting().plan.steps


@pytest.fixture(scope="module")
def other_server(postgres_server):
    """Run a second server, with the first one's password, which can also decode its log."""
    with running_postgres(settings={"wal_level": "logical", "max_wal_senders": "5"}) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as session:
            session.execute(f"alter role postgres password '{postgres_server.password()}'")
        (server.directory / "password").write_text(postgres_server.password())
        yield server


@contextmanager
def address_of(port: int):
    """Forward an address to a port that may be changed: what stands behind a host's name moves, too."""

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            import select
            import socket

            with socket.create_connection(("127.0.0.1", self.server.target)) as there:
                while True:
                    for ready in select.select([self.request, there], [], [])[0]:
                        if not (data := ready.recv(1 << 16)):
                            return
                        (there if ready is self.request else self.request).sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward) as server:
        server.daemon_threads, server.target = True, port
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def databases(dsn: str) -> list[tuple]:
    with psycopg.connect(dsn, dbname="postgres") as session:
        return session.execute("select datname, oid, datallowconn from pg_database order by oid").fetchall()


def test_another_cluster_that_has_come_to_stand_behind_the_address_is_refused(place, postgres_server, other_server):
    name = conninfo_to_dict(place.dsn)["dbname"]
    Templates(other_server).copy("guestbook", name)
    there = other_server.dsn(name)
    with address_of(postgres_server.port) as address:
        place.set("rollback", f'dsn = "{make_conninfo(place.dsn, port=address.server_address[1])}"')
        application, environment = place.load()
        waiting = make_plan(application, environment, RollbackWish(), perform=perform_plainly, now=datetime.now(UTC))
        before = place.server(), databases(there)
        address.target = other_server.port

        with pytest.raises(UnsafeOperation, match="the world has changed") as refused:
            carry_out(
                application,
                environment,
                waiting,
                replan=lambda: remake(application, environment, waiting.plan, perform=perform_plainly, now=datetime.now(UTC)),
                approvals=[],
                hands=hands(None),
            )

    assert "server: was system identifier" in refused.value.detail
    assert (place.server(), databases(there)) == before


def test_a_logical_slot_on_the_database_is_refused_and_named(place, other_server):
    name = conninfo_to_dict(place.dsn)["dbname"]
    with psycopg.connect(other_server.dsn("postgres"), autocommit=True) as session:
        if (name,) not in session.execute("select datname from pg_database").fetchall():
            session.execute(f'create database "{name}"')
    there = replace(place, dsn=other_server.dsn(name))
    place.set("rollback", f'dsn = "{there.dsn}"')
    with psycopg.connect(there.dsn, autocommit=True) as session:
        session.execute("select pg_create_logical_replication_slot('feed', 'pgoutput')")
    try:
        assert "feed are on the database, and a slot cannot move to another one" in refusal(there)
    finally:
        with psycopg.connect(there.dsn, autocommit=True) as session:
            session.execute("select pg_drop_replication_slot('feed')")
