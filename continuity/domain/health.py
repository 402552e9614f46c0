"""Whether an application is healthy: enough good answers in a row. One good answer between bad ones proves nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from continuity.domain.answers import Expected


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How an application is asked for its health, and when it counts as healthy."""

    path: str = "/health-check"
    expected: Expected = field(default_factory=Expected)
    good_answers: int = 3
    """How many in a row are needed."""
    interval_seconds: float = 1.0
    """From one question to the next; three answers of three seconds are no better than one of a second."""
    answer_seconds: float = 5.0
    """How long one answer may take, to its last byte."""
    deadline_seconds: float = 120.0
    """How long the application may take to become healthy."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One question: when its answer came, how long it took, and what was wrong with it ("" where nothing was)."""

    after_seconds: float
    seconds: float
    wrong: str = ""


@dataclass(frozen=True, kw_only=True)
class Health:
    """A judgement of all answers so far, with its reason."""

    healthy: bool
    because: str
    answers: int
    flaps: int
    """How often a good answer was followed by a bad one."""
    first_good_seconds: float | None
    slowest_seconds: float


def judge_health(seen: Sequence[Seen], *, good_answers: int) -> Health:
    """Judge a sequence of answers: healthy when the last `good_answers` are all good."""
    good = [each for each in seen if not each.wrong]
    flaps = sum(not one.wrong and bool(other.wrong) for one, other in pairwise(seen))
    healthy = len(seen) >= good_answers and not any(each.wrong for each in seen[-good_answers:])
    return Health(
        healthy=healthy,
        because=_reason(seen, len(good), flaps, good_answers, healthy=healthy),
        answers=len(seen),
        flaps=flaps,
        first_good_seconds=good[0].after_seconds if good else None,
        slowest_seconds=max((each.seconds for each in seen), default=0.0),
    )


def _reason(seen: Sequence[Seen], good: int, flaps: int, needed: int, *, healthy: bool) -> str:
    if not seen:
        return "nothing was asked"
    flapping = f"flapping: {good} of {len(seen)} answers were good, {flaps} times a bad one followed a good one"
    if healthy:
        return f"{needed} good answers in a row" + (f", after {flapping}" if flaps else "")
    last_wrong = next((each.wrong for each in reversed(seen) if each.wrong), "")
    last = f"; the last bad one: {last_wrong}" if last_wrong else ""
    if flaps:
        return f"{flapping}{last}"
    if good:
        return f"only {good} of {needed} good answers in a row{last}"
    return f"none of {len(seen)} answers was good{last}"
