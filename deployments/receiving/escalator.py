"""Sends what is due of all incidents of an environment, with or without Prefect.

Due times are in the vault, so whoever is alive sends; what a killed process has left is found here.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

from continuity.adapters.application_files import list_applications
from continuity.domain.application import ApplicationName
from continuity.domain.incident import IncidentId, application_of
from continuity.errors import ContinuityError
from continuity.procedures.abandoned import RunWatch
from continuity.procedures.escalating import escalate
from continuity.procedures.incidents import records_of
from continuity.settings import Environment

logger = logging.getLogger(__name__)

EVERYTHING_SECONDS = 600.0
"""How often incidents are looked for that began before yesterday; those that are known to be open are looked at each time."""
RUNS_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class _Known:
    """An incident that is not closed, as it was when it was last carried on with."""

    names: frozenset[str]
    due: datetime | None


class Escalator:
    """Looks every few seconds, and carries each incident on in a thread of its own: a channel that hangs delays no other."""

    def __init__(
        self,
        environment: Environment,
        *,
        carry_on: Callable[[Environment, IncidentId], datetime | None] = escalate,
        runs: RunWatch | None = None,
    ) -> None:
        self._environment = environment
        self._records = records_of(environment)
        self._carry_on = carry_on
        self._runs = runs or RunWatch(environment)
        self._known: dict[IncidentId, _Known] = {}
        self._busy: set[IncidentId] = set()
        self._lock = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._run, name="escalator", daemon=True)

    def start(self) -> None:
        """Begin with everything that the vault holds."""
        self._thread.start()

    def stop(self, patience_seconds: float) -> None:
        """End after the look that goes on, or when patience ends. What is being sent and not said to be, another sends again."""
        self._ended.set()
        self._thread.join(patience_seconds)

    def _run(self) -> None:
        everything_at, runs_at = 0.0, 0.0
        while not self._ended.is_set():
            everything, runs = time.monotonic() >= everything_at, time.monotonic() >= runs_at
            try:
                names = list_applications(self._environment.applications)
                looked = [self.look(ApplicationName(name), everything=everything, runs=runs) for name in names]
                well = all(looked)
            except Exception:
                # A mistake of our own must not leave people untold for good: the next look may get further.
                logger.exception("incidents cannot be looked at")
                well = False
            if everything and well:
                everything_at = time.monotonic() + EVERYTHING_SECONDS
            if runs:
                runs_at = time.monotonic() + RUNS_SECONDS
            self._ended.wait(self._environment.incidents.look_seconds)

    def look(self, application: ApplicationName, *, everything: bool, runs: bool) -> bool:
        """Carry on with what has news or is due of an application, and tell whether all of it could be looked at."""
        try:
            if runs:
                self._runs.look(application)
            for incident, names in self._listed(application, everything=everything).items():
                self._consider(incident, names)
        except ContinuityError as error:
            logger.warning("incidents cannot be looked at application=%s because=%s", application, error.message)
            return False
        return True

    def _listed(self, application: ApplicationName, *, everything: bool) -> dict[IncidentId, frozenset[str]]:
        if everything:
            return dict(self._records.names(application))
        today = datetime.now(UTC)
        days = {f"{today - timedelta(days=1):%Y%m%d}", f"{today:%Y%m%d}"}
        with self._lock:
            days |= {each.rsplit("-", 2)[1][:8] for each in self._known if application_of(each) == application}
        return {name: names for day in sorted(days) for name, names in self._records.names(application, day)}

    def _consider(self, incident: IncidentId, names: frozenset[str]) -> None:
        with self._lock:
            if any("-closed-" in name for name in names):
                self._known.pop(incident, None)
                return
            known = self._known.get(incident)
            waits = known and known.names == names and (known.due is None or known.due > datetime.now(UTC))
            if waits or incident in self._busy:
                return
            self._busy.add(incident)
        Thread(target=self._carry, args=(incident, names), name=f"tell {incident}", daemon=True).start()

    def _carry(self, incident: IncidentId, names: frozenset[str]) -> None:
        try:
            due = self._carry_on(self._environment, incident)
            with self._lock:
                self._known[incident] = _Known(names=names, due=due)
        except ContinuityError as error:
            # It is tried again with the next look: nobody is told twice, since nothing was taken or it is taken again later.
            logger.error("not told incident=%s because=%s", incident, error.message)  # noqa: TRY400 -- the fact is enough
        except Exception:
            logger.exception("not told incident=%s", incident)
        finally:
            with self._lock:
                self._busy.discard(incident)
