"""A stage over its budget is said at once, while it runs; the work goes on, and the journal stays whole."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from continuity.domain.approval import Approval
from continuity.domain.run import EntryKind, Outcome
from continuity.domain.run_report import summarize
from continuity.domain.stages import BUDGETS, Stage
from continuity.engine import Phase
from continuity.journal import read_history
from continuity.procedures.remaking import remake
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.procedures.runs import carry_out
from continuity.procedures.stopwatch import Stopwatch, noting
from continuity.procedures.telling import report_markdown, summary_of
from continuity.steps.operation import perform_plainly
from tests.fixtures.cluster import eventually
from tests.fixtures.killing import hands
from tests.fixtures.model_world import ORDER, RUN, Cells

SHORT = dict.fromkeys(Stage, timedelta(seconds=0.1))
LONG = dict.fromkeys(Stage, timedelta(seconds=60))


def now() -> datetime:
    return datetime.now(UTC)


def slow(seconds: float, *steps: str):
    def trouble(step: str, moment: str) -> None:
        if step in steps and moment == "do":
            time.sleep(seconds)

    return trouble


def carried_out(world: Cells, budgets, *, told: list, epoch: int = 1):
    engine = world.engine(epoch=epoch)
    over = noting(engine.journal, lambda stage, _budget: told.append((stage, time.monotonic())))
    with Stopwatch(engine.journal.plan, engine.journal.history, over, now=now, budgets=budgets) as stopwatch:
        return replace(engine, observe=stopwatch).carry_out()


def test_a_stage_within_its_budget_is_not_told():
    world = Cells()
    world.start()
    told = []

    assert carried_out(world, LONG, told=told).outcome is Outcome.DONE

    assert told == []
    assert EntryKind.NOTE not in {entry.kind for entry in read_history(world.vault, RUN).entries}


def test_a_stage_over_its_budget_is_told_while_it_runs_once_and_the_work_goes_on():
    world = Cells(trouble=slow(0.25, "second", "fourth"))
    world.start()
    told = []

    ended = carried_out(world, SHORT, told=told)
    finished = time.monotonic()

    assert ended.outcome is Outcome.DONE
    assert set(world.cells.values()) == {"new"}
    [(stage, moment)] = told
    assert stage is Stage.IMMEDIATE
    assert moment < finished - 0.2


def test_the_report_names_the_stage_and_the_journal_is_one_chain_that_ends_with_its_end():
    world = Cells(trouble=slow(0.25, ORDER[-1]))
    world.start()

    carried_out(world, SHORT, told=[])
    time.sleep(0.15)

    history = read_history(world.vault, RUN)
    assert history.outcome is Outcome.DONE
    engine = world.engine(epoch=2)
    [noted] = summarize(history, engine.journal.plan).noted
    assert "stage immediate has passed its budget" in noted
    assert "escalate" in noted


def test_each_stage_has_its_own_time():
    stages = dict(
        zip(ORDER, (Stage.IMMEDIATE, Stage.IMMEDIATE, Stage.IMMEDIATE, Stage.VALIDATION, Stage.CONFIRMATION), strict=True)
    )
    world = Cells(trouble=slow(0.25, "fourth"))
    world.start(stages=stages)
    told = []

    carried_out(world, SHORT, told=told)

    assert [stage for stage, _ in told] == [Stage.VALIDATION]


def test_a_resumed_stage_has_had_its_time_since_it_began_and_is_told_once_in_all():
    world = Cells()
    world.start()
    engine = world.engine()
    told, later = [], datetime.now(UTC) + timedelta(hours=1)
    over = noting(engine.journal, lambda stage, _budget: told.append(stage))
    first = engine.journal.plan.steps[0]
    engine.journal.append(EntryKind.INTENT, step="first", facts={"cell": "first", "was": "old"})

    with Stopwatch(engine.journal.plan, engine.journal.history, over, now=lambda: later) as stopwatch:
        stopwatch(first, Phase.BEFORE_INTENT)
        eventually(lambda: told == [Stage.IMMEDIATE])
    with Stopwatch(engine.journal.plan, engine.journal.history, over, now=lambda: later) as stopwatch:
        stopwatch(first, Phase.BEFORE_INTENT)
        time.sleep(0.1)

    assert told == [Stage.IMMEDIATE]


def test_a_vault_out_of_reach_silences_nobody():
    world = Cells()
    world.start()
    engine = world.engine()
    world.vault.down = True
    told = []

    noting(engine.journal, lambda stage, _budget: told.append(stage))(Stage.VALIDATION, timedelta(minutes=15))

    assert told == [Stage.VALIDATION]


def test_leaving_stops_the_time_whatever_has_happened():
    world = Cells()
    world.start()
    engine = world.engine()
    told = []

    with Stopwatch(engine.journal.plan, engine.journal.history, lambda *_: told.append(1), now=now, budgets=SHORT) as stopwatch:
        stopwatch(engine.journal.plan.steps[0], Phase.BEFORE_INTENT)
    time.sleep(0.2)

    assert told == []


def test_a_rollback_over_its_budget_is_told_and_done_nevertheless(protect, monkeypatch):
    monkeypatch.setitem(BUDGETS, Stage.IMMEDIATE, timedelta(seconds=0.01))
    protected, told = protect("guestbook"), []
    application, environment = protected.application, protected.environment
    protected.back_up()
    assert protected.drill().verdict.proven
    waiting = make_plan(application, environment, RollbackWish(), perform=perform_plainly, now=now())
    approval = Approval(application=application.name, plan=waiting.plan.hash, by="test", at=now())

    report = carry_out(
        application,
        environment,
        waiting,
        replan=lambda: remake(application, environment, waiting.plan, perform=perform_plainly, now=now()),
        approvals=[approval],
        hands=replace(hands(None), over_budget=lambda stage, _budget: told.append(stage)),
    )

    assert report.ended.outcome is Outcome.DONE
    assert told == [Stage.IMMEDIATE]
    assert any("stage immediate has passed its budget" in note for note in summary_of(report).noted)
    assert "passed its budget" in report_markdown(report)
