"""Keeps the figures of all applications for `/metrics`: read behind the answers, once a minute, by one thread."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

from continuity.adapters.application_files import list_applications, load_application
from continuity.domain.application import Objectives
from continuity.domain.figures import Figures
from continuity.errors import ContinuityError
from continuity.procedures.figures import listing_digest, read_figures
from continuity.settings import Environment

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
WHOLE = timedelta(hours=1)
"""After so long everything is read anew, though nothing was written: damage to an object does not show in a listing."""
OVERDUE = timedelta(minutes=5)
"""A reading that was tried no later than this ago says nothing any more: whoever reads hangs, or is gone."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The last try to read an application's figures. `figures` is None where it failed: what was true before may not be now."""

    figures: Figures | None = None
    tried: datetime
    read: datetime | None = None
    """When the figures were last known to be true."""
    whole: datetime | None = None
    """When every document was last read."""
    errors: int = 0
    digest: str = ""
    """Of the vaults' listing, and of the objectives."""

    def known(self, now: datetime) -> bool:
        """Whether the figures may be told."""
        return self.figures is not None and now - self.tried <= OVERDUE


class Watch:
    """Reads the figures of every application in the environment's folder, again and again."""

    def __init__(
        self,
        environment: Environment,
        *,
        every_seconds: float = EVERY_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._environment = environment
        self._every_seconds = every_seconds
        self._now = now
        self._readings: dict[str, Reading] = {}
        self._lock = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._run, name="figures", daemon=True)

    def start(self) -> None:
        """Begin with the first reading."""
        self._thread.start()

    def stop(self, patience_seconds: float) -> None:
        """End, after the reading that goes on or when patience ends."""
        self._ended.set()
        self._thread.join(patience_seconds)

    def readings(self) -> Mapping[str, Reading]:
        """Return what is known, at once."""
        with self._lock:
            return dict(self._readings)

    def read_all(self) -> None:
        """Read every application once; one that cannot be read holds up no other."""
        try:
            names = list_applications(self._environment.applications)
        except OSError as error:
            # What is known grows old, and after `OVERDUE` is no longer told.
            logger.warning("applications unlisted because=%s", error)
            return
        for name in names:
            if self._ended.is_set():
                return
            with self._lock:
                before = self._readings.get(name)
            reading = self._read(name, before)
            with self._lock:
                self._readings[name] = reading
        with self._lock:
            self._readings = {name: self._readings[name] for name in names}

    def _run(self) -> None:
        while not self._ended.is_set():
            self.read_all()
            self._ended.wait(self._every_seconds)

    def _read(self, name: str, before: Reading | None) -> Reading:
        now = self._now()
        last = before or Reading(tried=now)
        try:
            application = load_application(self._environment.applications, name)
            digest = f"{listing_digest(application, self._environment)} {_words(application.objectives)}"
            if last.figures and last.digest == digest and last.whole and now - last.whole < WHOLE:
                return replace(last, tried=now, read=now)
            figures = read_figures(application, self._environment, now=now)
        except ContinuityError as error:
            logger.warning("figures unread application=%s because=%s", name, error.message)
        except Exception:
            # Whatever it is, it must not end the thread: the figures would stand still, and look true.
            logger.exception("figures unread application=%s", name)
        else:
            return replace(last, figures=figures, tried=now, read=now, whole=now, digest=digest)
        return replace(last, figures=None, tried=now, errors=last.errors + 1)


def _words(objectives: Objectives) -> str:
    return f"{objectives.recovery_point} {objectives.recovery_time}"
