from dataclasses import replace
from datetime import timedelta

import pytest

from continuity.domain.application import Application, MediaBucket, Objectives, ProtectedDatabase
from continuity.domain.media_replica import unprotected
from continuity.domain.recovery_point import MediaMap, ReplicaCopy
from continuity.domain.status import assess
from tests.fixtures.point_builders import NOW, make_point, make_stored

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


@pytest.mark.parametrize(
    ("copy", "replica", "said"),
    [
        (None, None, "media is not protected: no replica holds its bytes (`[media] replica_bucket`)"),
        (None, "copies", "media is not protected: shop-20261124T120000Z was made before there was a replica"),
        (ReplicaCopy(bucket="copies", missing=0, missing_bytes=0, copied=3, copied_bytes=9), "copies", ""),
        (
            ReplicaCopy(bucket="copies", missing=2, missing_bytes=3000, copied=1, copied_bytes=9, because="time was over"),
            "copies",
            "media is not protected in full: copies lacks 2 of 3 files (3.0 kB): time was over",
        ),
    ],
    ids=["no replica", "an older point", "whole", "in part"],
)
def test_media_whose_bytes_would_not_come_back_needs_a_look(copy, replica, said):
    application = Application(name="shop", database=ProtectedDatabase(name="shop"), media=MediaBucket(bucket="pictures"))
    point = make_point()
    media = MediaMap(
        bucket="pictures", prefix="", objects=3, total_bytes=9, versioned=True, versions=make_stored("map"), replica=copy
    )
    why = unprotected(application, replace(point.manifest, media=media), replica=replica)

    assert why == said
    assert assess([point], OBJECTIVES, damaged=0, unprotected=why, now=NOW).to_look == ((said,) if said else ())
    assert unprotected(replace(application, media=None), point.manifest, replica=None) == ""


def test_an_open_run_needs_a_look():
    status = assess([make_point()], OBJECTIVES, damaged=0, open_runs=["shop-rollback-20261124T030000Z-1f2e"], now=NOW)

    assert status.to_look == (
        "the run shop-rollback-20261124T030000Z-1f2e is open: `continuity watch shop-rollback-20261124T030000Z-1f2e`",
    )
