"""Nothing is left but the vault: a guestbook is stood up again on an empty server, proven, and only then let in."""

import csv
import json
import stat
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest

from continuity.adapters.leases import last_lease
from continuity.domain.lease import Purpose
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.journal import read_history
from continuity.procedures.recovery import RecoveryWish, make_recovery_plan
from continuity.procedures.rollback import KEEP_PLAN
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from deployments.local.postgres import PostgresServer, running_postgres
from tests.fixtures.killing import Kill, KillEverywhere, load, resume_run, start_run, undo_run
from tests.fixtures.places import Place
from tests.fixtures.terminal import Seat

ROLE, PASSWORD = 'the "guests" desk', "geheim-k4narienvogel"
LISTS = """
[fallback]
notice = "{application} is being restored as it was on {point_taken}; expected within {expected}."
[[fallback.list]]
name = "entries of the last days"
sql = "select guest, page, words from public.entries order by guest, page"
"""
KILLED = -9
OTHERS = "select rolname from pg_roles where rolcanlogin and rolname not in (%s, 'postgres')"


@pytest.fixture(scope="module")
def new_server():
    with running_postgres() as server:
        yield server


@dataclass(frozen=True, kw_only=True)
class Disaster:
    """A guestbook of which the vault has a proven point, the server that it was on, and an empty one."""

    seat: Seat
    old: str
    new: PostgresServer
    database: str

    @property
    def place(self) -> Place:
        return Place(environment=self.seat.environment, dsn=self.new.dsn("postgres"))

    def load(self):
        return load(self.seat.environment, "guestbook")

    def plan(self, **wish: object) -> tuple[str, list[str]]:
        application, environment = self.load()
        waiting = make_recovery_plan(
            application, environment, RecoveryWish(**wish), perform=perform_plainly, now=datetime.now(UTC)
        )
        perform_plainly(KEEP_PLAN, environment, waiting)
        return waiting.plan.hash, [step.name for step in waiting.plan.steps]

    def run(self):
        """Name the last run: the lease remembers it, while the ids of two runs of one second have no order."""
        return last_lease(journals_of(self.load()[1]), "guestbook", Purpose.CHANGE).journal

    def outcome(self):
        return read_history(journals_of(self.load()[1]), self.run()).outcome

    def databases(self) -> list[str]:
        with psycopg.connect(self.new.dsn("postgres")) as session:
            rows = session.execute("select datname from pg_database where datname like 'guestbook%' order by 1").fetchall()
            return [name.removeprefix(self.database) for (name,) in rows]

    def roles(self) -> list[str]:
        with psycopg.connect(self.new.dsn("postgres")) as session:
            rows = session.execute("select rolname from pg_roles where rolname = any(%s) order by 1", ([ROLE],)).fetchall()
            return [name for (name,) in rows]

    def words(self) -> int:
        with psycopg.connect(self.new.dsn(self.database)) as session:
            return session.execute("select count(*) from public.entries").fetchone()[0]

    def clear(self) -> None:
        """Leave the new server as it was before the recovery, and the old one as it was before it was fenced."""
        with psycopg.connect(self.new.dsn("postgres"), autocommit=True) as session:
            for name in self.databases():
                session.execute(f'drop database "{self.database}{name}" with (force)')
            session.execute(f'drop role if exists "{ROLE.replace(chr(34), chr(34) * 2)}"')
        with psycopg.connect(self.old, dbname="postgres", autocommit=True) as session:
            session.execute(f"alter database {self.database} with allow_connections true")


