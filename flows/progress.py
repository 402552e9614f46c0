"""How far a dump, a fetch or a restore is, as progress artifacts: bytes, rate, and about how long it will take."""

import contextvars
import re
import threading
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from continuity.domain.application import ApplicationName
from continuity.domain.reports import duration, size
from flows.publishing import publish

EVERY_SECONDS = 3.0
LAST_WORD_SECONDS = 5.0
NEARLY = 99.0
WHOLE = 100.0


@dataclass(frozen=True, kw_only=True)
class Advance:
    """How far one thing is; `aside` is what else belongs beside it. Times are of the monotonic clock."""

    aside: str
    done_bytes: int
    expected_bytes: int
    began: float
    seen: float
    ended: bool = False

    @property
    def percent(self) -> float:
        """Give the share done. What is expected is an estimate, so only the end is the whole."""
        if self.ended:
            return WHOLE
        return min(NEARLY, 100.0 * self.done_bytes / self.expected_bytes) if self.expected_bytes else 0.0

    def __str__(self) -> str:
        """Say it in words."""
        seconds = max(self.seen - self.began, 0.001)
        rate = self.done_bytes / seconds
        words = [size(self.done_bytes)]
        if self.ended:
            words = [f"done: {size(self.done_bytes)} in {seconds:.1f} s"]
        elif self.expected_bytes:
            words = [f"{size(self.done_bytes)} of about {size(self.expected_bytes)}"]
        if seconds >= 1:
            words.append(f"{size(round(rate))}/s")
        if not self.ended and rate and self.expected_bytes > self.done_bytes:
            words.append(f"about {duration(timedelta(seconds=(self.expected_bytes - self.done_bytes) / rate))} left")
        return ", ".join([*words, *filter(None, [self.aside])])


class Progress:
    """Shows what is reported to it, one artifact a kind of work, every few seconds; a context manager.

    `report` only notes figures and never waits: a thread talks to Prefect, and stops for good, with one log line, at the
    first call that fails or takes too long.
    """

    def __init__(self, application: ApplicationName, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._application = application
        self._every_seconds = every_seconds
        self._lock = threading.Lock()
        self._advances: dict[str, Advance] = {}
        self._shown: dict[str, tuple[UUID, Advance]] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def report(self, what: str, done_bytes: int, expected_bytes: int) -> None:
        """Note how far something is; what follows a comma in `what` is shown beside the bytes."""
        kind, _, aside = what.partition(", ")
        now = time.monotonic()
        with self._lock:
            before = self._advances.get(kind)
            if before is None:
                # One thing at a time is reported: what came before this is over.
                self._advances = {name: replace(each, ended=True) for name, each in self._advances.items()}
            # Fewer bytes than before is another attempt, from the start.
            began = before.began if before and done_bytes >= before.done_bytes else now
            self._advances[kind] = Advance(
                aside=aside, done_bytes=done_bytes, expected_bytes=expected_bytes, began=began, seen=now
            )

    def __enter__(self) -> Self:
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._show_until_over,), name="progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            with self._lock:
                self._advances = {name: replace(each, ended=True) for name, each in self._advances.items()}
        self._over.set()
        if self._thread is not None:
            self._thread.join(LAST_WORD_SECONDS)

    def _show_until_over(self) -> None:
        over = False
        while not over:
            over = self._over.wait(self._every_seconds)
            with self._lock:
                advances = dict(self._advances)
            for name, advance in advances.items():
                unchanged = name in self._shown and self._shown[name][1] == advance
                if not unchanged and publish(f"progress of {name}", partial(self._show, name, advance)) is None:
                    return

    def _show(self, name: str, advance: Advance) -> UUID:
        text = str(advance)
        if name in self._shown:
            artifact = self._shown[name][0]
            update_progress_artifact(artifact, progress=advance.percent, description=text)
        else:
            key = f"{self._application}-{re.sub('[^a-z0-9]+', '-', name)}-progress"
            artifact = cast("UUID", create_progress_artifact(advance.percent, key=key, description=text))
        self._shown[name] = (artifact, advance)
        return artifact
