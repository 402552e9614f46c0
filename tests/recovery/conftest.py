"""A guestbook whose server is lost: its vault has a proven point, and there is an empty server."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from continuity.adapters.leases import last_lease
from continuity.domain.lease import Purpose
from continuity.domain.run_markdown import timeline_line
from continuity.journal import read_history
from continuity.procedures.recovery import RecoveryWish, make_recovery_plan
from continuity.procedures.rollback import KEEP_PLAN
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from deployments.local.postgres import PostgresServer, running_postgres
from tests.fixtures.killing import load
from tests.fixtures.places import Place
from tests.fixtures.terminal import Seat

ROLE, PASSWORD = 'the "guests" desk', "geheim-k4narienvogel"
LISTS = """
[sessions]
revoke = ["public.signed_in", "public.guests.remembered"]
[fallback]
notice = "{application} is being restored as it was on {point_taken}; expected within {expected}."
[[fallback.list]]
name = "entries of the last days"
sql = "select guest, page, words from public.entries order by guest, page"
"""
CANARY = "canary-of-the-state-51c8"
MAKES_A_SERVER = """
terraform {
  backend "local" {}
}
resource "terraform_data" "database" {
  input = { host = "HOST", port = PORT }
}
output "database_host" {
  value = terraform_data.database.output.host
}
output "database_port" {
  value = terraform_data.database.output.port
}
output "secret" {
  value     = "CANARY"
  sensitive = true
}
"""
OUTPUTS = """
[terraform.outputs]
database_host = "database_host"
database_port = "database_port"
"""
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

    def journal(self) -> str:
        return str(read_history(journals_of(self.load()[1]), self.run()))

    def story(self) -> list[str]:
        """Tell the last run's journal, for whoever reads why a test failed."""
        return [timeline_line(entry) for entry in read_history(journals_of(self.load()[1]), self.run()).entries]

    def recorded(self, step: str):
        """Return what a step of the last run has recorded as done."""
        return read_history(journals_of(self.load()[1]), self.run()).done(step).facts

    def write(self, text: str, *, within: str = "environment.toml") -> None:
        """Add lines to the environment, or to another file beside it."""
        path = self.seat.environment.parent / within
        path.write_text(path.read_text() + text)

    def ask(self, query: str):
        """Ask the recovered database for one value."""
        with psycopg.connect(self.new.dsn(self.database)) as session:
            return session.execute(query).fetchone()[0]

    def ask_old(self, query: str):
        """Ask the database that served before for one value."""
        with psycopg.connect(self.old) as session:
            return session.execute(query).fetchone()[0]

    def databases(self) -> list[str]:
        with psycopg.connect(self.new.dsn("postgres")) as session:
            rows = session.execute("select datname from pg_database where datname like 'guestbook%' order by 1").fetchall()
            return [name.removeprefix(self.database) for (name,) in rows]

    def roles(self) -> list[str]:
        with psycopg.connect(self.new.dsn("postgres")) as session:
            rows = session.execute("select rolname from pg_roles where rolname = any(%s) order by 1", ([ROLE],)).fetchall()
            return [name for (name,) in rows]

    def words(self) -> int:
        return self.ask("select count(*) from public.entries")

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
        # Who is signed in: by rows of a table, and by values of a column.
        session.execute("create table public.signed_in (token text primary key)")
        session.execute("insert into public.signed_in values ('one'), ('two')")
        session.execute("alter table public.guests add remembered text")
        session.execute("update public.guests set remembered = 'by a cookie' where number <= 3")
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


def by_terraform(disaster: Disaster) -> Disaster:
    """Leave the new server's address to a configuration; what the environment says of it leads nowhere."""
    folder = disaster.seat.environment.parent
    where = conninfo_to_dict(disaster.new.dsn("postgres"))
    (folder / "infrastructure").mkdir()
    text = MAKES_A_SERVER.replace("HOST", where["host"]).replace("PORT", where["port"]).replace("CANARY", CANARY)
    (folder / "infrastructure/main.tf").write_text(text)
    environment = disaster.seat.environment
    nowhere = f"postgresql://{where['user']}:{where['password']}@nowhere.invalid:1/postgres"
    environment.write_text(environment.read_text().replace(disaster.new.dsn("postgres"), nowhere))
    disaster.write(f'[terraform]\ndirectory = "infrastructure"\nwork_directory = "{folder}/terraform"\n{OUTPUTS}')
    return disaster
