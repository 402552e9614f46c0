"""Predicts how long a recovery would take today, from what drills, rehearsals and runs have measured. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from continuity.domain.recovery_point import Manifest, PointState
from continuity.domain.reports import duration
from continuity.domain.stages import BUDGETS, Stage

RECOVERY_STAGES = (
    Stage.INFRASTRUCTURE,
    Stage.DATABASE,
    Stage.DEPLOYMENT,
    Stage.VALIDATION,
    Stage.TRAFFIC,
)
"""What has to pass before everybody is served again; the confirmation comes after that."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """How long a recovery would take, about, and what that rests on. `seconds` is what has been measured."""

    seconds: float
    sources: tuple[str, ...]
    unmeasured: tuple[Stage, ...]

    def __str__(self) -> str:
        unknown = f"; not measured yet: {', '.join(self.unmeasured)} (their budgets count)" if self.unmeasured else ""
        return f"about {duration(self.length)} ({'; '.join(self.sources)}){unknown}"

    @property
    def total_seconds(self) -> float:
        """The prediction, with the whole budget for each stage that nothing has measured."""
        return self.seconds + sum(BUDGETS[stage].total_seconds() for stage in self.unmeasured)

    @property
    def length(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(seconds=self.total_seconds)

    def within(self, objective: timedelta) -> bool:
        """Whether it stays within the objective."""
        return self.total_seconds <= objective.total_seconds()


def predict_recovery(
    points: Sequence[PointState], measured: Mapping[Stage, float], *, uses_cluster: bool, builds_infrastructure: bool
) -> Prediction | None:
    """Predict from the drill of the last proven point, scaled to the growth since, and from the last recovery's stages.

    None where no drill has proven anything: then nothing is known.
    """
    proven = max((state for state in points if state.usable), key=lambda state: state.manifest.created, default=None)
    if proven is None or proven.last_drill is None:
        return None
    newest = max(points, key=lambda state: state.manifest.created).manifest
    growth = _growth(proven.manifest, newest)
    drill = proven.last_drill
    seconds = drill.seconds * growth
    grown = f", {growth:.2f} times the size" if growth > 1 else ""
    sources = [f"database: {seconds:.0f} s, by the drill of {drill.finished:%Y-%m-%d}{grown}"]
    needed = set(RECOVERY_STAGES) - {Stage.DATABASE}
    if not uses_cluster:
        needed -= {Stage.DEPLOYMENT, Stage.TRAFFIC}
    if not builds_infrastructure:
        needed -= {Stage.INFRASTRUCTURE}
    unmeasured = []
    for stage in RECOVERY_STAGES:
        if stage not in needed:
            continue
        if stage in measured:
            seconds += measured[stage]
            sources.append(f"{stage.value}: {measured[stage]:.0f} s, by the last recovery or rehearsal")
        else:
            unmeasured.append(stage)
    return Prediction(seconds=seconds, sources=tuple(sources), unmeasured=tuple(unmeasured))


def _growth(proven: Manifest, newest: Manifest) -> float:
    """Return how many times larger the newest point is, by whichever has grown more: its size, or its largest table.

    Tables are restored in parallel, but one table's rows are not, nor is one index built by two: the largest one decides.
    """
    largest = max(newest.tables, key=lambda table: table.rows, default=None)
    before = {table.table: table.rows for table in proven.tables}
    sizes = newest.database_bytes / max(proven.database_bytes, 1)
    rows = largest.rows / before[largest.table] if largest and before.get(largest.table) else 1.0
    return max(sizes, rows, 1.0)
