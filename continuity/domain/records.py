"""What is kept of a drill, a run and a review for good: small enough that years of them are read in a moment.

A drill's own record goes when its point expires, and a run's journal is long; these stay. Measures come from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from continuity.domain.application import ApplicationName
from continuity.domain.incident import IncidentId


class ReviewKind(StrEnum):
    """Which review: of the risks, of everything, of what it is worth."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


@dataclass(frozen=True, kw_only=True)
class DrillDone:
    """One drill of one point."""

    application: ApplicationName
    point: str
    point_created: datetime
    finished: datetime
    seconds: float
    stored_bytes: int
    verdict: str
    proven: bool


@dataclass(frozen=True, kw_only=True)
class RunEnded:
    """One run of the journal, as it came out."""

    application: ApplicationName
    run: str
    verb: str
    """rollback, recovery, rehearsal, phase, column, feature, media, hold, undo, discard."""
    outcome: str
    succeeded: bool
    """Whether it came to what it was begun for; a run that has put everything back has not."""
    began: datetime
    ended: datetime
    downtime_seconds: float | None = None
    """For how long visitors were not served, where it is known."""
    point: str = ""
    point_created: datetime | None = None
    rows_discarded: int | None = None
    """What was written since the point and went with the replaced database; None where it is not known."""
    exercise: bool = False
    """A rehearsal, or a run of the demonstration."""
    incident: IncidentId | None = None


@dataclass(frozen=True, kw_only=True)
class Review:
    """A review as it was held: the figures of that day, so that the next one can say what has changed."""

    application: ApplicationName
    kind: ReviewKind
    since: datetime
    until: datetime
    held: datetime
    measures: Mapping[str, float | None] = field(default_factory=dict)
    """Value by name of the measure, None where the records were too few."""
    open_follow_ups: tuple[str, ...] = ()
    unprotected: tuple[str, ...] = ()


HistoryRecord = DrillDone | RunEnded | Review


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A record that is there and says nothing: damaged, or of a newer release. Told beside every figure made of the rest."""

    key: str
    because: str
