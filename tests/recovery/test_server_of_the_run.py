"""One approved run makes the server by terraform, meets it, and goes on into it: nothing of it was known beforehand."""

import psycopg
import pytest

from continuity.domain.run import Outcome
from continuity.errors import UnsafeOperation
from tests.fixtures.killing import start_run
from tests.fixtures.terraform_places import needs_terraform
from tests.recovery.conftest import CANARY, PASSWORD, ROLE, Disaster, by_terraform

pytestmark = needs_terraform


@pytest.fixture
def unknown(disaster) -> Disaster:
    return by_terraform(disaster)


def test_one_run_makes_the_server_and_brings_everything_into_it_and_gives_out_nothing_twice(unknown):
    with psycopg.connect(unknown.new.dsn("postgres"), autocommit=True) as session:
        # As a cloud's server does: it brings an empty database of the application's name along.
        session.execute(f"create database {unknown.database}")
        [identifier] = session.execute("select system_identifier::text from pg_control_system()").fetchone()
    with psycopg.connect(unknown.old) as session:
        [last] = session.execute("select last_value from public.guest_numbers").fetchone()
    options = ("--bump-sequences", 1000, "--revoke-sessions")
    looked = unknown.seat.json("recover", "guestbook", *options)["plan"]
    assert "by output database_host and database_port" in looked["targets"]["server"]

    assert start_run(unknown.seat.environment, "guestbook", looked["hash"], None) == 0

    assert unknown.outcome() is Outcome.DONE
    assert unknown.recorded("meet the server")["system_identifier"] == identifier
    live, replaced = unknown.databases()
    assert (live, replaced[:10]) == ("", "_replaced_")
    assert unknown.roles() == [ROLE]
    with psycopg.connect(unknown.new.dsn(unknown.database), user=ROLE, password=PASSWORD):
        pass
    assert unknown.ask("select nextval('public.guest_numbers')") == last + 1000 + 1
    assert unknown.ask("select count(*) from public.signed_in") == 0
    assert unknown.ask("select count(remembered) from public.guests") == 0
    assert unknown.recorded("revoke the sessions")["signed in"] == {"public.signed_in": 2, "public.guests.remembered": 3}
    told = f"{looked}{unknown.journal()}"
    assert CANARY not in told
    assert unknown.new.password() not in told
    # From now on it is known where the server is, so it is looked at beforehand.
    with pytest.raises(UnsafeOperation) as refused:
        unknown.plan()
    assert "empty place" in refused.value.detail


def test_a_made_server_that_is_not_empty_is_refused_when_it_is_met_and_nothing_of_it_is_touched(unknown):
    with psycopg.connect(unknown.new.dsn("postgres"), autocommit=True) as session:
        session.execute(f"create database {unknown.database}")
    with psycopg.connect(unknown.new.dsn(unknown.database), autocommit=True) as session:
        session.execute("create table kept (id int)")
    plan, _ = unknown.plan()

    assert start_run(unknown.seat.environment, "guestbook", plan, None) == 0

    assert unknown.outcome() is Outcome.UNDONE
    assert "cannot take the application: empty place" in unknown.journal()
    assert (unknown.databases(), unknown.roles()) == ([""], [])
    assert (unknown.seat.environment.parent / "infrastructure/terraform.tfstate").exists()


def test_an_output_that_is_secret_or_not_there_is_refused_before_anything_is_made(unknown):
    environment = unknown.seat.environment
    named = environment.read_text().replace('database_port = "database_port"', 'media_bucket = "bucket"\ncontext = "secret"')
    environment.write_text(named)

    done = unknown.seat.run("recover", "guestbook")

    assert done.returncode == 3
    assert "there is no output bucket; output secret is sensitive" in done.stderr
    assert not (environment.parent / "infrastructure/terraform.tfstate").exists()
