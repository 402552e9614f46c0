"""PgBouncer's admin console: hold clients back while two databases change names, and let them through again.

Seen with 1.18: a paused database makes new queries and logins wait, and in session pooling PAUSE does not end before the
clients leave. A pause outlives the session that asked for it, so whoever pauses needs somebody who surely resumes:
`guarded` starts a process of its own for that.
"""

import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from psycopg import sql

from continuity.adapters.postgres import Connection, connect, translated
from continuity.adapters.programs import child_environment
from continuity.errors import DatabaseError

logger = logging.getLogger(__name__)

CONSOLE = "pgbouncer"
"""The name of the console among the pooler's databases (PgBouncer's manual, "Admin console")."""
PAUSE_SECONDS = 0.3
"""How long a pause may take: queries in flight then end with their sessions, since clients are waiting already."""
GUARD_SECONDS = 15.0
"""How long a guard lets its client hold others back: a swap takes a second, or gives up within five."""
START_SECONDS = 20.0
RESUME_SECONDS = 10.0
READY = "ready"


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """A database as clients of the pooler name it."""

    name: str
    paused: bool


def entrances(connection: Connection, database: str) -> tuple[Entrance, ...]:
    """Return the names under which the pooler offers a server's database."""
    with translated("pooler"):
        rows = connection.execute("show databases").fetchall()
    found = [row for row in rows if row["database"] == database and row["name"] != CONSOLE]
    return tuple(Entrance(name=row["name"], paused=bool(int(row["paused"]))) for row in found)


def read_entrances(dsn: str, database: str) -> tuple[Entrance, ...]:
    """Ask the pooler under which names it offers a database.

    Raises:
        DatabaseError: nobody answers, or the role is no admin of it.

    """
    with connect(dsn, CONSOLE) as connection:
        return entrances(connection, database)


def resume(connection: Connection, database: str) -> int:
    """Let clients through to a database, under every name, and return how many were paused."""
    paused = [entrance for entrance in entrances(connection, database) if entrance.paused]
    for entrance in paused:
        with translated(f"resume of {entrance.name}"):
            connection.execute(sql.SQL("resume {}").format(sql.Identifier(entrance.name)))
    return len(paused)


def reconnect(dsn: str, database: str) -> None:
    """Let the pooler replace its sessions on a database as clients release them. Running it twice is harmless."""
    with connect(dsn, CONSOLE) as connection:
        for entrance in entrances(connection, database):
            with translated(f"reconnect of {entrance.name}"):
                connection.execute(sql.SQL("reconnect {}").format(sql.Identifier(entrance.name)))


def let_through(dsn: str, database: str) -> int:
    """Resume a database and return how many entrances were paused. Running it twice is a success.

    Raises:
        DatabaseError: nobody answers.

    """
    with connect(dsn, CONSOLE) as connection:
        return resume(connection, database)


@contextmanager
def held_back(dsn: str, database: str) -> Iterator[float | None]:
    """Make clients wait while the block runs, and tell since when (monotonic seconds); None where they do not wait.

    A guard lets them through when the block ends, when this process is gone, however it went, and when it takes too long.
    Where they cannot be made to wait, the pooler replaces its sessions after the block.
    """
    since: float | None = None
    with ExitStack() as guarding:
        try:
            guarding.enter_context(_guarded(dsn, database))
            since = time.monotonic()
            _pause(dsn, database)
        except (_NoGuard, DatabaseError) as error:
            # A swap needs no pause: ended sessions come back by themselves, with an error instead of a wait.
            since = None
            logger.warning("pooler not paused database=%s because=%s", database, error)
        yield since
    if since is None:
        try:
            reconnect(dsn, database)
        except DatabaseError as error:
            logger.warning("pooler not told to reconnect database=%s because=%s", database, error)


class _NoGuard(Exception):
    """Nobody would surely resume, so nothing was paused."""


def _pause(dsn: str, database: str) -> None:
    """Pause every entrance, waiting for queries in flight a moment at most: from the request on, new ones wait anyway."""
    deadline = time.monotonic() + PAUSE_SECONDS
    with connect(dsn, CONSOLE) as connection:
        for entrance in entrances(connection, database):
            if not entrance.paused:
                connection.pgconn.send_query(sql.SQL("pause {}").format(sql.Identifier(entrance.name)).as_bytes(connection))
                while connection.pgconn.is_busy() and (left := deadline - time.monotonic()) > 0:
                    if select.select([connection.pgconn.socket], [], [], left)[0]:
                        connection.pgconn.consume_input()
                if connection.pgconn.is_busy():
                    # The request stands, but its session can ask for nothing more.
                    connection.close()
                    return
                while connection.pgconn.get_result() is not None:
                    pass


@contextmanager
def _guarded(dsn: str, database: str) -> Iterator[None]:
    """Let a process of its own resume the database when the block ends, or when this process does."""
    libpq = {name: value for name, value in os.environ.items() if name.startswith("PG")}
    guard = subprocess.Popen(
        [sys.executable, "-m", "continuity.adapters.pooler_guard"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(libpq),
        start_new_session=True,
        text=True,
    )
    assert guard.stdin  # noqa: S101 -- for the type checker: it is a pipe
    assert guard.stdout  # noqa: S101
    with guard.stdout as said:
        with guard.stdin as sign:
            with suppress(BrokenPipeError):
                print(json.dumps({"dsn": dsn, "database": database, "seconds": GUARD_SECONDS}), file=sign, flush=True)
            heard = said.readline().strip() if select.select([said], [], [], START_SECONDS)[0] else ""
            if heard != READY:
                guard.kill()
                guard.wait()
                raise _NoGuard(heard or "its guard did not start")
            yield
        try:
            resumed = guard.wait(RESUME_SECONDS) == 0
        except subprocess.TimeoutExpired:
            # It goes on trying; the run's last step looks, too.
            resumed = False
        if not resumed:
            logger.warning("pooler not resumed yet database=%s", database)
