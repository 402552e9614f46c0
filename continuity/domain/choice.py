"""Which recovery point a verb works on, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from continuity.domain.recovery_point import PointState
from continuity.errors import ConfigurationRefused


class ByRule(StrEnum):
    """Choices that are not an id."""

    LATEST = "latest"
    OLDEST = "oldest"
    RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A point, with the reason."""

    point: PointState
    because: str


def choose_for_drill(points: Sequence[PointState], wanted: str, *, pick: Callable[[Sequence[PointState]], PointState]) -> Chosen:
    """Choose the point to drill. A drill proves, so its point need not be proven; `pick` draws for "random".

    Raises:
        ConfigurationRefused: there is no such point.

    """
    trusted = [state for state in points if state.distrusted is None]
    for state in points:
        if state.manifest.id == wanted:
            return Chosen(point=state, because="named by its id")
    if wanted not in set(ByRule):
        raise ConfigurationRefused(
            f"no recovery point {wanted!r}", hint="List the points with `continuity points`, or use latest, oldest or random."
        )
    if not trusted:
        raise ConfigurationRefused("there is no recovery point to drill", hint="Make one with `continuity backup`.")
    if wanted == ByRule.RANDOM:
        return Chosen(point=pick(trusted), because=f"drawn from {len(trusted)} points")
    best = (max if wanted == ByRule.LATEST else min)(trusted, key=lambda state: state.manifest.created)
    return Chosen(point=best, because=f"{wanted} of {len(trusted)} points")
