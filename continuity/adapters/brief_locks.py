"""Changes tables under locks that are held so briefly that clients hardly notice: all at first, bounded, and tried again.

Whoever waits for ACCESS EXCLUSIVE makes everybody who comes after wait too (PostgreSQL manual, "Explicit Locking"). So a
try ends after a fraction of a second, clients have their turn, and the next try comes after a random pause.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Timer
from typing import Any

import psycopg
from psycopg import sql

from continuity.adapters.postgres import Connection, connect
from continuity.errors import DatabaseError, UnsafeOperation

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0
LONG_WORK_MILLISECONDS = 600_000
_BUSY = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

Tables = Sequence[tuple[str, str]]
"""Schema and name of each table."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a try may hold clients up, and for how long tries go on."""

    lock_timeout_milliseconds: int = 200
    patience_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Held:
    """How long the locks were held, and how many tries it took."""

    seconds: float
    tries: int


def change_briefly(
    dsn: str, database: str, tables: Tables, act: Callable[[Connection], None], *, limits: Limits, long_work: bool = False
) -> Held:
    """Lock the tables in one statement, act, and commit, all in one transaction; try again while somebody is in the way.

    Locks and work together may take `lock_timeout_milliseconds` a try; with `long_work` that binds the locks alone, for what
    has to read a table. The server itself ends a transaction whose process has stopped: no lock outlives it.

    Raises:
        UnsafeOperation: the tables could not be had; who holds them is named. Or `act` refuses. Nothing was changed.
        DatabaseError: the server refused.

    """
    deadline = time.monotonic() + limits.patience_seconds
    tries, pause, seen = 0, limits.lock_timeout_milliseconds / 1000, list[str]()
    with connect(dsn, database) as connection, connect(dsn, database) as watcher:
        while True:
            tries += 1
            try:
                return Held(seconds=_try(connection, watcher, tables, act, limits, seen, long_work=long_work), tries=tries)
            except (DatabaseError, *_BUSY) as error:
                # What `act` calls has translated its error already.
                busy = error.__cause__ if isinstance(error, DatabaseError) else error
                if not isinstance(busy, _BUSY):
                    raise
                logger.info("locks not had try=%d blocked by=%s because=%s", tries, seen[-1:], busy.sqlstate)
                if time.monotonic() >= deadline:
                    raise _blocked(tables, seen, limits) from error
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
                raise UnsafeOperation(
                    f"{error.diag.message_primary}: it has moved, or is gone",
                    detail="Nothing was changed.",
                    hint="Make a new plan.",
                    transient=True,  # a killed attempt may have committed just now: the next probe knows
                ) from error
            time.sleep(random.uniform(0.5, 1.0) * pause)  # noqa: S311 -- a pause, no secret
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS, max(deadline - time.monotonic(), 0.05))


def _try(
    connection: Connection,
    watcher: Connection,
    tables: Tables,
    act: Callable[[Connection], None],
    limits: Limits,
    seen: list[str],
    *,
    long_work: bool,
) -> float:
    started = time.monotonic()
    limit = limits.lock_timeout_milliseconds
    looking = Timer(limit / 2000, _look, (watcher, connection.info.backend_pid, seen))
    looking.start()
    # Each statement has its limit; this is the one of all together.
    ending = Timer(limit / 1000, connection.cancel_safe)
    if not long_work:
        ending.start()
    try:
        with connection.transaction():
            connection.execute(_SETTINGS.format(limit, limit, max(limit * 5, 1000)))
            if tables:
                names = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
                connection.execute(sql.SQL("lock table {} in access exclusive mode").format(names))
            locked = time.monotonic()
            left = LONG_WORK_MILLISECONDS if long_work else max(1, limit - int((locked - started) * 1000))
            connection.execute(sql.SQL("set local statement_timeout = {}").format(left))
            act(connection)
            # A commit that waits for a replica is left to it.
            ending.cancel()
    finally:
        ending.cancel()
        looking.cancel()
        looking.join()
    return time.monotonic() - locked


_SETTINGS = sql.SQL(
    "set local statement_timeout = {}; set local lock_timeout = {};"
    " set local idle_in_transaction_session_timeout = {}; set local synchronous_commit = on; set local search_path = ''"
)


def _look(watcher: Connection, pid: int, seen: list[str]) -> None:
    """Ask who is in the way, while somebody is: once the try is over, nobody is any more."""
    try:
        rows = watcher.execute(_BLOCKERS, (pid,)).fetchall()
    except psycopg.Error as error:
        # The try itself goes on, and tells what it came to.
        logger.warning("blockers unknown because=%s", error.sqlstate)
        return
    seen.extend(line for line in map(_in_words, rows) if line not in seen)


# An autovacuum worker has no user. It gives way only to who waits for a second (deadlock_timeout), which we never do.
_BLOCKERS = """
    select b.pid, coalesce(a.usename, a.backend_type, 'somebody') as role, coalesce(a.application_name, '') as program,
           coalesce(a.client_addr::text, '') as client, coalesce(a.state, '') as state
    from unnest(pg_catalog.pg_blocking_pids(%s)) as b(pid) left join pg_catalog.pg_stat_activity a on a.pid = b.pid
"""


def _in_words(row: dict[str, Any]) -> str:
    if row["pid"] == 0:
        return "a prepared transaction (see pg_prepared_xacts)"
    program = f" ({row['program']})" if row["program"] else ""
    where = row["client"] or "this machine"
    return f"{row['role']} from {where}{program}, process {row['pid']}, {row['state']}"


def _blocked(tables: Tables, seen: Sequence[str], limits: Limits) -> UnsafeOperation:
    names = ", ".join(".".join(table) for table in tables) or "what is changed"
    first = seen[-1] if seen else "nobody was in the way, the change itself takes longer"
    ended = "Wait until they are done, or end them (`select pg_terminate_backend(PROCESS)`); then make the plan again."
    return UnsafeOperation(
        f"{names} could not be locked within {limits.patience_seconds:g} s, {limits.lock_timeout_milliseconds} ms a try: {first}",
        detail="\n".join([*(f"in the way: {each}" for each in seen[:20]), "Nothing was changed."]),
        hint=ended if seen else "Try it when the server is less busy, or raise `[rollback] lock_timeout_milliseconds`.",
    )
