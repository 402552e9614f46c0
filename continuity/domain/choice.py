"""Which recovery point a verb works on, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from continuity.domain.recovery_point import DrillRecord, Manifest, PointState
from continuity.domain.verdict import Judgement
from continuity.errors import ConfigurationRefused, UnsafeOperation


class ByRule(StrEnum):
    """Choices that are not an id."""

    LATEST = "latest"
    OLDEST = "oldest"
    RANDOM = "random"
    DUE = "due"
    """What the schedule owes: each point once in its life, then the oldest and a random one in turn."""


UNDECIDED_DRILLS = 3
"""After so many drills that decided nothing a point no longer goes before the others: it would hold up the schedule for good."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A point, with the reason. `drawn` says that another draw may have chosen another."""

    point: PointState
    because: str
    drawn: bool = False


def choose_for_drill(points: Sequence[PointState], wanted: str, *, pick: Callable[[Sequence[PointState]], PointState]) -> Chosen:
    """Choose the point to drill. A drill proves, so its point need not be proven; `pick` draws for "random" and "due".

    Raises:
        ConfigurationRefused: there is no such point.

    """
    trusted = [state for state in points if state.distrusted is None]
    for state in points:
        if state.manifest.id == wanted:
            return Chosen(point=state, because="named by its id")
    if wanted not in set(ByRule):
        raise ConfigurationRefused(
            f"no recovery point {wanted!r}",
            hint="List the points with `continuity points`, or use latest, oldest, random or due.",
        )
    if not trusted:
        raise ConfigurationRefused("there is no recovery point to drill", hint="Make one with `continuity backup`.")
    if wanted == ByRule.DUE:
        return choose_due(trusted, pick=pick)
    if wanted == ByRule.RANDOM:
        return Chosen(point=pick(trusted), because=f"drawn from {len(trusted)} points", drawn=True)
    best = (max if wanted == ByRule.LATEST else min)(trusted, key=lambda state: state.manifest.created)
    return Chosen(point=best, because=f"{wanted} of {len(trusted)} points")


def choose_for_rollback(
    points: Sequence[PointState],
    wanted: str,
    *,
    before: datetime | None = None,
    refused: Callable[[Manifest], str] = lambda _manifest: "",
) -> Chosen:
    """Choose the proven point to go back to. No rule chooses one that is not proven or that a person distrusts.

    `refused` says why a point's release must not run again, or "".

    Raises:
        ConfigurationRefused: there is no such point.
        UnsafeOperation: the point named is not proven or is distrusted, or none is left to choose; the next good one is
            offered.

    """
    good = [state for state in points if state.usable and not refused(state.manifest)]
    if wanted != "latest":
        named = next((state for state in points if state.manifest.id == wanted), None)
        if named is None:
            raise ConfigurationRefused(f"no recovery point {wanted!r}", hint="See `continuity points`, or take `latest`.")
        if named not in good:
            why = f"distrusted: {named.distrusted.because}" if named.distrusted else named.verdict
            why = refused(named.manifest) if named.usable else why
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


def choose_due(points: Sequence[PointState], *, pick: Callable[[Sequence[PointState]], PointState]) -> Chosen:
    """Choose what the schedule owes, from what is recorded alone: `points` are trusted, and there is one at least.

    An undrilled point comes first, so that each is drilled once in its life. Then the oldest and a random other one, in
    turn: the oldest, unless the newest repeated drill (one of a point that an earlier drill had decided) was of the oldest.
    """
    undrilled = [state for state in points if not _decided(state) and len(_of_these_bytes(state)) < UNDECIDED_DRILLS]
    if undrilled:
        # Fewer drills first: a point whose drill decided nothing waits until the others have had theirs.
        state = min(undrilled, key=lambda each: (len(_of_these_bytes(each)), each.manifest.created))
        return Chosen(point=state, because=f"the oldest of {len(undrilled)} points that no drill has decided")
    oldest = min(points, key=lambda state: state.manifest.created)
    others = [state for state in points if state is not oldest]
    repeated = [drill for state in points for drill in _decided(state)[1:]]
    last = max(repeated, key=lambda drill: drill.finished, default=None)
    if others and last and last.point == oldest.manifest.id:
        return Chosen(
            point=pick(others), because=f"a random one of {len(others)} points: the oldest was drilled last", drawn=True
        )
    return Chosen(point=oldest, because="the oldest point: every point is drilled, and the oldest and a random one take turns")


def _of_these_bytes(state: PointState) -> list[DrillRecord]:
    drills = [drill for drill in state.drills if drill.dump_sha256 == state.manifest.dump.sha256]
    return sorted(drills, key=lambda drill: drill.finished)


def _decided(state: PointState) -> list[DrillRecord]:
    return [drill for drill in _of_these_bytes(state) if drill.judgement is not Judgement.NOT_PROVEN]
