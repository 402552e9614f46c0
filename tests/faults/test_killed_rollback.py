"""kill -9 at every point of every step of a rollback, on a real PostgreSQL: resumed or taken back, it ends as undisturbed."""

import pytest

from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.journal import list_runs, read_history
from continuity.procedures.runs import open_run, resume, take_back
from continuity.steps.places import journals_of
from tests.fixtures.killing import Kill, hands, resume_run, start_run

STEPS = ("restore the point", "judge the restore", "swap the databases")
POINTS = [
    *[
        Kill(step=step, phase=phase)
        for step in STEPS
        for phase in (Phase.BEFORE_INTENT, Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE)
    ],
    *[Kill(step=step, phase=Phase.AFTER_INTENT, in_effect=True) for step in STEPS],
]


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
    run = place.run()
    swapped = place.spoilt() == 0

    if swapped:
        with pytest.raises(UnsafeOperation, match="passed its pivot"):
            take_back(application, environment, run, hands=hands(None))
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
    assert resume_run(place.environment, "guestbook", place.run(), again) == -9

    assert resume_run(place.environment, "guestbook", place.run(), None) == 0

    assert place.spoilt() == 0
    assert place.databases() == ["", "_replaced"]
