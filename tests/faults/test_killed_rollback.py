"""kill -9 at every point of every step of a rollback, on a real PostgreSQL: resumed or taken back, it ends as undisturbed."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from continuity.domain.run import Outcome, RunId
from continuity.engine import Phase
from continuity.journal import list_runs, read_history
from continuity.procedures.rollback import KEEP_PLAN, RollbackWish, make_plan
from continuity.procedures.runs import open_run, resume, take_back
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from tests.fixtures.killing import Kill, hands, load, resume_run, start_run

STEPS = ("restore the point", "judge the restore", "swap the databases")
POINTS = [
    *[
        Kill(step=step, phase=phase)
        for step in STEPS
        for phase in (Phase.BEFORE_INTENT, Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE)
    ],
    *[Kill(step=step, phase=Phase.AFTER_INTENT, in_effect=True) for step in STEPS],
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A damaged guestbook with a proven point, described by files."""

    environment: Path
    dsn: str

    def load(self):
        return load(self.environment, "guestbook")

    def plan(self) -> str:
        application, environment = self.load()
        waiting = make_plan(application, environment, RollbackWish(), perform=perform_plainly, now=datetime.now(UTC))
        perform_plainly(KEEP_PLAN, environment, waiting)
        return waiting.plan.hash

    def spoilt(self) -> int:
        with psycopg.connect(self.dsn) as session:
            return session.execute("select count(*) from entries where words = 'spoilt'").fetchone()[0]

    def databases(self) -> list[str]:
        """Name the databases of this test by their part in the story."""
        name = psycopg.conninfo.conninfo_to_dict(self.dsn)["dbname"]
        with psycopg.connect(self.dsn) as session:
            rows = session.execute("select datname from pg_database where starts_with(datname, %s) order by 1", (name,))
            return [row[0].removeprefix(name)[:9] for row in rows]


@pytest.fixture(scope="session")
def proven_vault(database_templates, validator, tmp_path_factory):
    """Make one proven point for all of these tests."""
    from tests.fixtures.protection import proven_guestbook

    return proven_guestbook(database_templates, validator, tmp_path_factory.mktemp("proven"))


@pytest.fixture
def place(proven_vault, protect, tmp_path) -> Place:
    protected = protect("guestbook")
    shutil.copytree(proven_vault, tmp_path / "vault", dirs_exist_ok=True)
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute("update entries set words = 'spoilt'")
    return Place(environment=protected.write_files(tmp_path), dsn=protected.dsn)


def the_run(place: Place) -> RunId | None:
    application, environment = place.load()
    return next(iter(list_runs(journals_of(environment), application.name)), None)


@pytest.mark.parametrize("kill", POINTS, ids=str)
def test_killed_and_resumed_it_ends_as_if_undisturbed(place, kill):
    plan = place.plan()
    assert start_run(place.environment, "guestbook", plan, kill) == -9

    # The same command, no flag: an open run of this plan is found and resumed.
    assert start_run(place.environment, "guestbook", plan, None) == 0

    assert place.spoilt() == 0
    assert place.databases() == ["", "_replaced"]
    application, environment = place.load()
    assert open_run(journals_of(environment), application.name) is None
    [run] = list_runs(journals_of(environment), application.name)
    assert read_history(journals_of(environment), run).outcome is Outcome.DONE


@pytest.mark.parametrize("kill", [kill for kill in POINTS if kill.phase is not Phase.DONE or kill.step != STEPS[-1]], ids=str)
def test_killed_and_undone_it_is_as_if_it_had_never_begun_unless_the_pivot_had_happened(place, kill):
    assert start_run(place.environment, "guestbook", place.plan(), kill) == -9
    application, environment = place.load()
    run = the_run(place)
    swapped = place.spoilt() == 0

    if swapped:
        report = resume(application, environment, run, hands=hands(None))
        assert report.ended.outcome is Outcome.DONE
        assert place.databases() == ["", "_replaced"]
    else:
        report = take_back(application, environment, run, hands=hands(None))
        assert report.ended.outcome is Outcome.UNDONE
        assert place.databases() == [""]
        assert place.spoilt() > 0


def test_a_second_kill_while_it_is_resumed_changes_nothing_about_the_end(place):
    plan = place.plan()
    assert start_run(place.environment, "guestbook", plan, Kill(step=STEPS[0], phase=Phase.ACTED)) == -9
    again = Kill(step=STEPS[2], phase=Phase.ACTED)
    assert resume_run(place.environment, "guestbook", the_run(place), again) == -9

    assert resume_run(place.environment, "guestbook", the_run(place), None) == 0

    assert place.spoilt() == 0
    assert place.databases() == ["", "_replaced"]
