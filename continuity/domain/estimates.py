"""What a plan will take and cost, about: beside the plan, and never part of its hash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from continuity.domain.activity import Discards
from continuity.domain.plan import Plan
from continuity.domain.recovery_point import Manifest, PointState
from continuity.domain.run import EntryKind, History

RESTORE_BYTES_PER_SECOND = 40_000_000
"""Of the database's size, where no drill has measured it: half of what two cores restored (docs/benchmarks.md)."""
UNMEASURED_SECONDS: Mapping[str, float] = {
    "build the image": 300,
    "commit the revert": 1,
    "pause what scales back": 1,
    "pin what scales": 1,
    "unpin what scales": 1,
    "scale a workload": 1,
    "stop a workload": 2,
    "wait for sessions": 5,
    "set the release": 1,
    "set the flags": 1,
    "set a flag": 1,
    "restart a workload": 1,
    "wait for the rollout": 30,
    "see who has a flag": 1,
    "judge the shadow": 10,
    "swap": 1,
    "open the pooler": 0.1,
    "drop the replaced database": 1,
    "account for media": 1,
    "compare database and media": 5,
    "drop what was set aside": 0.5,
    "quarantine the schema": 0.3,
    "put the schema back": 0.3,
    "take the constraint out of force": 0.3,
    "put the constraint back in force": 1,
    "start a workload": 10,
    "resume what scales back": 1,
    "check health": 5,
    "plan the infrastructure": 30,
    "apply the infrastructure": 900,
    "read the infrastructure": 3,
    "bring the media back": 300,
    "make the roles": 0.5,
    "give the database its name": 0.5,
    "write the manual fallback": 1,
    "probe a write": 0.5,
    "fence the old primary": 1,
    "clear the rehearsal": 1,
    "open the database": 0.5,
    "close the database": 0.5,
    "compare query times": 1,
    "apply the manifests": 10,
    "shift traffic": 120,
    "meet the server": 10,
    "meet the cluster": 1,
    "bump the sequences": 1,
    "revoke the sessions": 5,
    "make the rehearsal's namespace": 1,
    "clear the rehearsal's namespace": 15,
    "check the media replica": 60,
}
"""Seconds of a kind of step that no run has measured yet."""


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """Predictions for a plan: seconds by step with their source, what is lost, and room that is needed meanwhile."""

    seconds: Mapping[str, float]
    sources: Mapping[str, str]
    discards: Discards
    peak_bytes: int
    not_included: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def total_seconds(self) -> float:
        """Seconds of the whole plan."""
        return sum(self.seconds.values())


def measured_seconds(histories: Sequence[History], plans: Sequence[Plan]) -> dict[str, float]:
    """Return how long each kind of step took in past runs, given newest first: intent to done."""
    measured: dict[str, float] = {}
    for history, plan in zip(histories, plans, strict=True):
        kinds = {step.name: step.kind for step in plan.steps}
        begun = {entry.step: entry.at for entry in history.entries if entry.kind is EntryKind.INTENT}
        for entry in history.entries:
            if entry.kind is EntryKind.DONE and entry.step in begun and entry.step in kinds:
                measured.setdefault(kinds[entry.step], (entry.at - begun[entry.step]).total_seconds())
    return measured


def predict(
    plan: Plan, *, point: PointState | None, measured: Mapping[str, float], discards: Discards, live_bytes: int
) -> Estimates:
    """Predict each step: from a past run, for the restore from the point's own drill, else by size or by rule of thumb."""
    seconds: dict[str, float] = {}
    sources: dict[str, str] = {}
    for step in plan.steps:
        if step.kind == "restore the shadow" and point is not None:
            seconds[step.name], sources[step.name] = _restore_seconds(point)
        elif step.kind == "judge the shadow" and (judged := _judge_seconds(point)):
            seconds[step.name], sources[step.name] = judged
        elif step.kind in measured:
            seconds[step.name], sources[step.name] = measured[step.kind], "an earlier run"
        else:
            seconds[step.name], sources[step.name] = UNMEASURED_SECONDS.get(step.kind, 5), "not measured yet"
    restores = any(step.kind == "restore the shadow" for step in plan.steps)
    manifest = point.manifest if point else None
    return Estimates(
        seconds={name: round(value, 1) for name, value in seconds.items()},
        sources=sources,
        discards=discards,
        peak_bytes=_peak_bytes(manifest) if manifest and restores else 0,
        not_included=manifest.not_included if manifest else (),
        notes=(f"the replaced database keeps its {live_bytes:,} bytes until it is dropped",) if live_bytes else (),
    )


def _restore_seconds(point: PointState) -> tuple[float, str]:
    if drill := point.last_drill:
        # An older record has the seconds of the whole drill alone: too long errs to the safe side.
        return drill.restore_seconds or float(drill.seconds), f"the drill of {drill.finished:%Y-%m-%d}"
    return point.manifest.database_bytes / RESTORE_BYTES_PER_SECOND, "its size"


def _judge_seconds(point: PointState | None) -> tuple[float, str] | None:
    """Return what the point's own drill took to judge it: another point's may have had other tables."""
    drill = point.last_drill if point else None
    if drill is None or drill.judge_seconds is None:
        return None
    return drill.judge_seconds, f"the drill of {drill.finished:%Y-%m-%d}"


def _peak_bytes(manifest: Manifest) -> int:
    # Beside the live database: the restore, and the dump in the work directory.
    return manifest.database_bytes + manifest.dump.content_bytes
