"""Long reads that another thread can end."""

from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TypeVar

import psycopg

from continuity.adapters.postgres import Connection
from continuity.errors import DatabaseError

Result = TypeVar("Result")

CANCEL_EVERY_SECONDS = 0.2
CANCEL_TIMEOUT_SECONDS = 5


class Scans:
    """The sessions of one reading. A scan of a large table takes hours: who gives up must not wait for it."""

    def __init__(self) -> None:
        self._sessions: set[Connection] = set()
        self._lock = Lock()
        self._given_up = False

    @contextmanager
    def watched(self, connection: Connection) -> Iterator[None]:
        """Let a session be ended with the others while the block runs."""
        with self._lock:
            self._sessions.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._sessions.discard(connection)

    def go_on(self) -> None:
        """Come to the next scan.

        Raises:
            DatabaseError: the reading was given up.

        """
        if self._given_up:
            raise DatabaseError("the reading was given up")

    def give_up(self, reading: Future[Result]) -> None:
        """Cancel what is being scanned, and return when `reading` has ended."""
        self._given_up = True
        while not reading.done():
            with self._lock:
                sessions = tuple(self._sessions)
            for session in sessions:
                # A cancel that comes between two queries is lost, and one of a broken session fails: hence the loop.
                with suppress(psycopg.Error):
                    session.cancel_safe(timeout=CANCEL_TIMEOUT_SECONDS)
            wait([reading], timeout=CANCEL_EVERY_SECONDS)
