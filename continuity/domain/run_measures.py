"""What runs and drills say: whether rollbacks succeed, what they lose, how old the data was and how long it took. Pure.

docs/measures.md explains each formula.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from continuity.domain.application import Objectives
from continuity.domain.measure import Measure, Unit
from continuity.domain.records import DrillDone, RunEnded
from continuity.domain.reports import duration
from continuity.domain.shares import CONFIDENCE, share_at_least, trials_to_show

ROLLBACK_SUCCESS = 0.99
ROWS_LOST = 0.0

TAKES_BACK = frozenset({"rollback", "phase", "column", "feature", "media", "undo"})
"""Verbs that take something back: what a rollback's success is measured by."""
STANDS_UP = frozenset({"rollback", "recovery", "rehearsal"})
"""Verbs that bring a recovery point back: how old it was, and how long it took."""


def run_measures(
    runs: Sequence[RunEnded], drills: Sequence[DrillDone], objectives: Objectives, *, exercise: bool, until: datetime
) -> tuple[Measure, ...]:
    """Measure the runs of a period that have ended; for exercises, the drills as well. `until` is its end, or now."""
    stood_up = [run for run in runs if run.verb in STANDS_UP]
    return (
        _success([run for run in runs if run.verb in TAKES_BACK], exercise=exercise),
        _rows_lost([run for run in runs if run.verb == "rollback"], exercise=exercise),
        _exposure(drills, objectives, until) if exercise else _point_age(stood_up, objectives),
        _recovery_time(stood_up, drills, objectives, exercise=exercise),
    )


def _success(runs: Sequence[RunEnded], *, exercise: bool) -> Measure:
    succeeded = sum(run.succeeded for run in runs)
    at_least = share_at_least(succeeded, len(runs))
    said = f"{succeeded} of {len(runs)}" if runs else "no rollback has ended"
    if runs and succeeded == len(runs) and at_least < ROLLBACK_SUCCESS:
        said += (
            f"; that shows at least {at_least * 100:.1f} %, with a confidence of {CONFIDENCE * 100:.0f} %:"
            f" {ROLLBACK_SUCCESS * 100:.0f} % takes {trials_to_show(ROLLBACK_SUCCESS)} without a failure"
        )
    return Measure(
        name="rollback-success",
        title="rollbacks that succeed",
        value=succeeded / len(runs) if runs else None,
        unit=Unit.FRACTION,
        objective=ROLLBACK_SUCCESS,
        more_is_better=True,
        formula="runs that came to what they were begun for / runs that have ended",
        source=f"records of runs: {len(runs)} of {', '.join(sorted(TAKES_BACK))}",
        records=len(runs),
        exercise=exercise,
        because=said,
        at_least=at_least if runs else None,
    )


def _rows_lost(rollbacks: Sequence[RunEnded], *, exercise: bool) -> Measure:
    # One that has put everything back has lost nothing, unless it says so.
    counted = [run for run in rollbacks if run.succeeded or run.rows_discarded]
    lost = sum(run.rows_discarded or 0 for run in counted)
    unknown = sum(run.rows_discarded is None for run in counted)
    said = "no rollback has gone through" if not counted else f"{unknown} do not say" if unknown else ""
    return Measure(
        name="rows-lost",
        title="rows lost in rollbacks",
        # What is known and not nothing stays a loss, whatever the others turn out to be.
        value=float(lost) if counted and (not unknown or lost) else None,
        unit=Unit.ROWS,
        objective=ROWS_LOST,
        more_is_better=False,
        formula="sum over rollbacks of: rows written since the recovery point that went with the replaced database",
        source=f"records of runs: {len(counted)} rollbacks that went through",
        records=len(counted),
        exercise=exercise,
        because=said,
    )


