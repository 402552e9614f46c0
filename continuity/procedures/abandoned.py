"""Looks for runs that nobody has told the end of: killed before their record was written, or killed and left open."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from continuity.adapters.leases import LEASE_SECONDS, last_lease
from continuity.domain.application import ApplicationName
from continuity.domain.ending import came_to
from continuity.domain.incident import IncidentId
from continuity.domain.lease import Lease, Purpose
from continuity.domain.run import RunId
from continuity.errors import ConfigurationRefused
from continuity.journal import plan_of, read_history
from continuity.procedures.aftermath import open_for_run, record_end, recorded
from continuity.procedures.incidents import records_of
from continuity.settings import Environment
from continuity.steps.places import journals_of

logger = logging.getLogger(__name__)

STILL_SECONDS = LEASE_SECONDS + 15.0
"""For so long a lease has to stand unchanged, on the looker's own clock, before its run is taken for over or abandoned."""
NEWS = timedelta(days=1)
"""What ended longer ago is history, and opens nothing."""


@dataclass
class RunWatch:
    """Remembers when each lease was last seen to change. `still_seconds` is how long a holder may be silent."""

    environment: Environment
    still_seconds: float = STILL_SECONDS
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _seen: dict[tuple[ApplicationName, Purpose], tuple[Lease, float]] = field(default_factory=dict)
    _settled: dict[tuple[ApplicationName, Purpose], Lease] = field(default_factory=dict)

    def look(self, application: ApplicationName) -> IncidentId | None:
        """Record the newest run's end, or open an incident where nobody goes on with it; return the incident.

        Raises:
            VaultError: the vault cannot be reached.

        """
        found = [self._look(application, purpose) for purpose in (Purpose.CHANGE, Purpose.REHEARSAL)]
        return next((incident for incident in found if incident), None)

    def _look(self, application: ApplicationName, purpose: Purpose) -> IncidentId | None:
        place = (application, purpose)
        lease = last_lease(journals_of(self.environment), application, purpose)
        if lease is None or not lease.journal or self._settled.get(place) == lease:
            return None
        if place not in self._seen or self._seen[place][0] != lease:
            self._seen[place] = (lease, time.monotonic())
        if time.monotonic() - self._seen[place][1] < self.still_seconds:
            return None
        incident = self._settle(RunId(lease.journal))
        self._settled[place] = lease
        return incident

    def _settle(self, run: RunId) -> IncidentId | None:
        try:
            history = read_history(journals_of(self.environment), run)
        except ConfigurationRefused:
            # Announced and killed before its first entry: it has done nothing.
            return None
        last = history.entries[-1].at
        if self.now() - last > NEWS or recorded(records_of(self.environment), run, history):
            return None
        if came_to(history) is not None:
            return record_end(self.environment, run, history).incident
        logger.warning("abandoned run=%s last_entry=%s", run, last.isoformat())
        return open_for_run(
            self.environment,
            run,
            plan_of(history),
            what="nobody goes on with it",
            summary=f"its process has said nothing since {last:%H:%M:%S} UTC: `continuity resume {run}` goes on with it",
            began=history.started,
            abandoned=True,
        )
