"""Dropping a replaced database: by its exact name, old enough, closed, and never the only copy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from continuity.domain.discarding import Replaced, ReplacedState, plan_discard
from continuity.domain.run import RunId
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.procedures.backup import take_backup
from continuity.procedures.discarding import confirm_name, make_discard_plan
from continuity.steps.operation import perform_plainly
from tests.fixtures.killing import Kill, start_run
from tests.fixtures.terminal import COMMAND

RUN = RunId("guestbook-rollback-20261124T030000Z-1f2e")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEEP = timedelta(days=7)
GONE = Replaced(name="guestbook_replaced_01234567", oid=7, system_identifier="1")
STATE = ReplacedState(system_identifier="1", name=GONE.name)


@pytest.fixture
def replaced(place):
    """Roll a guestbook back; what was replaced may be dropped at once."""
    place.set("rollback", "keep_replaced_days = 0")
    assert start_run(place.environment, "guestbook", place.plan(), None) == 0
    return place


def prove_a_newer_point(place) -> None:
    application, environment = place.load()
    made = take_backup(application, environment, created=datetime.now(UTC), perform=perform_plainly)
    # By its id: the fixture's points have moments of their own, some of them seconds ahead.
    assert place.drill(made.manifest.id).verdict.proven


def waiting(place):
    return make_discard_plan(*place.load(), place.run(), perform=perform_plainly, now=datetime.now(UTC))


def continuity(place, *words: str):
    import subprocess

    argv = [COMMAND, *words, "--environment", place.environment]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


def test_it_is_dropped_by_its_exact_name_after_a_look_that_changes_nothing(replaced):
    prove_a_newer_point(replaced)
    run, before = replaced.run(), replaced.server()
    [name] = [name for name, _, _ in before if "_replaced_" in name and name.startswith("guestbook")]

    looked = continuity(replaced, "discard", run)
    assert looked.returncode == 0, looked.stderr
    assert f"continuity discard {run} --database {name}" in looked.stdout
    mistyped = continuity(replaced, "discard", run, "--database", name[:-1])
    assert mistyped.returncode == 3
    assert "type exactly this name" in mistyped.stderr
    assert replaced.server() == before

    dropped = continuity(replaced, "discard", run, "--database", name)

    assert dropped.returncode == 0, dropped.stderr
    assert replaced.databases() == [""]
    again = continuity(replaced, "discard", run)
    assert again.returncode == 3
    assert "gone already" in again.stderr


def test_the_only_copy_is_kept(replaced):
    before = replaced.server()

    with pytest.raises(UnsafeOperation, match="no proven point is newer than the swap"):
        waiting(replaced)

    assert replaced.server() == before


def test_one_that_was_opened_and_is_in_use_is_kept_with_all_reasons(replaced):
    replaced.set("rollback", "keep_replaced_days = 7")
    replaced.environment.write_text(replaced.environment.read_text().replace("keep_replaced_days = 0\n", ""))
    [name] = [name for name, _, _ in replaced.server() if "_replaced_" in name and name.startswith("guestbook")]
    replaced.change(f"alter database {name} with allow_connections true")
    with psycopg.connect(replaced.dsn, dbname=name), pytest.raises(UnsafeOperation) as refused:
        waiting(replaced)

    for reason in ("was replaced 0.0 days ago", "it is open", "sessions are on it", "no proven point"):
        assert reason in refused.value.detail


def test_what_has_been_swapped_back_since_is_not_dropped(replaced):
    from continuity.domain.approval import Approval
    from continuity.procedures.runs import carry_out
    from continuity.procedures.undoing import make_undo_plan
    from tests.fixtures.killing import hands

    prove_a_newer_point(replaced)
    application, environment = replaced.load()
    run = replaced.run()

    def plan():
        return make_undo_plan(application, environment, run, perform=perform_plainly, now=datetime.now(UTC))

    approval = Approval(application=application.name, plan=plan().plan.hash, by="test", at=datetime.now(UTC))
    carry_out(application, environment, plan(), replan=lambda: plan().plan, approvals=[approval], hands=hands(None))

    with pytest.raises(UnsafeOperation, match="another run has swapped since"):
        make_discard_plan(application, environment, run, perform=perform_plainly, now=datetime.now(UTC))
    assert replaced.spoilt() > 0


def test_a_run_that_has_not_ended_or_has_replaced_nothing_has_nothing_to_drop(place):
    plan = place.plan()
    assert start_run(place.environment, "guestbook", plan, Kill(step="restore the point", phase=Phase.DONE)) == -9
    with pytest.raises(UnsafeOperation, match="has replaced no database"):
        waiting(place)

    assert start_run(place.environment, "guestbook", plan, Kill(step="swap the databases", phase=Phase.DONE)) == -9
    with pytest.raises(UnsafeOperation, match="has not ended"):
        waiting(place)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"system_identifier": "2"}, "this is cluster 2"),
        ({"name": ""}, "gone already"),
        ({"name": "guestbook"}, "it is guestbook now"),
        ({"open": True}, "it is open"),
        ({"sessions": ("somebody",)}, "sessions are on it: somebody"),
        ({"slots": ("slot",)}, "logical slots are on it: slot"),
        ({"prepared": ("x",)}, "prepared transactions are open in it: x"),
    ],
)
def test_each_reason_to_keep_it_is_told(change, reason):
    with pytest.raises(UnsafeOperation) as refused:
        plan_discard("guestbook", RUN, GONE, replace(STATE, **change), (), since=NOW - 2 * KEEP, keep=KEEP, now=NOW)

    assert reason in refused.value.detail


def test_another_name_is_refused(replaced):
    prove_a_newer_point(replaced)
    plan = waiting(replaced).plan

    with pytest.raises(UnsafeOperation, match="is not the database"):
        confirm_name(plan, plan.steps[0].arguments["name"].upper())