def _point_age(runs: Sequence[RunEnded], objectives: Objectives) -> Measure:
    seconds, contradicting = [], 0
    for run in runs:
        if run.succeeded and run.point_created is not None:
            age = (run.began - run.point_created).total_seconds()
            contradicting += age < 0
            seconds += [age] if age >= 0 else []
    said = [] if seconds else ["no rollback or recovery has brought a recovery point back"]
    said += [f"{contradicting} whose point is younger than the run, left out"] if contradicting else []
    return _recovery_point(
        max(seconds, default=None),
        objectives,
        formula="the oldest of: began - creation of the recovery point, over rollbacks and recoveries that went through",
        source=f"records of runs: {len(seconds)} with a recovery point",
        records=len(seconds),
        because="; ".join(said),
    )


def _exposure(drills: Sequence[DrillDone], objectives: Objectives, until: datetime) -> Measure:
    """Measure how much work would have been lost at the worst moment, had only what is proven counted."""
    proven = [drill for drill in drills if drill.proven and drill.point_created <= drill.finished <= until]
    contradicting = sum(drill.proven for drill in drills) - len(proven)
    newest: datetime | None = None
    worst: float | None = None
    for drill in sorted(proven, key=lambda each: (each.finished, each.point_created)):
        if newest is not None:
            worst = max(worst or 0.0, (drill.finished - newest).total_seconds())
        newest = max(newest or drill.point_created, drill.point_created)
    if newest is not None:
        worst = max(worst or 0.0, (until - newest).total_seconds())
    said = [] if proven else ["no drill has proven a point"]
    said += [f"{contradicting} whose times contradict each other, left out"] if contradicting else []
    return _recovery_point(
        worst,
        objectives,
        formula="the oldest that the newest proven point has become, until a newer one was proven, or until now",
        source=f"records of drills: {len(proven)} proven of {len(drills)}",
        records=len(proven),
        because="; ".join(said),
        exercise=True,
    )


def _recovery_point(
    value: float | None,
    objectives: Objectives,
    *,
    formula: str,
    source: str,
    records: int,
    because: str,
    exercise: bool = False,
) -> Measure:
    return Measure(
        name="rpo",
        title="recovery point achieved",
        value=value,
        unit=Unit.SECONDS,
        objective=objectives.recovery_point.total_seconds(),
        more_is_better=False,
        formula=formula,
        source=source,
        records=records,
        exercise=exercise,
        because=because,
    )


def _recovery_time(runs: Sequence[RunEnded], drills: Sequence[DrillDone], objectives: Objectives, *, exercise: bool) -> Measure:
    attempts: dict[str, list[RunEnded]] = defaultdict(list)
    for run in runs:
        # Of one incident a second attempt goes on with the first one: for who waits, it is one recovery.
        attempts[run.incident or run.run].append(run)
    seconds, in_vain, contradicting = [], 0, 0
    for each in attempts.values():
        done = [run.ended for run in each if run.succeeded]
        if not done:
            in_vain += 1
            continue
        passed = (max(done) - min(run.began for run in each)).total_seconds()
        contradicting += passed < 0
        seconds += [passed] if passed >= 0 else []
    said = []
    if not seconds:
        said.append("no recovery was rehearsed" if exercise else "no rollback or recovery has gone through")
    if exercise and drills:
        longest = duration(timedelta(seconds=max(drill.seconds for drill in drills)))
        said.append(f"{len(drills)} drills restore and judge the database alone, in at most {longest}")
    said += [f"{in_vain} came to nothing"] if in_vain else []
    said += [f"{contradicting} whose times contradict each other, left out"] if contradicting else []
    return Measure(
        name="rto",
        title="recovery time achieved",
        value=max(seconds, default=None),
        unit=Unit.SECONDS,
        objective=objectives.recovery_time.total_seconds(),
        more_is_better=False,
        formula="the longest of: ended - began, over rollbacks, recoveries and rehearsals that went through,"
        " with the attempts before of the same incident",
        source=f"records of runs: {len(runs)} that bring a recovery point back",
        records=len(seconds),
        exercise=exercise,
        because="; ".join(said),
    )
