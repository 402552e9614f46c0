"""kill -9 at every point of every step of a whole rollback: database, workload, configuration, flags, on real processes.

Every point that the registry of steps has is enumerated from the plan, so a new step is killed here without being asked.
"""

import pytest

from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.journal import plan_of, read_history
from continuity.steps.kinds import kinds_of_steps
from continuity.steps.places import journals_of
from tests.fixtures.killing import Kill, KillEverywhere, judge_by_digests, judge_live_by_reach, resume_run, start_run, undo_run
from tests.rollback.conftest import GOOD, OTHER, REPLICAS, flags

PHASES = (Phase.BEFORE_INTENT, Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE)
KILLED = -9


def kills(steps: list[str]) -> list[Kill]:
    """Enumerate every point of every step, and one in the middle of its effect."""
    return [
        *(Kill(step=step, phase=phase) for step in steps for phase in PHASES),
        *(Kill(step=step, phase=Phase.AFTER_INTENT, in_effect=True) for step in steps),
    ]


@pytest.fixture
def spoilt(stage):
    stage.prove()
    stage.spoil()
    return stage


def as_before(stage) -> dict[str, object]:
    return {
        "spoilt": stage.spoilt() > 0,
        "image": stage.image(),
        "replicas": stage.replicas(),
        "settings": stage.core.read_namespaced_config_map("settings", stage.namespace).data,
        "flags": stage.flags(),
        "databases": stage.databases(),
    }


BEFORE = {
    "spoilt": True,
    "image": OTHER,
    "replicas": REPLICAS,
    "settings": {"MODE": "new"},
    "flags": {"flags.json": flags("off"), "kept": "1"},
    "databases": [""],
}
AFTER = {
    "spoilt": False,
    "image": GOOD,
    "replicas": REPLICAS,
    "settings": {"MODE": "old"},
    "flags": {"flags.json": flags("on"), "kept": "1"},
    "databases": ["", "_replaced"],
}


def test_killed_at_every_point_one_after_the_other_and_resumed_each_time_it_ends_as_undisturbed(spoilt, tmp_path):
    plan, steps = spoilt.plan()
    everywhere = KillEverywhere(fired=tmp_path / "fired")

    processes = 0
    while start_run(spoilt.seat.environment, "guestbook", plan, everywhere) == KILLED:
        processes += 1

    # A step that finds nothing to do has no effect to be killed in.
    assert len(everywhere.points()) >= processes > 3 * len(steps), spoilt.story()
    assert as_before(spoilt) == AFTER
    assert spoilt.outcome() is Outcome.DONE


def test_killed_at_every_point_before_the_pivot_and_undone_it_is_as_if_it_had_never_begun(spoilt):
    _, steps = spoilt.plan()
    before_the_pivot = steps[: steps.index("swap the databases")]

    for kill in kills(before_the_pivot) + [Kill(step="swap the databases", phase=phase) for phase in PHASES[:2]]:
        plan, _ = spoilt.plan()
        code = start_run(spoilt.seat.environment, "guestbook", plan, kill)
        if code != KILLED:
            # It found nothing to do, or was quicker than the kill: then there is a finished run to swap back.
            assert kill.step.startswith("pause") or kill.in_effect, f"{kill} was never reached"
            undo, _ = spoilt.plan_undo()
            assert start_run(spoilt.seat.environment, "guestbook", undo, None) == 0
            spoilt.drop_undone()
        else:
            assert undo_run(spoilt.seat.environment, "guestbook", spoilt.runs()[0], None) == 0

        assert as_before(spoilt) == BEFORE, str(kill)


def test_a_second_kill_while_it_is_undone_changes_nothing_about_the_end(spoilt):
    for step in ("stop web", "restore the point", "set the release of web", "set the flags"):
        for phase in (Phase.BEFORE_UNDO, Phase.UNDONE):
            plan, _ = spoilt.plan()
            last = Kill(step="make sure that nobody is left", phase=Phase.ACTED)
            assert start_run(spoilt.seat.environment, "guestbook", plan, last) == KILLED
            run = spoilt.runs()[0]
            assert undo_run(spoilt.seat.environment, "guestbook", run, Kill(step=step, phase=phase)) == KILLED
            # Once it has turned back, resuming is undoing.
            assert resume_run(spoilt.seat.environment, "guestbook", run, None) == 0

            assert as_before(spoilt) == BEFORE, f"{step}, {phase}"


def test_every_kind_of_step_that_a_plan_may_name_is_in_the_table(spoilt):
    plan, _ = spoilt.plan()
    assert start_run(spoilt.seat.environment, "guestbook", plan, None) == 0
    _, environment = spoilt.load()
    planned = plan_of(read_history(journals_of(environment), spoilt.runs()[0]))

    assert {step.kind for step in planned.steps} <= kinds_of_steps(judge_by_digests, judge_live_by_reach).keys()
