"""After a rollback a person confirms that the application works; until then the report says that it is outstanding."""

import psycopg
import pytest


@pytest.fixture
def done(at_terminal):
    """Roll a damaged guestbook back."""
    seat = at_terminal("guestbook")
    seat.json("backup", "guestbook")
    with psycopg.connect(seat.protected.dsn, autocommit=True) as session:
        session.execute("update entries set words = 'spoilt'")
    planned = seat.json("rollback", "guestbook")["plan"]
    seat.said = seat.run("rollback", "guestbook", "--approve", planned["hash"]).stdout
    seat.the_run = seat.said.partition("done: ")[2].split()[0]
    return seat


def test_a_confirmation_is_outstanding_until_a_person_gives_it_and_the_first_one_stands(done):
    run = done.the_run
    assert f"confirmation is outstanding: `continuity confirm {run} --as NAME`" in done.said

    assert done.json("confirm", run, "--as", "ada", "--because", "booked and saw it")["confirmed_by"] == "ada"

    assert "is already confirmed by ada at" in done.run("confirm", run, "--as", "grace").stdout
    assert "confirmed by ada at" in done.run("resume", run).stdout
    assert done.json("resume", run)["confirmed_by"] == "ada"
    assert done.json("verify-journal", run)["sound"] is True


def test_only_a_run_that_is_done_can_be_confirmed_and_only_in_somebodys_name(done):
    missing = "guestbook-rollback-20010101T000000Z-0000"

    assert "no run" in done.json("confirm", missing, "--as", "ada", code=2)["error"]
    assert "needs a name" in done.json("confirm", done.the_run, "--as", " ", code=2)["error"]
    assert done.json("resume", done.the_run)["confirmed_by"] is None
