"""What a run tells at its end, from its journal alone: steps with their times, stages against budgets, what it came to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.plan import Plan
from continuity.domain.run import EntryKind, History
from continuity.domain.stages import BUDGETS, Stage

OVER_BUDGET = "over budget"
"""The fact of a note that names a stage which has passed its budget."""


@dataclass(frozen=True, kw_only=True)
class StepTaken:
    """One step of a run: when it began to act, how long it took, and whether it stands, was taken back or failed."""

    name: str
    target: str
    stage: Stage
    state: str
    began: datetime | None
    seconds: float | None
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class StageTaken:
    """One stage against its budget."""

    stage: Stage
    seconds: float
    budget: timedelta

    @property
    def over(self) -> bool:
        """Whether the stage took longer than its budget."""
        return self.seconds > self.budget.total_seconds()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run in figures. `downtime_seconds` is how long the swap cut clients off; None where there was none."""

    steps: tuple[StepTaken, ...]
    stages: tuple[StageTaken, ...]
    seconds: float
    downtime_seconds: float | None
    stopped_seconds: float | None
    """From the first stopped workload to the answer of the health check."""
    verdict: str | None
    digests: dict[str, str]
    """Digest of each table of the point, as compared in the restore."""
    seen: tuple[str, ...] = ()
    """What steps that only look have seen, line by line."""
    noted: tuple[str, ...] = ()
    """What somebody should look at, and what did not keep the run from being done."""


def summarize(history: History, plan: Plan) -> Summary:
    """Read a run's figures from its journal."""
    steps = tuple(_step(history, plan, step.name) for step in plan.steps)
    last = history.entries[-1].at
    facts = {entry.step: entry.facts for entry in history.entries if entry.kind is EntryKind.DONE}
    swapped = next((entry for entry in facts.values() if "downtime_seconds" in entry), {})
    judged = next((entry for entry in facts.values() if "verdict" in entry), {})
    return Summary(
        steps=steps,
        stages=tuple(stage for each in Stage if (stage := _stage(steps, each)) is not None),
        seconds=round((last - history.started).total_seconds(), 1),
        downtime_seconds=swapped.get("downtime_seconds"),
        stopped_seconds=_stopped(history, plan),
        verdict=judged.get("verdict"),
        digests={each["table"]: each["digest"] for each in judged.get("tables", ())},
        seen=tuple(str(line) for entry in facts.values() for line in entry.get("seen", ())),
        noted=_noted(history),
    )


def _noted(history: History) -> tuple[str, ...]:
    """Gather what steps have noted, and the stages that have passed their budgets."""
    by_steps = [str(note) for entry in history.entries if entry.kind is EntryKind.DONE for note in entry.facts.get("noted", ())]
    late = [str(entry.facts["because"]) for entry in history.entries if OVER_BUDGET in entry.facts]
    return (*late, *by_steps)


def _step(history: History, plan: Plan, name: str) -> StepTaken:
    planned = plan.step(name)
    intent, done = history.intent(name), history.done(name)
    failed = next((each for each in reversed(history.entries) if each.step == name and each.kind is EntryKind.FAILED), None)
    state = "done" if done else "not reached"
    if failed and not done:
        state = "failed"
    if history.undone(name):
        state = "failed, taken back" if failed else "taken back"
    began = intent.at if intent else None
    ended = done or failed
    return StepTaken(
        name=name,
        target=planned.target,
        stage=planned.stage,
        state=state,
        began=began,
        seconds=round((ended.at - began).total_seconds(), 1) if ended and began else None,
        because=str(failed.facts.get("because", "")) if failed else "",
    )


def _stage(steps: tuple[StepTaken, ...], stage: Stage) -> StageTaken | None:
    taken = [step for step in steps if step.stage is stage and step.began is not None]
    if not taken:
        return None
    first = min(step.began for step in taken if step.began)
    last = max(step.began + timedelta(seconds=step.seconds or 0) for step in taken if step.began)
    return StageTaken(stage=stage, seconds=round((last - first).total_seconds(), 1), budget=BUDGETS[stage])


def _stopped(history: History, plan: Plan) -> float | None:
    stops = [history.intent(step.name) for step in plan.steps if step.kind == "stop a workload"]
    health = [history.done(step.name) for step in plan.steps if step.kind == "check health"]
    began = [entry.at for entry in stops if entry]
    answered = [entry.at for entry in health if entry]
    return round((min(answered) - min(began)).total_seconds(), 1) if began and answered else None
