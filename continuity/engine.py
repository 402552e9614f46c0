"""Carries out a plan step by step: write intent, act, ask reality, write done. Killed anywhere, the same call goes on.

Before the pivot a failure takes back everything that was intended, newest first. After it there is only forward. Reasons
and measurements: the saga pattern (Garcia-Molina and Salem, 1987), with the log as the lock.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from continuity.adapters.leases import HeldLease
from continuity.domain.ending import ASKED_TO_TAKE_BACK
from continuity.domain.plan import Facts, Plan, PlannedStep
from continuity.domain.run import EntryKind, Outcome
from continuity.errors import ContinuityError, Overtaken, UnsafeOperation
from continuity.journal import Journal
from continuity.steps.operation import Operation, Perform
from continuity.steps.outputs import at_its_place
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)


class Phase(StrEnum):
    """Where a step is. A kill is survived at each of these, and in between."""

    BEFORE_INTENT = "before intent"
    AFTER_INTENT = "after intent"
    ACTED = "acted"
    DONE = "done"
    BEFORE_UNDO = "before undo"
    UNDONE = "undone"
    FAILED = "failed"


Observer = Callable[[PlannedStep, Phase], None]
"""Told of each phase of each step, as it is reached."""


def unobserved(_step: PlannedStep, _phase: Phase) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What carrying out a plan came to; `failed` is the step that did not succeed, with the reason."""

    outcome: Outcome
    failed: str = ""
    because: str = ""
    hint: str = ""
    error: ContinuityError | None = None


