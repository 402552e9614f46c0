"""Warm points: a drill keeps its proven database, closed, and a rollback to its point is the swap alone."""

import json
from datetime import UTC, datetime

import pytest

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.points import DRILL, VERSION, DrillDocument
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.journal import read_history
from continuity.procedures.backup import take_backup
from continuity.procedures.runs import open_run, resume, take_back
from continuity.procedures.undoing import make_undo_plan
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from deployments.local.postgres import running_postgres
from tests.fixtures.killing import Kill, hands, start_run

SWAP = "swap the databases"
KILLS = [
    *[Kill(step=SWAP, phase=phase) for phase in (Phase.BEFORE_INTENT, Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE)],
    Kill(step=SWAP, phase=Phase.AFTER_INTENT, in_effect=True),
]


@pytest.fixture
def keep(place):
    """Drill, and drop with the test what the drill has kept; `keep.names` may be added to."""
    kept = []

    def drill(*words, **more):
        report = place.drill(*words, **more)
        kept.append(report.database)
        return report

    drill.names = kept
    yield drill
    place.change(*[f'drop database if exists "{name}" with (force)' for name in kept if name])


def names(place) -> set[str]:
    return {name for name, _, _ in place.server()}


def steps(waiting) -> list[str]:
    """Name what is done up to the swap; what is looked at after it is the same as in every rollback."""
    names = [step.name for step in waiting.plan.steps]
    return names[: names.index(SWAP) + 1]


def test_a_kept_drill_is_closed_and_the_rollback_to_its_point_restores_nothing(place, keep):
    report = keep(keep=True)
    assert (report.database, False) in {(name, is_open) for name, _, is_open in place.server()}

    waiting = place.waiting()
    assert steps(waiting) == [SWAP]
    assert "nothing is restored" in waiting.plan.targets["warm"]
    assert any("nothing is restored" in note for note in waiting.estimates.notes)
    assert waiting.estimates.peak_bytes == 0
    assert start_run(place.environment, "guestbook", place.plan(), None) == 0

    assert place.spoilt() == 0
    assert report.database not in names(place)
    assert place.databases() == ["", "_replaced"]
    facts = read_history(journals_of(place.load()[1]), place.run()).done(SWAP).facts
    assert facts["verdict"] == "sound"


def test_what_is_written_after_a_warm_rollback_is_counted_by_its_undo(place, keep):
    import psycopg

    keep(keep=True)
    assert start_run(place.environment, "guestbook", place.plan(), None) == 0
    with psycopg.connect(place.dsn, autocommit=True) as session:
        written = session.execute("update entries set words = 'later' where page = 1").rowcount

    waiting = make_undo_plan(*place.load(), place.run(), perform=perform_plainly, now=datetime.now(UTC))

    assert waiting.estimates.discards.rows == written


@pytest.mark.parametrize(
    ("befallen", "why"),
    [
        (["alter database {0} with allow_connections true"], "was opened since"),
        (["drop database {0}"], "is gone"),
        (["alter database {0} rename to {0}_elsewhere"], "is gone"),
        (["drop database {0}", "create database {0} allow_connections false"], "is gone"),
    ],
)
def test_a_warm_database_that_is_not_as_it_was_closed_is_not_used(place, keep, befallen, why):
    name = keep(keep=True).database
    keep.names.append(f"{name}_elsewhere")
    place.change(*[each.format(name) for each in befallen])

    waiting = place.waiting()

    assert steps(waiting)[0] == "restore the point"
    assert any(f"{name} {why}" in note and "restored anew" in note for note in waiting.estimates.notes)


def test_a_warm_database_that_was_opened_and_closed_again_is_not_used(place, keep):
    import psycopg

    name = keep(keep=True).database
    place.change(f"alter database {name} with allow_connections true")
    psycopg.connect(place.dsn, dbname=name).close()
    place.change(f"alter database {name} with allow_connections false")

    assert steps(place.waiting())[0] == "restore the point"


