"""Nothing is left but the vault: a guestbook is stood up again on an empty server, proven, and only then let in."""

import csv
import stat
from dataclasses import replace

import psycopg
import pytest

from continuity.domain.given_out import GivenOut
from continuity.domain.recovery_place import RecoveryPlace, check_another, check_place
from continuity.domain.roles import RoleStatements
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.steps.fencing import observe_old_primary
from tests.fixtures.killing import Kill, KillEverywhere, resume_run, start_run, undo_run
from tests.recovery.conftest import PASSWORD, ROLE

KILLED = -9
EVERYTHING_OF_A_SERVER = (
    "select datname, oid::int8, datallowconn from pg_database union all select rolname, oid::int8, rolcanlogin from pg_roles"
    " order by 1, 2"
)


def test_an_empty_server_has_everything_again_by_one_command_and_the_old_one_takes_no_more_writes(disaster, tmp_path):
    looked = disaster.seat.json("recover", "guestbook")["plan"]
    assert disaster.databases() == []

    # A membership in a role of something else is not given, and somebody has to know.
    ended = disaster.seat.json("recover", "guestbook", "--approve", looked["hash"], code=4)

    assert (ended["outcome"], ended["verdict"]) == ("done", "sound")
    assert ended["noted"] == [f"not given, since it belongs to something else: the membership of {ROLE} in elsewhere"]
    assert disaster.databases() == [""]
    with psycopg.connect(disaster.new.dsn(disaster.database), user=ROLE, password=PASSWORD, autocommit=True) as session:
        session.execute("insert into public.entries (guest, page, words) select guest, 4711, 'again' from public.entries limit 1")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(disaster.old)
    [written] = (tmp_path / "output").iterdir()
    with (written / "entries of the last days.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["guest", "page", "words"]
    assert len(rows) == disaster.words() - 1  # every entry but the one of just now
    assert stat.S_IMODE((written / "entries of the last days.csv").stat().st_mode) == 0o600
    assert "expected within 4 h" in (written / "notice.txt").read_text()
    said = str(looked) + str(ended) + disaster.journal()
    assert PASSWORD not in said


def test_what_no_point_can_hold_is_asked_for_at_once_and_nothing_is_begun(disaster, tmp_path):
    text = disaster.seat.environment.read_text()
    gone = "postgresql://nobody@127.0.0.1:1/postgres"
    disaster.seat.environment.write_text(text.split("[recovery.passwords]")[0].replace(disaster.old, gone))
    with psycopg.connect(disaster.new.dsn("postgres"), autocommit=True) as session:
        session.execute(f"create database {disaster.database}")
    with psycopg.connect(disaster.new.dsn(disaster.database), autocommit=True) as session:
        session.execute("create table kept (id int)")

    done = disaster.seat.run("recover", "guestbook")

    assert done.returncode == 3
    for lacking in ("empty place", "passwords of roles", ROLE, "old primary", "--old-primary-gone guestbook"):
        assert lacking in done.stderr
    assert disaster.databases() == [""]
    assert disaster.roles() == []
    assert not (tmp_path / "output").exists()


def test_an_old_primary_that_does_not_answer_is_gone_on_a_persons_word_alone(disaster):
    text = disaster.seat.environment.read_text()
    disaster.seat.environment.write_text(text.replace(disaster.old, "postgresql://nobody@127.0.0.1:1/postgres"))

    with pytest.raises(UnsafeOperation, match="preconditions"):
        disaster.plan(old_primary_gone="another")
    _, steps = disaster.plan(old_primary_gone="guestbook")

    assert "fence the old primary" not in steps


def test_an_old_server_without_the_database_is_told_by_name_and_not_as_one_that_was_never_named(disaster):
    _, environment = disaster.load()

    old = observe_old_primary(environment, "nobody_has_this")

    place = RecoveryPlace(system_identifier="another", version="15.1", database="nobody_has_this")
    roles = RoleStatements(roles=(), statements=(), sign_in=())
    *_, said = check_place(place, roles, old, passwords=(), gone="", application="guestbook")
    assert said.passed
    assert said.detail.startswith(f"answers (system identifier {old.system_identifier}), has no database nobody_has_this")
    assert old.system_identifier
    [same] = check_another(replace(place, system_identifier=old.system_identifier), old.system_identifier)
    assert not same.passed


def test_another_server_that_answers_in_the_middle_is_left_alone(disaster):
    plan, _ = disaster.plan()
    killed = Kill(step="restore the point", phase=Phase.BEFORE_INTENT)
    assert start_run(disaster.seat.environment, "guestbook", plan, killed) == KILLED
    text = disaster.seat.environment.read_text()
    with psycopg.connect(disaster.old) as session:
        before = session.execute(EVERYTHING_OF_A_SERVER).fetchall()

    disaster.seat.environment.write_text(text.replace(disaster.new.dsn("postgres"), disaster.old))
    assert resume_run(disaster.seat.environment, "guestbook", disaster.run(), None) == 0

    assert disaster.outcome() is None, "what could not be taken back there is still open"
    assert "this is cluster" in disaster.journal()
    with psycopg.connect(disaster.old) as session:
        assert session.execute(EVERYTHING_OF_A_SERVER).fetchall() == before
    disaster.seat.environment.write_text(text)
    assert undo_run(disaster.seat.environment, "guestbook", disaster.run(), None) == 0
    assert (disaster.databases(), disaster.roles()) == ([], [])


def test_sequences_that_have_not_so_many_values_left_and_sessions_that_nobody_described_are_refused_at_once(disaster):
    with pytest.raises(UnsafeOperation) as refused:
        disaster.plan(given_out=GivenOut(values=2**63, sessions=True))

    assert "public.guest_numbers would pass the end of their range" in refused.value.detail
    described = disaster.seat.environment.parent / "applications/guestbook/application.toml"
    described.write_text(described.read_text().replace("[sessions]", "").replace("revoke =", "# revoke ="))
    with pytest.raises(UnsafeOperation) as refused:
        disaster.plan(given_out=GivenOut(sessions=True))
    assert "nothing says where guestbook keeps who is signed in" in refused.value.detail


def test_an_empty_database_that_a_new_server_brings_along_is_replaced_and_kept(disaster):
    with psycopg.connect(disaster.new.dsn("postgres"), autocommit=True) as session:
        session.execute(f"create database {disaster.database}")

    plan, _ = disaster.plan()
    assert start_run(disaster.seat.environment, "guestbook", plan, None) == 0

    assert disaster.outcome() is Outcome.DONE
    live, replaced = disaster.databases()
    assert (live, replaced[:10]) == ("", "_replaced_")
    assert disaster.words() > 0


def test_killed_at_every_point_and_resumed_it_ends_as_undisturbed(disaster, tmp_path):
    with psycopg.connect(disaster.old) as session:
        [last] = session.execute("select last_value from public.guest_numbers").fetchone()
    plan, steps = disaster.plan(given_out=GivenOut(values=50, sessions=True))
    everywhere = KillEverywhere(fired=tmp_path / "fired")

    while (code := start_run(disaster.seat.environment, "guestbook", plan, everywhere)) == KILLED:
        pass

    assert code == 0
    assert len(everywhere.points()) > 3 * len(steps)
    assert disaster.outcome() is Outcome.DONE
    assert (disaster.databases(), disaster.roles()) == ([""], [ROLE])
    # However often: once.
    assert disaster.ask("select nextval('public.guest_numbers')") == last + 50 + 1
    assert disaster.ask("select count(*) from public.signed_in") == 0


def test_killed_before_the_database_has_its_name_and_taken_back_nothing_is_left(disaster):
    plan, steps = disaster.plan()
    before = steps[: steps.index("give the database its name")]
    for step in before:
        for phase in (Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE):
            plan, _ = disaster.plan()
            assert start_run(disaster.seat.environment, "guestbook", plan, Kill(step=step, phase=phase)) == KILLED
            assert undo_run(disaster.seat.environment, "guestbook", disaster.run(), None) == 0

            assert disaster.outcome() is Outcome.UNDONE, disaster.journal()[-2000:]
            assert (disaster.databases(), disaster.roles()) == ([], []), f"{step}, {phase}"


def test_a_restore_that_is_not_what_was_proven_never_gets_the_name(disaster):
    plan, _ = disaster.plan()
    assert (
        start_run(disaster.seat.environment, "guestbook", plan, Kill(step="judge the restore", phase=Phase.AFTER_INTENT))
        == KILLED
    )
    [shadow] = disaster.databases()
    with psycopg.connect(disaster.new.dsn(f"{disaster.database}{shadow}"), autocommit=True) as session:
        session.execute("update public.entries set words = 'spoilt'")

    assert resume_run(disaster.seat.environment, "guestbook", disaster.run(), None) == 0

    assert disaster.outcome() is Outcome.UNDONE
    assert disaster.databases() == []


def test_the_plan_says_what_it_acts_on_and_what_is_lost(disaster):
    looked = disaster.seat.json("recover", "guestbook")["plan"]

    assert ROLE in looked["targets"]["roles"]
    assert "not in the point" not in looked["targets"]
    assert "what was written after" in looked["discards"]["unknown"]
    assert {step["stage"] for step in looked["steps"]} >= {"database", "validation", "traffic"}
