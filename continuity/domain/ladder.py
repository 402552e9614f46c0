"""How traffic comes back: rung by rung, each held and watched, and down to nothing on the first doubt. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from continuity.domain.plan import PlannedStep

RUNGS = (10, 25, 50, 100)
SHIFT = "shift traffic"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How long each rung is held, how often it is looked at, and what is still good."""

    hold_seconds: float = 120.0
    interval_seconds: float = 10.0
    settle_seconds: float = 30.0
    """For how long after a shift a number may be missing, since nothing was counted yet. A bad one is bad at once."""
    most_error_percent: float = 1.0
    most_latency_seconds: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at the recovered side. None is a number that nobody could tell; `missing` says why."""

    after_seconds: float
    """From the first look at the rung to the beginning of this one: so no rung is left after the first."""
    wrong: str = ""
    """What is wrong with the answer of its health check, "" where nothing is."""
    error_percent: float | None = None
    latency_seconds: float | None = None
    missing: str = ""


class Decision(StrEnum):
    """What to do after an observation."""

    UP = "go up"
    HOLD = "hold"
    BACK = "back to zero"


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decision with its reason."""

    decision: Decision
    because: str


def decide(observation: Observation, rules: Rules) -> Decided:
    """Decide after the latest observation of a rung; all before it were good, or traffic would be back already.

    A missing number is as bad as a bad one, once there has been time to count something.
    """
    if bad := _bad(observation, rules):
        return Decided(decision=Decision.BACK, because=bad)
    after = observation.after_seconds
    if missing := _missing(observation):
        if after >= min(rules.settle_seconds, rules.hold_seconds):
            return Decided(decision=Decision.BACK, because=f"{missing} after {after:.0f} s")
        return Decided(decision=Decision.HOLD, because=f"{missing} yet")
    if after < rules.hold_seconds:
        return Decided(decision=Decision.HOLD, because=f"good for {after:.0f} of {rules.hold_seconds:g} s")
    return Decided(decision=Decision.UP, because=f"good for {after:.0f} s")


def _bad(observation: Observation, rules: Rules) -> str:
    errors, latency = observation.error_percent, observation.latency_seconds
    if observation.wrong:
        return f"the health check {observation.wrong}"
    if errors is not None and not errors <= rules.most_error_percent:
        return f"{errors:.1f} % of the answers are errors, at most {rules.most_error_percent:g} % may be"
    if latency is not None and not latency <= rules.most_latency_seconds:
        return f"answers take {latency:.2f} s, at most {rules.most_latency_seconds:g} s may be"
    return ""


def _missing(observation: Observation) -> str:
    numbers = {"error rate": observation.error_percent, "latency": observation.latency_seconds}
    unknown = " and ".join(name for name, number in numbers.items() if number is None)
    told = f" ({observation.missing})" if observation.missing else ""
    return f"no {unknown} is known{told}" if unknown else ""


def climb(now: float | None, wanted: int, rungs: Sequence[int] = RUNGS) -> tuple[int, ...]:
    """Return the rungs from where traffic is to where it should be, so that after a fall none is left out.

    Where the present part is not known, or is no rung below, the climb begins at the bottom.
    """
    below = [rung for rung in rungs if rung < wanted]
    return (*(rung for rung in below if now is None or now not in (*below, wanted) or rung > now), wanted)


def shift_steps(through: str, rungs: Sequence[int] = RUNGS) -> tuple[PlannedStep, ...]:
    """Plan to bring traffic back; `through` names what divides it. The first step records the weights to go back to."""
    return tuple(
        PlannedStep(
            name=shift_step(rung),
            kind=SHIFT,
            target=f"{rung} % of the visitors, by {through}",
            arguments={"percent": rung, "rungs": [each for each in rungs if each <= rung], "through": through}
            | ({} if rung == rungs[0] else {"recorded by": shift_step(rungs[0])}),
        )
        for rung in rungs
    )


def shift_step(percent: int) -> str:
    """Return the name of the step that gives the recovered side so much."""
    return f"shift traffic to {percent} %"
