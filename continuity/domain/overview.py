"""Everything that is shown of an application at one moment: what the status page and a review are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from continuity.domain.application import Application
from continuity.domain.coverage import Gap
from continuity.domain.incidents import Incident
from continuity.domain.measure import Measure
from continuity.domain.records import DrillDone, Review, RunEnded, Unreadable
from continuity.domain.recovery_point import PointState
from continuity.domain.risks import Register
from continuity.domain.status import Status


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An application as its vault tells of it. Records reach back to `since`; incidents that are open do, too, if older."""

    application: Application
    status: Status
    gaps: tuple[Gap, ...]
    drills: tuple[DrillDone, ...]
    runs: tuple[RunEnded, ...]
    incidents: tuple[Incident, ...]
    reviews: tuple[Review, ...]
    measures: tuple[Measure, ...]
    """Of real incidents and runs."""
    exercises: tuple[Measure, ...]
    """The same of drills and exercises."""
    unreadable: tuple[Unreadable, ...]
    risks: Register | None = None
    """The register, weighed against the incidents of a year; None where there is none, or it cannot be read."""
    since: datetime
    now: datetime

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Those that are not over."""
        return tuple(each for each in self.incidents if each.resolved is None)


def all_drills(kept: Iterable[DrillDone], points: Sequence[PointState], *, since: datetime) -> tuple[DrillDone, ...]:
    """Return the drills from a moment on, oldest first: those on record, and those that only their points still tell of.

    A drill from before there were records of drills is known by its point until that expires.
    """
    found = {(each.point, each.finished): each for each in kept}
    for state in points:
        for drill in state.drills:
            done = DrillDone(
                application=state.manifest.application,
                point=drill.point,
                point_created=state.manifest.created,
                finished=drill.finished,
                seconds=drill.seconds,
                stored_bytes=state.manifest.stored_bytes,
                verdict=drill.judgement.value,
                proven=drill.proven,
            )
            found.setdefault((done.point, done.finished), done)
    return tuple(sorted((each for each in found.values() if each.finished >= since), key=lambda each: each.finished))
