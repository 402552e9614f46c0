"""A protected database with a schema of the test's own, and what is done to it in this process."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from continuity.adapters.catalog import read_catalog
from continuity.adapters.dependencies import read_schema
from continuity.adapters.fingerprints import read_fingerprints
from continuity.adapters.postgres import connect
from continuity.domain.column import ColumnWish
from continuity.domain.live import LiveState
from continuity.domain.quarantine import quarantine_steps
from continuity.domain.run import RunId
from continuity.journal import list_runs, read_history
from continuity.procedures.column import make_column_plan
from continuity.procedures.rollback import KEEP_PLAN
from continuity.procedures.runs import RunReport
from continuity.procedures.undoing import make_undo_plan
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from tests.fixtures.killing import carry_out_here, load
from tests.fixtures.protection import Protected


def picture(dsn: str) -> tuple[object, ...]:
    """Everything that can be told of a database: its catalog and the digests of its tables."""
    database = conninfo_to_dict(dsn)["dbname"]
    with connect(dsn) as connection:
        catalog = read_catalog(connection)
    return catalog, read_fingerprints(dsn, database)


def steps_of(dsn: str, *wanted: str, with_dependents: bool = False):
    """Plan to set something aside in the database itself, without an application around it."""
    with connect(dsn) as connection:
        row = connection.execute(
            "select oid::int8 as oid, datname, (pg_control_system()).system_identifier::text as system_identifier"
            " from pg_database where datname = current_database()"
        ).fetchone()
        schema = read_schema(connection)
    live = LiveState(database=row["datname"], oid=row["oid"], system_identifier=row["system_identifier"], size_bytes=0)
    return quarantine_steps(live, schema, wanted, with_dependents=with_dependents)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A protected database, and the rollback of single things in it."""

    protected: Protected
    environment: Path

    @property
    def dsn(self) -> str:
        return self.protected.dsn

    def sql(self, *statements: str):
        with psycopg.connect(self.dsn, autocommit=True) as session:
            for statement in statements:
                cursor = session.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None

    def picture(self) -> tuple[object, ...]:
        return picture(self.dsn)

    def load(self):
        return load(self.environment, "empty")

    def set(self, *lines: str) -> None:
        """Put lines into the section of the environment that rules rollbacks."""
        self.environment.write_text(self.environment.read_text() + "\n".join(["[rollback]", *lines, ""]))

    def waiting(self, name: str, **wish: object):
        now = datetime.now(UTC)
        return make_column_plan(*self.load(), ColumnWish(name=name, **wish), perform=perform_plainly, now=now)

    def plan(self, name: str, **wish: object) -> str:
        waiting = self.waiting(name, **wish)
        perform_plainly(KEEP_PLAN, self.load()[1], waiting)
        return waiting.plan.hash

    def set_aside(self, name: str, *, watched=None, **wish: object) -> RunReport:
        return carry_out_here(*self.load(), self.waiting(name, **wish), watched=watched)

    def waiting_undo(self, run: RunId | None = None):
        return make_undo_plan(*self.load(), run or self.run(), perform=perform_plainly, now=datetime.now(UTC))

    def undo(self, run: RunId | None = None) -> RunReport:
        return carry_out_here(*self.load(), self.waiting_undo(run))

    def run(self) -> RunId:
        """Return the newest run."""
        application, environment = self.load()
        journals = journals_of(environment)
        runs = list_runs(journals, application.name)
        return max(runs, key=lambda run: read_history(journals, run).started)

    def facts(self, report: RunReport) -> dict:
        """Return what the run's first step has recorded."""
        return next(entry.facts for entry in report.history.entries if entry.kind.value == "done")


@pytest.fixture
def shelf(protect, tmp_path: Path) -> Shelf:
    """Protect an empty database, to be filled by the test."""
    protected = protect("empty")
    protected = replace(protected, environment=protected.environment)
    return Shelf(protected=protected, environment=protected.write_files(tmp_path))
