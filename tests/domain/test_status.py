from datetime import timedelta

from continuity.domain.application import Objectives
from continuity.domain.status import assess
from tests.fixtures.point_builders import NOW, make_point

OBJECTIVES = Objectives()


def hours(count):
    return timedelta(hours=count)


def assessed(points, *, damaged=0, now=NOW):
    return assess(points, OBJECTIVES, damaged=damaged, now=now)


def test_nothing_needs_a_look_where_the_newest_point_is_proven_and_young():
    status = assessed([make_point(age=hours(3)), make_point(age=hours(27))])

    assert status.to_look == ()
    assert str(status).startswith("last proven point shop-20261124T090000Z, 3 h old, of 2; at most 1 d may be lost: met")


def test_an_objective_that_is_missed_is_said():
    status = assessed([make_point(age=hours(30))])

    assert not status.recovery_point_met
    assert status.to_look == ("the last proven point is 1 d 6 h old, and at most 1 d may be lost",)


def test_a_newest_point_that_is_not_proven_is_said_though_an_older_one_meets_the_objective():
    status = assessed([make_point(judgement=None), make_point(age=hours(5), pinned=True)])

    assert status.to_look == ("the newest point shop-20261124T120000Z is not proven",)
    assert [pin.because for pin in status.pins] == ["audit"]
    assert status.due.point is status.newest


def test_no_proven_point_and_damaged_documents_are_said():
    assert assessed([], damaged=2).to_look == ("no recovery point is proven", "2 documents of the vault cannot be read")


def test_a_collapsed_size_is_said():
    points = [make_point(age=hours(24 * night), size_bytes=9_000_000) for night in range(1, 8)]

    [said] = assessed([make_point(size_bytes=2_000_000), *points]).to_look

    assert said.startswith("size: 2,000,000 bytes, far below")


def test_an_open_run_needs_a_look():
    status = assess([make_point()], OBJECTIVES, damaged=0, open_runs=["shop-rollback-20261124T030000Z-1f2e"], now=NOW)

    assert status.to_look == (
        "the run shop-rollback-20261124T030000Z-1f2e is open: `continuity watch shop-rollback-20261124T030000Z-1f2e`",
    )