@pytest.fixture
def disaster(protect, tmp_path, new_server):
    protected = protect("guestbook")
    quoted = f'"{ROLE.replace(chr(34), chr(34) * 2)}"'
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute(f"do $$ begin create role {quoted} login; exception when duplicate_object then null; end $$")
        session.execute(f"grant select, insert on public.entries to {quoted}")
        session.execute(f"comment on role {quoted} is 'signs in; writes'")
        # Of something else, and not on the new server: it must not keep the application from coming back.
        session.execute("do $$ begin create role elsewhere nologin; exception when duplicate_object then null; end $$")
        session.execute(f"grant elsewhere to {quoted}")
        # What other tests have left on this server acts as the owner too, and nobody has its password.
        others = session.execute(OTHERS, (ROLE,)).fetchall()
    name = protected.application.database.name
    environment = protected.write_files(tmp_path)
    before = Place(environment=environment, dsn=protected.dsn)
    protected.back_up()
    assert before.drill().verdict.proven
    (tmp_path / "guests-password").write_text(f"{PASSWORD}\n")
    described = tmp_path / "applications/guestbook/application.toml"
    described.write_text(described.read_text() + LISTS)
    environment.write_text(
        environment.read_text().replace(protected.dsn, new_server.dsn("postgres"))
        + f'[recovery]\nold_dsn = "{protected.dsn}"\noutput = "{tmp_path / "output"}"\n'
        + f"without_password = {json.dumps([name for (name,) in others])}\n"
        + f"[recovery.passwords]\n'{ROLE}' = \"file:{tmp_path}/guests-password\"\n"
    )
    disaster = Disaster(seat=Seat(protected, environment), old=protected.dsn, new=new_server, database=name)
    yield disaster
    disaster.clear()


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
    said = str(looked) + str(ended) + journal_of(disaster)
    assert PASSWORD not in said


def journal_of(disaster) -> str:
    return str(read_history(journals_of(disaster.load()[1]), disaster.run()))


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
    plan, steps = disaster.plan()
    everywhere = KillEverywhere(fired=tmp_path / "fired")

    while (code := start_run(disaster.seat.environment, "guestbook", plan, everywhere)) == KILLED:
        pass

    assert code == 0
    assert len(everywhere.points()) > 3 * len(steps)
    assert disaster.outcome() is Outcome.DONE
    assert (disaster.databases(), disaster.roles()) == ([""], [ROLE])


def test_killed_before_the_database_has_its_name_and_taken_back_nothing_is_left(disaster):
    plan, steps = disaster.plan()
    before = steps[: steps.index("give the database its name")]
    for step in before:
        for phase in (Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE):
            plan, _ = disaster.plan()
            assert start_run(disaster.seat.environment, "guestbook", plan, Kill(step=step, phase=phase)) == KILLED
            assert undo_run(disaster.seat.environment, "guestbook", disaster.run(), None) == 0

            assert disaster.outcome() is Outcome.UNDONE, journal_of(disaster)[-2000:]
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


def test_a_rehearsal_does_all_of_it_in_a_place_of_its_own_and_leaves_nothing(disaster):
    before = disaster.databases()

    ended = disaster.seat.json("recover", "guestbook", "--rehearsal")

    assert (ended["outcome"], ended["verdict"]) == ("done", "sound")
    assert {"judge the restore", "probe a write", "clear the rehearsal"} <= {step["name"] for step in ended["steps"]}
    assert disaster.databases() == before
    with psycopg.connect(disaster.old) as session:
        assert session.execute("select 1").fetchone() == (1,)
    # The real thing may begin beside it, and afterwards.
    assert disaster.seat.json("recover", "guestbook")["plan"]["hash"]


def test_a_rehearsal_that_is_killed_and_taken_back_leaves_nothing(disaster):
    plan, _ = disaster.plan(rehearsal=True)
    failing = Kill(step="probe a write", phase=Phase.AFTER_INTENT)
    assert start_run(disaster.seat.environment, "guestbook", plan, failing) == KILLED
    assert disaster.databases() == ["_rehearsal"]
    run = last_lease(journals_of(disaster.load()[1]), "guestbook", Purpose.REHEARSAL).journal

    assert undo_run(disaster.seat.environment, "guestbook", run, None) == 0

    assert disaster.databases() == []


def test_the_plan_says_what_it_acts_on_and_what_is_lost(disaster):
    looked = disaster.seat.json("recover", "guestbook")["plan"]

    assert ROLE in looked["targets"]["roles"]
    assert "not in the point" not in looked["targets"]
    assert "what was written after" in looked["discards"]["unknown"]
    assert {step["stage"] for step in looked["steps"]} >= {"database", "validation", "traffic"}
