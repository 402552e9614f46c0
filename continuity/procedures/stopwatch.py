"""Watches each stage of a run against its budget, and says at once when one has passed it; the work goes on."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock, Timer
from types import TracebackType
from typing import Self

from continuity.domain.plan import Plan, PlannedStep
from continuity.domain.run import EntryKind, History
from continuity.domain.run_report import OVER_BUDGET
from continuity.domain.stages import BUDGETS, Stage
from continuity.engine import Phase
from continuity.errors import ContinuityError
from continuity.journal import Journal

logger = logging.getLogger(__name__)

OverBudget = Callable[[Stage, timedelta], None]
"""Told of a stage that has passed its budget, from a thread of its own."""


def tell_nobody(_stage: Stage, _budget: timedelta) -> None:
    """Tell nobody."""


class Stopwatch:
    """An observer of the engine with a timer for the stage that runs; `over` is called once a stage, while it still runs.

    A run that is resumed has had the time since its stage began. Leaving the context stops the timer for good.
    """

    def __init__(
        self,
        plan: Plan,
        history: History,
        over: OverBudget,
        *,
        now: Callable[[], datetime],
        budgets: Mapping[Stage, timedelta] = BUDGETS,
    ) -> None:
        self._over, self._now, self._budgets = over, now, budgets
        self._began = {stage: _began(plan, history, stage) for stage in Stage}
        self._last = {step.stage: step.name for step in plan.steps if not history.done(step.name)}
        self._told = {stage for stage in Stage if _was_told(history, stage)}
        self._running: Stage | None = None
        self._timer: Timer | None = None
        # Held while somebody is told: whoever stops the timer then waits until that is over.
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._stop()

    def __call__(self, step: PlannedStep, phase: Phase) -> None:
        """Be told of a step: the first of a stage starts its time, the end of its last one stops it."""
        if phase is Phase.BEFORE_INTENT and step.stage is not self._running:
            self._start(step.stage)
        if phase in {Phase.DONE, Phase.FAILED} and self._last.get(step.stage) == step.name:
            self._stop()

    def _start(self, stage: Stage) -> None:
        self._stop()
        began = self._began.get(stage) or self._now()
        self._began[stage] = began
        left = (began + self._budgets[stage] - self._now()).total_seconds()
        with self._lock:
            self._running = stage
            self._timer = Timer(max(0.0, left), self._pass, [stage])
            self._timer.daemon = True
            self._timer.start()

    def _stop(self) -> None:
        with self._lock:
            self._running = None
            if self._timer:
                self._timer.cancel()

    def _pass(self, stage: Stage) -> None:
        with self._lock:
            if self._running is stage and stage not in self._told:
                self._told.add(stage)
                self._over(stage, self._budgets[stage])


def noting(journal: Journal, then: OverBudget) -> OverBudget:
    """Return what notes a stage over its budget in the journal, and tells `then`. A journal out of reach silences nobody."""

    def over(stage: Stage, budget: timedelta) -> None:
        because = over_budget(stage, budget)
        logger.warning("over budget run=%s stage=%s budget=%s", journal.run, stage.value, budget)
        try:
            journal.append(EntryKind.NOTE, facts={OVER_BUDGET: stage.value, "because": because})
        except ContinuityError as error:
            logger.warning("not noted run=%s because=%s", journal.run, error.message)
        then(stage, budget)

    return over


def over_budget(stage: Stage, budget: timedelta) -> str:
    """Say that a stage has passed its budget."""
    return f"stage {stage.value} has passed its budget of {budget.total_seconds() / 60:g} min: escalate; the work goes on"


def _began(plan: Plan, history: History, stage: Stage) -> datetime | None:
    begun = [entry for step in plan.steps if step.stage is stage if (entry := history.intent(step.name))]
    return min((entry.at for entry in begun), default=None)


def _was_told(history: History, stage: Stage) -> bool:
    return any(entry.facts.get(OVER_BUDGET) == stage.value for entry in history.entries)