def test_a_newer_warm_database_takes_the_place_of_the_older_one(place, keep):
    older = keep(keep=True).database

    newer = keep(keep=True).database

    assert older not in names(place)
    assert newer in names(place)
    assert steps(place.waiting()) == [SWAP]


def test_a_warm_database_that_a_plan_waits_to_swap_is_left_to_the_next_drill(place, keep):
    older = keep(keep=True).database
    plan = place.plan()

    report = keep(keep=True)

    assert {older, report.database} <= names(place)
    assert any(f"plan {plan} is about it" in warning for warning in report.warnings)


def test_the_environment_may_ask_every_drill_to_keep_its_database_and_a_drill_that_proves_nothing_keeps_none(
    place, keep, monkeypatch
):
    from tests.fixtures import places

    place.set("drill", "keep = true")
    kept = keep()
    assert kept.warm is not None

    monkeypatch.setattr(places.ByDigests, "restored", lambda *_: pytest.fail("nothing was looked at"))
    before = names(place)
    with pytest.raises(pytest.fail.Exception):
        keep()

    assert names(place) == before
    assert steps(place.waiting()) == [SWAP]


def test_a_drill_of_an_older_point_leaves_the_newest_one_warm(place, keep):
    application, environment = place.load()
    take_backup(application, environment, created=datetime.now(UTC), perform=perform_plainly)
    place.set("drill", "keep = true")
    newest = keep().database

    assert keep("oldest").warm is None

    assert newest in names(place)
    assert steps(place.waiting()) == [SWAP]


def test_a_drill_on_another_server_keeps_no_warm_point_and_says_so(place, keep):
    with running_postgres() as server:
        place.set("drill", f'keep = true\ndsn = "{server.dsn("postgres")}"')

        report = keep()

        assert (report.warm, report.database) == (None, "")
        assert any("no warm point was kept: drills do not run on the protected server" in warning for warning in report.warnings)
    assert steps(place.waiting())[0] == "restore the point"


def test_without_keep_a_drill_leaves_nothing(place, keep):
    before = names(place)

    assert keep().warm is None

    assert names(place) == before


@pytest.mark.parametrize("kill", KILLS, ids=str)
def test_killed_and_resumed_a_warm_rollback_ends_as_if_undisturbed(place, keep, kill):
    kept = keep(keep=True).database
    plan = place.plan()
    assert start_run(place.environment, "guestbook", plan, kill) == -9

    assert start_run(place.environment, "guestbook", plan, None) == 0

    assert place.spoilt() == 0
    assert place.databases() == ["", "_replaced"]
    assert kept not in names(place)
    application, environment = place.load()
    assert open_run(journals_of(environment), application.name) is None


@pytest.mark.parametrize("kill", KILLS[:3] + KILLS[4:], ids=str)
def test_killed_and_taken_back_a_warm_database_stays_warm_unless_the_pivot_had_happened(place, keep, kill):
    kept = keep(keep=True).database
    assert start_run(place.environment, "guestbook", place.plan(), kill) == -9

    if place.spoilt() == 0:
        assert resume(*place.load(), place.run(), hands=hands(None)).ended.outcome is Outcome.DONE
        assert place.databases() == ["", "_replaced"]
    else:
        assert take_back(*place.load(), place.run(), hands=hands(None)).ended.outcome is Outcome.UNDONE
        assert place.databases() == [""]
        assert kept in names(place)
        assert steps(place.waiting()) == [SWAP]


def test_a_drill_that_an_older_release_recorded_is_read_and_keeps_nothing(place, keep):
    place.drill()
    [path] = [*(place.environment.parent / "vault").rglob("drills/*.json")][:1]
    body = json.loads(path.read_text())["body"]
    del body["record"]["kept"]

    document = read_document(
        write_document(body, form=DRILL, version=VERSION), DrillDocument, form=DRILL, version=VERSION, key="k"
    )

    assert document.record.kept is None
