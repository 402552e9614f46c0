"""What is watched of an application, as figures: its objectives, how it stands against them, and its alerts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.alerts import Action, action_of
from continuity.domain.application import ApplicationName, Objectives
from continuity.domain.recovery_point import DrillRecord, PointState
from continuity.domain.status import Status


@dataclass(frozen=True, kw_only=True)
class AlertCounts:
    """How many alerts were accepted ever, and of how many what they asked for is outstanding."""

    accepted: int
    pending: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """An application as it stood when its vault was read. None is unknown, and never nothing."""

    application: ApplicationName
    objectives: Objectives
    points: int
    usable: int
    damaged: int
    proven_created: datetime | None
    """When the last point was made that is proven and not distrusted."""
    newest: PointState | None
    last_drill: DrillRecord | None
    predicted: timedelta | None
    """How long a recovery would take today; None while nothing is proven."""
    open_runs: int | None
    alerts: AlertCounts


def figures_of(
    application: ApplicationName,
    status: Status,
    points: Sequence[PointState],
    *,
    damaged: int,
    runs_known: bool,
    alerts: AlertCounts,
) -> Figures:
    """Reduce what is known of an application to what is watched of it."""
    proven = status.protection.last_proven
    drills = [drill for state in points for drill in state.drills]
    return Figures(
        application=application,
        objectives=status.objectives,
        points=len(points),
        usable=sum(state.usable for state in points),
        damaged=damaged,
        proven_created=proven.manifest.created if proven else None,
        newest=status.newest,
        last_drill=max(drills, key=lambda drill: drill.finished, default=None),
        predicted=timedelta(seconds=status.prediction.total_seconds) if status.prediction else None,
        open_runs=len(status.open_runs) if runs_known else None,
        alerts=alerts,
    )


def count_alerts(noted: Iterable[tuple[str, frozenset[str]]]) -> AlertCounts:
    """Count accepted alerts, each given by its id and the names of what became of it."""
    seen = list(noted)
    return AlertCounts(accepted=len(seen), pending=sum(_pending(action_of(alert), outcomes) for alert, outcomes in seen))


def _pending(action: Action, outcomes: frozenset[str]) -> bool:
    if "withdrawn" in outcomes and action.destroys:
        return "called-off" not in outcomes
    return ("hold" if action is Action.HOLD else "begun") not in outcomes
