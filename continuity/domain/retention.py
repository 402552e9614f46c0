"""Which recovery points stay and which expire, each with its reason, and when nothing may expire at all.

On doubt a point stays: an extra one costs cents, a missing one costs the company.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.application import RetentionPolicy
from continuity.domain.recovery_point import PointState, RecoveryPointId
from continuity.domain.reports import duration

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far clocks of different machines may differ: by less, nothing is decided otherwise, since slots are days and longer."""

STOPPED_AFTER = timedelta(hours=48)
SHARE_AT_ONCE = 0.2
FEW_AT_ONCE = 3
"""So many may always go at once: of a handful of points one alone is more than a fifth."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether a point stays, and why."""

    state: PointState
    keep: bool
    because: str

    @property
    def point(self) -> RecoveryPointId:
        """The point's id."""
        return self.state.manifest.id


def decide(
    points: Sequence[PointState], policy: RetentionPolicy, *, in_use: Mapping[RecoveryPointId, str], now: datetime
) -> tuple[Decision, ...]:
    """Decide of each point whether it stays, newest first. `in_use` names the open run that relies on a point.

    Only usable points (proven, not distrusted) fill slots, so a failed backup never pushes a good one out. Another point
    goes only when it is older than `keep_all` and a newer usable one exists. Deciding again after the deletion, at the
    same moment, expires nothing more.
    """
    ordered = sorted(points, key=lambda state: (state.manifest.created, state.manifest.id), reverse=True)
    usable = [state for state in ordered if state.usable]
    slots = _slots(usable, policy)
    floor = {state.manifest.id for state in usable[: max(1, policy.proven_floor)]}
    decisions = []
    for state in ordered:
        point = state.manifest.id
        reasons = []
        if point in in_use:
            reasons.append(f"the open run {in_use[point]} relies on it")
        if state.pinned:
            reasons.append(f"pinned: {state.pinned.because}")
        if usable and state is usable[0]:
            reasons.append("the last proven point")
        elif point in floor:
            reasons.append(f"one of the {policy.proven_floor} newest proven points")
        if now - state.manifest.created < policy.keep_all:
            reasons.append(f"younger than {duration(policy.keep_all)}")
        reasons += slots[point]
        if not state.usable and not _newer(usable, state):
            reasons.append("no newer point is proven")
        decisions.append(Decision(state=state, keep=bool(reasons), because="; ".join(reasons) or _expiry(state, usable, policy)))
    return tuple(decisions)


def _newer(usable: Sequence[PointState], state: PointState) -> bool:
    return bool(usable) and usable[0].manifest.created > state.manifest.created


def _expiry(state: PointState, usable: Sequence[PointState], policy: RetentionPolicy) -> str:
    age = f"older than {duration(policy.keep_all)}"
    if state.usable:
        return f"{age}, and the newest of no period that is kept"
    verdict = "never drilled" if state.last_drill is None and state.distrusted is None else state.verdict
    return f"{verdict}, {age}, and {usable[0].manifest.id} is newer and proven"


def _slots(usable: Sequence[PointState], policy: RetentionPolicy) -> Mapping[RecoveryPointId, list[str]]:
    """Name the slots that each point fills. `usable` is newest first."""
    kinds: tuple[tuple[int, Callable[[datetime], str]], ...] = (
        (policy.daily, lambda moment: f"{moment:%Y-%m-%d}"),
        (policy.weekly, _week),
        (policy.monthly, lambda moment: f"month {moment:%Y-%m}"),
        (policy.yearly, lambda moment: f"year {moment:%Y}"),
    )
    slots: defaultdict[RecoveryPointId, list[str]] = defaultdict(list)
    for count, period in kinds:
        newest: dict[str, PointState] = {}
        for state in usable:
            newest.setdefault(period(state.manifest.created), state)
        for name, state in list(newest.items())[:count]:
            slots[state.manifest.id].append(f"newest of {name}")
    return slots


def _week(moment: datetime) -> str:
    year, week, _ = moment.isocalendar()
    return f"week {year}-W{week:02}"


def too_many(decisions: Sequence[Decision]) -> str:
    """Say that more would go at once than a policy in daily use lets go, or nothing."""
    going = sum(not decision.keep for decision in decisions)
    allowed = max(FEW_AT_ONCE, int(len(decisions) * SHARE_AT_ONCE))
    return f"{going} of {len(decisions)} points would go at once, {allowed} may" if going > allowed else ""


def objections(
    points: Sequence[PointState],
    *,
    damaged: Sequence[str],
    store_time: datetime,
    now: datetime,
    recovery_point: timedelta,
) -> tuple[str, ...]:
    """Say why nothing may expire: clocks that disagree, backups that have stopped, a vault that is not what it should be.

    `store_time` is the store's own time of a fresh write, `recovery_point` the objective. None of them can tell which
    clock is right, so each is a reason to refuse.
    """
    found = [f"{each} cannot be read" for each in damaged]
    found += [
        f"the manifest of {state.manifest.id} names {key}, which is outside of its folder"
        for state in points
        for key in (stored.key for stored in state.manifest.stored)
        if not key.startswith(f"{state.manifest.application}/points/{state.manifest.id}/")
    ]
    if abs(store_time - now) > CLOCK_TOLERANCE:
        found.append(f"the vault's clock says {store_time:%Y-%m-%d %H:%M:%S} UTC, ours {now:%Y-%m-%d %H:%M:%S} UTC")
    if not points:
        return (*found, "the vault shows no recovery point")
    newest = max(state.manifest.created for state in points)
    drilled = max((drill.finished for state in points for drill in state.drills), default=None)
    if newest > now + CLOCK_TOLERANCE:
        found.append(f"the newest point, of {newest:%Y-%m-%d %H:%M} UTC, lies in the future: it is {now:%Y-%m-%d %H:%M} UTC")
    if drilled and drilled > now + CLOCK_TOLERANCE:
        found.append(f"the newest drill, of {drilled:%Y-%m-%d %H:%M} UTC, lies in the future: it is {now:%Y-%m-%d %H:%M} UTC")
    if now - newest > max(2 * recovery_point, STOPPED_AFTER):
        found.append(f"the newest point is {duration(now - newest)} old: backups have stopped, or the clock is wrong")
    return tuple(found)
