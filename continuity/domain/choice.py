"""Which recovery point a verb works on, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from continuity.domain.recovery_point import PointState
from continuity.errors import ConfigurationRefused, UnsafeOperation


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


def choose_for_rollback(points: Sequence[PointState], wanted: str, *, before: datetime | None = None) -> Chosen:
    """Choose the proven point to go back to. No rule chooses one that is not proven or that a person distrusts.

    Raises:
        ConfigurationRefused: there is no such point.
        UnsafeOperation: the point named is not proven or is distrusted, or none is left to choose; the next good one is
            offered.

    """
    good = [state for state in points if state.proven and state.distrusted is None]
    if wanted != "latest":
        named = next((state for state in points if state.manifest.id == wanted), None)
        if named is None:
            raise ConfigurationRefused(f"no recovery point {wanted!r}", hint="See `continuity points`, or take `latest`.")
        if named not in good:
            why = f"distrusted: {named.distrusted.because}" if named.distrusted else named.verdict
            raise UnsafeOperation(f"{wanted} is {why}; nothing was changed", hint=_offer(good, named.manifest.created))
        return Chosen(point=named, because="named by its id")
    eligible = [state for state in good if before is None or state.manifest.snapshot.taken < before]
    if not eligible:
        when = f" before {before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if before else ""
        raise UnsafeOperation(
            f"there is no proven point{when} among {len(points)}; nothing was changed",
            hint="Prove one: `continuity drill APP --point ID`. See `continuity points`.",
        )
    latest = max(eligible, key=lambda state: state.manifest.snapshot.taken)
    why = "the latest proven point" + (f" before {before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if before else "")
    return Chosen(point=latest, because=why)


def _offer(good: Sequence[PointState], created: datetime) -> str:
    older = [state.manifest for state in good if state.manifest.created < created]
    other = max(older or [state.manifest for state in good], key=lambda manifest: manifest.created, default=None)
    if other is None:
        return "No point is proven: drill one with `continuity drill APP --point ID`."
    return f"The next good one is {other.id}: give --point {other.id}."
