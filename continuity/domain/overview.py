"""Everything that is shown of an application at one moment: what the status page and a review are made of."""

from dataclasses import dataclass
from datetime import datetime

from continuity.domain.application import Application
from continuity.domain.coverage import Gap
from continuity.domain.incidents import Incident
from continuity.domain.measure import Measure
from continuity.domain.records import DrillDone, Review, RunEnded, Unreadable
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