@dataclass(frozen=True, kw_only=True)
class Engine:
    """All that carrying out a plan takes. `perform` applies each step's retry policy to its whole attempt."""

    journal: Journal
    lease: HeldLease
    world: World
    kinds: Mapping[str, Step]
    perform: Perform
    observe: Observer = unobserved

    def carry_out(self) -> Ended:
        """Carry out the journal's plan, or go on where a killed process left it; return what it came to.

        Past the pivot, a step that only looks and fails does not keep the others from looking: a test that fails is no
        reason not to gather the logs. Calling it again for a run that has ended acts no more.

        Raises:
            Overtaken: another process holds the run; this one has stopped, and undoes nothing.
            UnsafeOperation: nobody can say whether the pivot has happened; the run stays open.
            KeyboardInterrupt, SystemExit, errors that are not ours: passed on, after what was done before the pivot is
            taken back.

        """
        plan = self.journal.plan
        if (outcome := self.journal.history.outcome) is not None:
            return Ended(outcome=outcome)
        if self.journal.history.undoing:
            return self._turn_back(plan, None, "an earlier process had turned back")
        incomplete: Ended | None = None
        for step in plan.steps:
            looks = self.kinds[step.kind].observes
            # What has failed to prove itself is looked at further, for the report, and not acted upon.
            if self.journal.history.done(step.name) or (incomplete and not looks):
                continue
            ended = self._go(plan, step)
            if ended and not (looks and ended.outcome is Outcome.INCOMPLETE):
                return ended
            incomplete = incomplete or ended
        return incomplete or self._end(Outcome.DONE)

    def take_back(self) -> Ended:
        """Undo everything that an open run has intended. Refused once the pivot is passed.

        Raises:
            UnsafeOperation: the pivot is passed, where swapping back is a run of its own; or nobody can say whether it is.

        """
        plan = self.journal.plan
        if (outcome := self.journal.history.outcome) is not None:
            return Ended(outcome=outcome)
        if not self.journal.history.undoing:
            self._look_for_the_pivot(plan)
        if self._pivot_passed(plan):
            raise UnsafeOperation(
                f"{self.journal.run} has passed its pivot: it can only go forward",
                hint=f"Finish it with `continuity resume {self.journal.run}`, then undo it as a run of its own.",
            )
        return self._turn_back(plan, None, ASKED_TO_TAKE_BACK)

    def _go(self, plan: Plan, step: PlannedStep) -> Ended | None:
        """Bring one step about; return what the run has come to where that did not succeed."""
        try:
            self._attempt_as_operation(step)
        except Overtaken:
            raise
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            # A mistake of our own must not leave an application stopped either: it is taken back, and then told.
            ended = self._settle(plan, step, error)
            if not isinstance(error, ContinuityError):
                raise
            return ended
        return None

    def _attempt_as_operation(self, step: PlannedStep) -> None:
        kind = self.kinds[step.kind]
        operation = Operation(name=step.name, run=self._attempt, retry=kind.retry)
        self.perform(operation, step, kind)

    def _attempt(self, step: PlannedStep, kind: Step) -> None:
        """Bring one step about. Running it twice finds the first one's effect, by the recorded facts."""
        passed = self._pivot_passed(self.journal.plan)
        self.lease.check(vault_may_be_gone=passed)
        world, history = self._world(), self.journal.history
        if history.done(step.name) is not None:
            return
        self.observe(step, Phase.BEFORE_INTENT)
        intent = history.intent(step.name)
        facts = intent.facts if intent else kind.facts(world, step.arguments)
        found = kind.probe(world, facts)
        result: Facts = {}
        if found is Probe.FOREIGN:
            raise _foreign(step)
        if found is Probe.NOT_DONE or kind.watches:
            if intent is None:
                self.journal.append(EntryKind.INTENT, step=step.name, facts=facts, may_spool=passed)
            self.observe(step, Phase.AFTER_INTENT)
            self.lease.check(vault_may_be_gone=passed)
            result = kind.do(world, facts)
            self.observe(step, Phase.ACTED)
            if not kind.observes and kind.probe(world, facts) is not Probe.DONE:
                raise ContinuityError(f"{step.name} has acted, and {step.target} does not show it", transient=True)
        passed = passed or step.pivot or kind.pivot
        self.journal.append(EntryKind.DONE, step=step.name, facts={**facts, **result}, may_spool=passed)
        self.observe(step, Phase.DONE)

    def _settle(self, plan: Plan, step: PlannedStep, error: BaseException) -> Ended | None:
        """Decide what a failure means: back before the pivot, open after it; None where the step is done after all."""
        because = error.message if isinstance(error, ContinuityError) else f"{type(error).__name__} in this program"
        kind = self.kinds[step.kind]
        self.observe(step, Phase.FAILED)
        if (step.pivot or kind.pivot) and self._has_happened(step, f"First failure: {because}"):
            return None
        if self._pivot_passed(plan):
            self.journal.append(EntryKind.FAILED, step=step.name, facts={"because": because}, may_spool=True)
            return self._ended(Outcome.INCOMPLETE, step, error)
        self.journal.append(EntryKind.FAILED, step=step.name, facts={"because": because, "turned back": True})
        return self._turn_back(plan, step, because, error)

    def _look_for_the_pivot(self, plan: Plan) -> None:
        """Ask reality about a pivot that was intended: a process killed between its effect and its entry has not told."""
        self.lease.check()
        for step in plan.steps:
            if (step.pivot or self.kinds[step.kind].pivot) and not self.journal.history.done(step.name):
                self._has_happened(step, "It was asked to take the run back. Nothing was changed.")

    def _has_happened(self, step: PlannedStep, detail: str) -> bool:
        """Whether a pivot that was intended has happened, by reality; if so, its entry is written.

        Raises:
            UnsafeOperation: nobody can say; neither direction is safe then.

        """
        intent = self.journal.history.intent(step.name)
        if intent is None:
            return False
        try:
            found = self.kinds[step.kind].probe(self._world(), intent.facts)
        except ContinuityError as unknown:
            raise UnsafeOperation(
                f"it is not known whether {step.name!r} has happened: {unknown.message}",
                detail=detail,
                hint=f"When the database answers again: `continuity resume {self.journal.run}`.",
            ) from unknown
        if found is Probe.DONE:
            self.journal.append(EntryKind.DONE, step=step.name, facts=intent.facts, may_spool=True)
            self.observe(step, Phase.DONE)
        return found is Probe.DONE

    def _turn_back(self, plan: Plan, failed: PlannedStep | None, because: str, error: BaseException | None = None) -> Ended:
        """Undo what was intended, newest first; what cannot be undone is recorded, and the rest goes on."""
        if not self.journal.history.undoing:
            self.journal.append(EntryKind.NOTE, facts={"because": because, "turned back": True})
        left: list[str] = []
        for name in self.journal.history.to_undo([step.name for step in plan.steps]):
            step = plan.step(name)
            kind = self.kinds[step.kind]
            operation = Operation(name=f"undo: {name}", run=self._undo, retry=kind.retry)
            try:
                self.perform(operation, step, kind)
            except Overtaken:
                raise
            except ContinuityError as refused:
                left.append(f"{name}: {refused.message}")
                self.journal.append(EntryKind.FAILED, step=name, facts={"undo": True, "because": refused.message})
        if left:
            why = f"{because}; could not be taken back: {'; '.join(left)}"
            return replace(self._ended(Outcome.UNDO_INCOMPLETE, failed, error), because=why)
        self._end(Outcome.UNDONE, because=because)
        return replace(self._ended(Outcome.UNDONE, failed, error), because=because)

    def _undo(self, step: PlannedStep, kind: Step) -> None:
        """Take one step back. Running it twice finds nothing left to take back."""
        self.lease.check()
        self.observe(step, Phase.BEFORE_UNDO)
        intent = self.journal.history.intent(step.name)
        if kind.undo is not None and intent is not None:
            kind.undo(self._world(), intent.facts)
        self.journal.append(EntryKind.UNDONE, step=step.name)
        self.observe(step, Phase.UNDONE)

    def _world(self) -> World:
        entries = self.journal.history.entries
        done = {entry.step: entry.facts for entry in entries if entry.kind is EntryKind.DONE}
        return at_its_place(replace(self.world, run=self.journal.run, done=done))

    def _pivot_passed(self, plan: Plan) -> bool:
        history = self.journal.history
        decisive = [step for step in plan.steps if step.pivot or self.kinds[step.kind].pivot]
        return any(history.done(step.name) for step in decisive)

    def _end(self, outcome: Outcome, *, because: str = "") -> Ended:
        facts = {"outcome": outcome.value, "because": because}
        self.journal.append(EntryKind.END, facts=facts, may_spool=self._pivot_passed(self.journal.plan))
        return Ended(outcome=outcome)

    @staticmethod
    def _ended(outcome: Outcome, failed: PlannedStep | None, error: BaseException | None) -> Ended:
        ours = error if isinstance(error, ContinuityError) else None
        return Ended(
            outcome=outcome,
            failed=failed.name if failed else "",
            because=ours.message if ours else "",
            hint=ours.hint if ours else "",
            error=ours,
        )


def _foreign(step: PlannedStep) -> UnsafeOperation:
    return UnsafeOperation(
        f"{step.target} is neither as recorded nor as {step.name!r} would leave it: somebody else has acted on it",
        hint="Find out who; then make a new plan.",
    )
