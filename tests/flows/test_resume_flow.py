"""Going on with an interrupted run as a flow: what an automation starts when a rollback's process has died."""

from prefect.client.schemas.objects import StateType

from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.journal import read_history
from continuity.steps.places import journals_of
from flows.resume import resume_run
from tests.fixtures.forms import answering
from tests.fixtures.killing import Kill, start_run


def test_a_rollback_that_was_killed_is_gone_on_with_to_its_end_and_without_an_open_run_nothing_is_done(
    place, prefect_server, monkeypatch
):
    monkeypatch.setenv("CONTINUITY_ENVIRONMENT", str(place.environment))
    plan = place.plan()
    before = place.server()

    nothing = resume_run("guestbook", return_state=True)

    assert (nothing.type, nothing.name) == (StateType.COMPLETED, "NothingOpen")
    assert place.server() == before
    other = resume_run("guestbook", run="shop-rollback-20261124T030000Z-1f2e", return_state=True)
    assert "is a run of shop, not of guestbook" in other.message

    assert start_run(place.environment, "guestbook", plan, Kill(step="judge the restore", phase=Phase.DONE)) == -9
    _, state = answering(lambda: resume_run("guestbook", return_state=True), {"verdict": "not looked yet"})

    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert "nobody has confirmed it" in state.message
    assert place.spoilt() == 0
    assert read_history(journals_of(place.load()[1]), place.run()).outcome is Outcome.DONE
