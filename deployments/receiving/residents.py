"""Acts on accepted alerts behind the answer: a thread that is handed them, and finds in the vault what others have left."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

from continuity.adapters.alert_records import NAMES, AlertRecords, Outcome
from continuity.domain.alerts import AcceptedAlert, Action, AlertId, action_of
from continuity.domain.application import ApplicationName
from continuity.domain.routing import in_order
from continuity.errors import ContinuityError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""How often the vault is asked for alerts that another receiver has accepted and not lived to act on."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
FAILURES_A_ROUND = 3
"""After so many the rest is left for the next round: where Prefect is gone, asking for each alert is of no use."""
MOST_WAITING = 1000
"""How many alerts wait in memory; those beyond wait in the vault."""


class Resident:
    """One kind of act, done once for every accepted alert that wants it, and recorded as its outcome.

    `actions` are those that come into question, by the alert's id alone. With `after`, only alerts of which that is noted.
    Acts have to bear repetition: two receivers may do the same, and one may be killed before it has recorded what it did.
    """

    def __init__(
        self,
        records: AlertRecords,
        applications: Sequence[ApplicationName],
        *,
        outcome: type[Outcome],
        actions: Collection[Action],
        act: Callable[[AcceptedAlert], Outcome],
        wanted: Callable[[AcceptedAlert], bool] = lambda _alert: True,
        after: type[Outcome] | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.name = NAMES[outcome]
        self._records = records
        self._applications = applications
        self._actions = frozenset(actions)
        self._wanted = wanted
        self._act = act
        self._after = NAMES[after] if after else ""
        self._look_seconds = look_seconds
        self._waiting: dict[AlertId, AcceptedAlert] = {}
        self._failures: dict[AlertId, int] = {}
        self._settled: set[AlertId] = set()
        self._lock = Lock()
        self._wake, self._ended = Event(), Event()
        self._thread = Thread(target=self._run, name=f"alerts: {self.name}", daemon=True)

    def start(self) -> None:
        """Begin with what the vault holds."""
        self._thread.start()

    def stop(self, patience_seconds: float) -> None:
        """End after the act that goes on, or when patience ends: the next receiver finds what is left."""
        self._ended.set()
        self._wake.set()
        self._thread.join(patience_seconds)

    def hand(self, alert: AcceptedAlert) -> None:
        """Hand an alert over, at once; without room it waits in the vault."""
        with self._lock:
            if alert.action not in self._actions or not self._wanted(alert):
                self._settled.add(alert.id)
            elif len(self._waiting) < MOST_WAITING:
                self._waiting[alert.id] = alert
        self._wake.set()

    def _run(self) -> None:
        pause, look_at, first = FIRST_PAUSE_SECONDS, 0.0, True
        while not self._ended.is_set():
            self._wake.clear()
            well = self._act_on_waiting()
            if time.monotonic() >= look_at:
                well = self._look(everything=first) and well
                first, look_at = first and not well, time.monotonic() + self._look_seconds
                well = self._act_on_waiting() and well
            pause = FIRST_PAUSE_SECONDS if well else min(pause * 2, LONGEST_PAUSE_SECONDS)
            # Handed something, it is at work at once; after a failure not more often than the pause says.
            if well:
                self._wake.wait(max(0.0, look_at - time.monotonic()))
            else:
                self._ended.wait(pause)

    def _act_on_waiting(self) -> bool:
        with self._lock:
            # Those that have failed come last: one that cannot be acted on holds up no other.
            waiting = sorted(in_order(list(self._waiting.values())), key=lambda alert: self._failures.get(alert.id, 0))
        failures = 0
        for alert in waiting:
            if self._ended.is_set() or failures == FAILURES_A_ROUND:
                break
            try:
                outcome = self._act(alert)
                self._records.note(outcome)
            except ContinuityError as error:
                failures += 1
                self._failures[alert.id] = self._failures.get(alert.id, 0) + 1
                logger.warning("%s is tried again alert=%s because=%s", self.name, alert.id, error.message)
                continue
            logger.info("%s alert=%s %s", self.name, alert.id, outcome)
            with self._lock:
                self._waiting.pop(alert.id, None)
                self._failures.pop(alert.id, None)
                self._settled.add(alert.id)
        return not failures

    def _look(self, *, everything: bool) -> bool:
        """Find what is accepted and not acted on: all of it at the start, later what began yesterday or today."""
        today = datetime.now(UTC)
        days = [""] if everything else [f"{today - timedelta(days=1):%Y%m%d}", f"{today:%Y%m%d}"]
        found: set[AlertId] = set()
        well = True
        for application in self._applications:
            try:
                for day in days:
                    for name, noted in self._records.list_ids(application, day):
                        found.add(name)
                        due = self.name not in noted and (not self._after or self._after in noted)
                        if due and action_of(name) in self._actions and self._has_room(name):
                            well = self._take_up(name) and well
            except ContinuityError as error:
                logger.warning("alerts cannot be looked for application=%s because=%s", application, error.message)
                well = False
        if well:
            # Only what a look may still meet has to be remembered.
            self._settled &= found
        return well

    def _has_room(self, name: AlertId) -> bool:
        """Whether an alert is news, and may be read: those that are known or find no room are not read again and again."""
        with self._lock:
            return name not in self._settled and name not in self._waiting and len(self._waiting) < MOST_WAITING

    def _take_up(self, name: AlertId) -> bool:
        try:
            alert = self._records.find(name)
        except ContinuityError as error:
            # One record that cannot be read holds up no other.
            logger.error("record unread alert=%s because=%s", name, error.message)  # noqa: TRY400 -- the fact is enough
            return False
        with self._lock:
            if alert is None or not self._wanted(alert):
                self._settled.add(name)
            else:
                self._waiting[name] = alert
        return True
