"""What a plan will take is told from what was measured of exactly this point, before anything else that is known."""

from dataclasses import replace

from continuity.domain.activity import Discards
from continuity.domain.estimates import predict
from continuity.domain.plan import Plan, PlannedStep, Verb
from tests.fixtures.point_builders import NOW, make_drill, make_manifest, make_point

RESTORE, JUDGE = "restore the shadow", "judge the shadow"


def predicted(drill):
    steps = tuple(PlannedStep(name=kind, kind=kind, target="database shop") for kind in (RESTORE, JUDGE))
    plan = Plan(application="shop", verb=Verb.RECOVERY, created=NOW, targets={}, steps=steps)
    point = make_point(drills=[drill])
    return predict(plan, point=point, measured={JUDGE: 60.0}, discards=Discards(), live_bytes=0)


def test_restoring_and_judging_take_what_they_took_in_the_points_own_drill():
    drill = replace(make_drill(make_manifest()), seconds=40, restore_seconds=25.0, judge_seconds=12.5)

    found = predicted(drill)

    assert found.seconds == {RESTORE: 25.0, JUDGE: 12.5}
    assert set(found.sources.values()) == {f"the drill of {drill.finished:%Y-%m-%d}"}


def test_a_drill_that_was_measured_as_a_whole_counts_as_a_whole():
    found = predicted(make_drill(make_manifest()))

    assert found.seconds == {RESTORE: 4.0, JUDGE: 60.0}
