"""How an application stands: whether its objectives are met, whether the newest point is in line, and what needs a look."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from continuity.domain.application import Objectives
from continuity.domain.choice import Chosen, choose_due
from continuity.domain.recovery_point import Pin, PointState
from continuity.domain.recovery_time import Prediction
from continuity.domain.reports import Standing, duration, standing
from continuity.domain.trend import Trend, trend


@dataclass(frozen=True, kw_only=True)
class Status:
    """What is told of an application, the age of its last proven point first. `to_look` names what needs a person."""

    protection: Standing
    objectives: Objectives
    newest: PointState | None
    trend: Trend | None
    due: Chosen | None
    pins: tuple[Pin, ...]
    open_runs: tuple[str, ...]
    to_look: tuple[str, ...]
    prediction: Prediction | None = None
    """How long a recovery would take today; None while nothing is proven."""

    @property
    def recovery_point_met(self) -> bool:
        """Whether no more work would be lost now than may be."""
        return self.protection.age is not None and self.protection.age <= self.objectives.recovery_point

    @property
    def drill_time(self) -> timedelta | None:
        """How long the newest drill of the last proven point took: what is known of the time to recover."""
        proven = self.protection.last_proven
        return timedelta(seconds=proven.last_drill.seconds) if proven and proven.last_drill else None

    @property
    def recovery_time_met(self) -> bool:
        """Whether a recovery would stay within the time that it may take."""
        return self.prediction is not None and self.prediction.within(self.objectives.recovery_time)

    def __str__(self) -> str:
        met = "met" if self.recovery_point_met else "MISSED"
        return f"{self.protection}; at most {duration(self.objectives.recovery_point)} may be lost: {met}"


def assess(
    points: Sequence[PointState],
    objectives: Objectives,
    *,
    damaged: int,
    open_runs: Sequence[str] = (),
    unknown: str = "",
    unprotected: str = "",
    prediction: Prediction | None = None,
    now: datetime,
) -> Status:
    """Assess the points of an application.

    `damaged` is how many documents of its points cannot be read; `unknown` says why the open runs are not known,
    `unprotected` why the bytes of its media would not come back. `prediction` is how long a recovery would take today.
    """
    newest = max(points, key=lambda state: state.manifest.created, default=None)
    trusted = [state for state in points if state.distrusted is None]
    status = Status(
        protection=standing(points, now=now, damaged=damaged),
        objectives=objectives,
        newest=newest,
        trend=trend(newest.manifest, (state.manifest for state in points)) if newest else None,
        # Nothing is drawn here: which point a random drill takes is seen when it is drilled.
        due=choose_due(trusted, pick=lambda others: others[0]) if trusted else None,
        pins=tuple(state.pinned for state in points if state.pinned),
        open_runs=tuple(open_runs),
        to_look=(),
        prediction=prediction,
    )
    return _with_what_needs_a_look(status, damaged, unknown, unprotected)


def _with_what_needs_a_look(status: Status, damaged: int, unknown: str, unprotected: str) -> Status:
    said = []
    protection, objectives = status.protection, status.objectives
    if protection.age is None:
        said.append("no recovery point is proven")
    elif not status.recovery_point_met:
        allowed = duration(objectives.recovery_point)
        said.append(f"the last proven point is {duration(protection.age)} old, and at most {allowed} may be lost")
    if status.newest and not status.newest.usable:
        said.append(f"the newest point {status.newest.manifest.id} is {status.newest.verdict}")
    if status.prediction and not status.recovery_time_met:
        allowed = duration(objectives.recovery_time)
        said.append(f"a recovery would take {status.prediction}, and may take {allowed}")
    said += [unprotected] if unprotected else []
    said += status.trend.out_of_line if status.trend else ()
    said += [f"the run {run} is open: `continuity watch {run}`" for run in status.open_runs]
    if unknown:
        said.append(f"which runs are open is not known: {unknown}")
    if damaged:
        said.append(f"{damaged} documents of the vault cannot be read")
    return replace(status, to_look=tuple(said))
