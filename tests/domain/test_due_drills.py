"""Which point the schedule owes a drill: each once in its life, then the oldest and a random one in turn."""

from dataclasses import replace
from datetime import timedelta

import pytest

from continuity.domain.choice import choose_due, choose_for_drill
from continuity.domain.verdict import Judgement, Trouble
from continuity.errors import ConfigurationRefused
from tests.fixtures.point_builders import NOW, make_drill, make_manifest, make_point


def first(points):
    return points[0]


def days(count):
    return timedelta(days=count)


def drilled(state, *finished, judgement=Judgement.SOUND, **facts):
    drills = [make_drill(state.manifest, judgement, finished=moment, **facts) for moment in finished]
    return replace(state, drills=(*state.drills, *drills))


def test_the_oldest_point_that_no_drill_has_decided_comes_first():
    newest, undrilled, older = make_point(judgement=None), make_point(age=days(1), judgement=None), make_point(age=days(2))

    chosen = choose_for_drill([newest, undrilled, older], "due", pick=first)

    assert chosen.point is undrilled
    assert chosen.because == "the oldest of 2 points that no drill has decided"


@pytest.mark.parametrize(
    "facts",
    [
        {"judgement": Judgement.NOT_PROVEN, "trouble": Trouble.UNDECIDED},
        {"judgement": Judgement.SOUND, "sha256": "f" * 64},
    ],
    ids=["undecided", "other bytes"],
)
def test_a_drill_that_decided_nothing_of_these_bytes_does_not_count(facts):
    state = drilled(make_point(age=days(1), judgement=None), NOW, **facts)

    assert choose_due([make_point(), state], pick=first).point is state


def test_a_point_that_no_drill_can_decide_does_not_hold_up_the_others():
    stuck = make_point(age=days(9), judgement=None)
    undrilled = make_point(age=days(1), judgement=None)
    undecided = {"judgement": Judgement.NOT_PROVEN, "trouble": Trouble.UNDECIDED}
    once = drilled(stuck, NOW - days(3), **undecided)
    often = drilled(once, NOW - days(2), NOW - days(1), **undecided)

    assert choose_due([undrilled, once], pick=first).point is undrilled
    assert choose_due([make_point(), often, make_point(age=days(10))], pick=first).point is not often


def test_the_oldest_and_a_random_one_take_turns_by_what_is_recorded():
    points = [make_point(age=days(age)) for age in (0, 1, 2)]
    oldest = points[2].manifest.id
    turns = []
    for turn in range(6):
        chosen = choose_due(points, pick=first)
        turns.append((chosen.point.manifest.id == oldest, chosen.drawn))
        moment = NOW + timedelta(hours=turn)
        points = [drilled(state, moment) if state.manifest.id == chosen.point.manifest.id else state for state in points]

    assert turns == [(True, False), (False, True)] * 3


def test_the_nightly_proof_of_a_new_point_takes_no_turn():
    points = [make_point(), make_point(age=days(1)), drilled(make_point(age=days(2)), NOW - timedelta(hours=1))]
    tonight = make_point(created=NOW + timedelta(hours=1))

    assert choose_due([tonight, *points], pick=first).drawn


def test_a_single_point_is_drilled_again_and_again():
    only = drilled(make_point(), NOW + days(1))

    assert choose_due([only], pick=first).point is only


def test_a_distrusted_point_is_never_due():
    with pytest.raises(ConfigurationRefused, match="no recovery point to drill"):
        choose_for_drill([make_point(distrusted=True, judgement=None)], "due", pick=first)


def test_the_machine_that_failed_is_no_drill_of_the_point():
    manifest = make_manifest()
    state = make_point(drills=[make_drill(manifest, Judgement.NOT_PROVEN, trouble=Trouble.MACHINE)])

    assert choose_due([state, make_point(age=days(1))], pick=first).point is state
