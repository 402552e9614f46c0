"""Whatever happens at whatever moment, a run ends as if it had been undisturbed, or as if it had never begun."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.domain.run import EntryKind, Outcome
from continuity.domain.run_report import summarize
from continuity.engine import Phase
from continuity.errors import ContinuityError, Overtaken, UnsafeOperation
from continuity.journal import read_history
from tests.fixtures.model_world import ORDER, RUN, Cells, Killed

OLD, NEW = dict.fromkeys(ORDER, "old"), dict.fromkeys(ORDER, "new")
FORWARD = [phase for phase in Phase if phase in {Phase.BEFORE_INTENT, Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE}]


def started(trouble=lambda _step, _moment: None) -> Cells:
    world = Cells(trouble=trouble)
    world.start()
    return world


def failing(at: str, error: BaseException | None = None, *, moment: str = "do", times: int = 10**6):
    left = [times]

    def trouble(step: str, now: str) -> None:
        if (step, now) == (at, moment) and left[0]:
            left[0] -= 1
            raise error or ContinuityError(f"{at} cannot be done")

    return trouble


def killing(at: str, when: Phase):
    def observe(step, phase) -> None:
        if (step.name, phase) == (at, when):
            raise Killed

    return observe


def test_an_undisturbed_run_does_every_step_and_writes_two_entries_each():
    world = started()

    assert world.engine().carry_out().outcome is Outcome.DONE

    assert world.cells == NEW
    kinds = [entry.kind for entry in read_history(world.vault, RUN).entries]
    assert kinds == [EntryKind.PLAN, *[EntryKind.INTENT, EntryKind.DONE] * len(ORDER), EntryKind.END]


def test_a_run_that_has_ended_acts_no_more():
    world = started()
    world.engine().carry_out()
    world.cells["first"] = "changed since"

    assert world.engine(epoch=2).carry_out().outcome is Outcome.DONE

    assert world.cells["first"] == "changed since"


@pytest.mark.parametrize("at", ORDER)
@pytest.mark.parametrize("when", FORWARD)
def test_killed_at_any_point_the_same_call_finishes_the_work(at, when):
    world = started()
    with pytest.raises(Killed):
        world.engine(observe=killing(at, when)).carry_out()

    assert world.engine(epoch=2).carry_out().outcome is Outcome.DONE

    assert world.cells == NEW


@pytest.mark.parametrize("at", ORDER[:2])
@pytest.mark.parametrize("when", FORWARD)
def test_killed_before_the_pivot_it_can_be_taken_back_instead(at, when):
    world = started()
    with pytest.raises(Killed):
        world.engine(observe=killing(at, when)).carry_out()

    assert world.engine(epoch=2).take_back().outcome is Outcome.UNDONE

    assert world.cells == OLD


def test_killed_between_the_pivots_effect_and_its_entry_it_cannot_be_taken_back():
    world = started()
    with pytest.raises(Killed):
        world.engine(observe=killing("pivot", Phase.ACTED)).carry_out()

    with pytest.raises(UnsafeOperation, match="passed its pivot"):
        world.engine(epoch=2).take_back()

    assert world.engine(epoch=3).carry_out().outcome is Outcome.DONE
    assert world.cells == NEW


def test_it_is_not_taken_back_while_nobody_knows_whether_the_pivot_has_happened():
    world = started()
    with pytest.raises(Killed):
        world.engine(observe=killing("pivot", Phase.ACTED)).carry_out()
    engine = world.engine(epoch=2)

    def unreachable(_world, _facts):
        raise ContinuityError("no answer", transient=True)

    blind = {**world.kinds, "pivot": replace(world.kinds["pivot"], probe=unreachable)}
    with pytest.raises(UnsafeOperation, match="not known whether 'pivot' has happened"):
        replace(engine, kinds=blind).take_back()

    assert not engine.journal.history.undoing
    assert world.cells["first"] == "new"
    assert world.engine(epoch=3).carry_out().outcome is Outcome.DONE


@pytest.mark.parametrize("at", ORDER[:3])
def test_a_failure_before_the_pivots_effect_takes_everything_back(at):
    world = started(failing(at))

    ended = world.engine().carry_out()

    assert (ended.outcome, ended.failed, ended.because) == (Outcome.UNDONE, at, f"{at} cannot be done")
    assert world.cells == OLD


@pytest.mark.parametrize("at", ORDER[3:])
def test_a_failure_after_the_pivot_goes_only_forward_and_is_resumed(at):
    world = started(failing(at, times=1))

    ended = world.engine().carry_out()
    assert (ended.outcome, ended.failed) == (Outcome.INCOMPLETE, at)
    assert world.cells["pivot"] == "new"
    with pytest.raises(UnsafeOperation, match="only go forward"):
        world.engine(epoch=2).take_back()

    assert world.engine(epoch=3).carry_out().outcome is Outcome.DONE
    assert world.cells == NEW


LOOKING = ("first", "look before", "pivot", "look", "fourth", "look again")


def looking(at: str, *, times: int) -> Cells:
    world = Cells(cells=dict.fromkeys(LOOKING, "old"), trouble=failing(at, times=times))
    world.start(LOOKING)
    return world


def test_after_the_pivot_a_look_that_fails_keeps_no_other_from_looking_and_all_from_acting():
    world = looking("look", times=1)

    ended = world.engine().carry_out()

    assert (ended.outcome, ended.failed) == (Outcome.INCOMPLETE, "look")
    history = read_history(world.vault, RUN)
    assert history.end is None
    assert history.done("look again")
    assert world.cells["fourth"] == "old"
    assert world.engine(epoch=2).carry_out().outcome is Outcome.DONE
    assert world.cells["fourth"] == "new"


def test_before_the_pivot_a_look_that_fails_takes_everything_back():
    world = looking("look before", times=1)

    assert world.engine().carry_out().outcome is Outcome.UNDONE

    assert set(world.cells.values()) == {"old"}


def test_what_a_look_has_noted_is_in_the_report():
    world = looking("look", times=0)
    engine = world.engine()
    engine.carry_out()

    assert summarize(engine.journal.history, engine.journal.plan).noted == (
        "looked at look before",
        "looked at look",
        "looked at look again",
    )


def test_a_pivot_whose_reply_was_lost_counts_as_done():
    world = started(failing("pivot", moment="did"))

    assert world.engine().carry_out().outcome is Outcome.DONE

    assert world.cells == NEW


def test_a_pivot_of_which_nobody_knows_whether_it_happened_leaves_the_run_open_and_changes_nothing():
    world = started(failing("pivot"))
    engine = world.engine()
    unreachable = replace(engine.kinds["pivot"], probe=Flaky(world.probe))

    with pytest.raises(UnsafeOperation, match="not known whether 'pivot' has happened"):
        replace(engine, kinds={**engine.kinds, "pivot": unreachable}).carry_out()

    assert read_history(world.vault, RUN).end is None
    assert world.cells == {**OLD, "first": "new", "second": "new"}
    world.trouble = lambda _step, _moment: None
    assert world.engine(epoch=2).carry_out().outcome is Outcome.DONE


class Flaky:
    """Answers once, and then is gone."""

    def __init__(self, probe) -> None:
        self.probe, self.asked = probe, 0

    def __call__(self, world, facts):
        self.asked += 1
        if self.asked > 1:
            raise ContinuityError("the database does not answer")
        return self.probe(world, facts)


def test_what_cannot_be_taken_back_is_told_and_the_rest_is_taken_back_nevertheless():
    def trouble(step: str, moment: str) -> None:
        if (step, moment) in {("pivot", "do"), ("second", "undo")}:
            raise ContinuityError(f"{step} is stuck")

    world = started(trouble)

    ended = world.engine().carry_out()

    assert ended.outcome is Outcome.UNDO_INCOMPLETE
    assert "second: second is stuck" in ended.because
    assert world.cells == {**OLD, "second": "new"}
    assert read_history(world.vault, RUN).end is None
    world.trouble = lambda _step, _moment: None
    assert world.engine(epoch=2).carry_out().outcome is Outcome.UNDONE
    assert world.cells == OLD


def test_a_world_that_somebody_else_has_changed_is_left_as_it_is():
    world = started()
    with pytest.raises(Killed):
        world.engine(observe=killing("second", Phase.AFTER_INTENT)).carry_out()
    world.cells["second"] = "somebody else's"

    ended = world.engine(epoch=2).carry_out()

    assert ended.outcome is Outcome.UNDONE
    assert "somebody else has acted" in ended.because
    assert world.cells == {**OLD, "second": "somebody else's"}


def test_a_mistake_of_our_own_before_the_pivot_is_taken_back_and_then_told():
    world = started(failing("second", ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        world.engine().carry_out()

    assert world.cells == OLD
    assert read_history(world.vault, RUN).outcome is Outcome.UNDONE


def test_interrupted_before_the_pivot_it_takes_back_what_it_did_and_then_leaves():
    world = started(failing("second", KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        world.engine().carry_out()

    assert world.cells == OLD


@pytest.mark.parametrize("at", ORDER)
@pytest.mark.parametrize("when", FORWARD)
def test_a_frozen_process_that_wakes_after_another_has_finished_does_no_harm(at, when):
    world = started()
    waking = []

    def overtake(step, phase) -> None:
        if (step.name, phase) == (at, when) and not waking:
            waking.append(step.name)
            assert world.engine(epoch=9).carry_out().outcome is Outcome.DONE

    with pytest.raises(Overtaken):
        world.engine(observe=overtake).carry_out()

    assert world.cells == NEW
    assert read_history(world.vault, RUN).outcome is Outcome.DONE


def test_after_the_pivot_a_lost_vault_does_not_stop_the_run_and_its_entries_come_later(tmp_path):
    world = started()

    def lose_the_vault(step, phase) -> None:
        world.vault.down = world.vault.down or (step.name, phase) == ("pivot", Phase.DONE)

    assert world.engine(observe=lose_the_vault, spool=tmp_path / "spool").carry_out().outcome is Outcome.DONE
    assert world.cells == NEW
    assert list((tmp_path / "spool").iterdir())

    world.vault.down = False
    assert world.engine(epoch=2, spool=tmp_path / "spool").journal.history.outcome is Outcome.DONE
    assert read_history(world.vault, RUN).outcome is Outcome.DONE
    assert not list((tmp_path / "spool").iterdir())


def test_before_the_pivot_a_lost_vault_stops_the_run(tmp_path):
    world = started()

    def lose_the_vault(step, phase) -> None:
        world.vault.down = world.vault.down or (step.name, phase) == ("first", Phase.DONE)

    with pytest.raises(ContinuityError, match="the vault is gone"):
        world.engine(observe=lose_the_vault, spool=tmp_path / "spool").carry_out()

    assert world.cells == {**OLD, "first": "new"}
    world.vault.down = False
    assert world.engine(epoch=2).carry_out().outcome is Outcome.DONE


EVENTS = st.sampled_from(["go on"] * 6 + ["kill", "fail", "lose the reply"])


@settings(max_examples=400, deadline=None)
@given(events=st.lists(EVENTS, max_size=40), take_back=st.booleans())
def test_any_schedule_of_kills_and_failures_ends_as_undisturbed_or_as_never_begun(events, take_back):
    left = iter(events)

    def trouble(step: str, moment: str) -> None:
        match next(left, "go on"):
            case "kill":
                raise Killed
            case "fail" if moment in {"do", "undo"}:
                raise ContinuityError(f"{step} cannot {moment}")
            case "lose the reply" if moment in {"did", "undid"}:
                raise ContinuityError(f"{step}: no reply")

    world = started(trouble)
    with suppress(Killed):
        world.engine().carry_out()
    asked_back = take_back and world.cells["pivot"] == "old"
    ended = None
    try:
        ended = world.until_it_ends(take_back=asked_back)
    except UnsafeOperation:
        # The pivot had happened, unseen: then there is only forward.
        ended = world.until_it_ends()

    assert ended is not None, events
    assert world.cells == (NEW if ended.outcome is Outcome.DONE else OLD), events


def test_a_plan_may_name_a_step_as_its_pivot_although_its_kind_is_none():
    world = Cells(trouble=failing("last"))
    world.start(pivots=("second",))

    ended = world.engine().carry_out()

    assert (ended.outcome, ended.failed) == (Outcome.INCOMPLETE, "last")
    assert world.cells["second"] == "new"
