"""The swap: two renames in one transaction, while a second session ends what is still connected.

Measured on 15.18: atomic under kill -9 of client, backend and server; RENAME's wait for sessions ignores lock_timeout and
polls every 100 ms, so that clients are cut off for 0.1 to 0.2 s at any size.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from psycopg import sql

from continuity.adapters.postgres import Connection, connect, fetch_value, translated
from continuity.domain.swap import Swap
from continuity.errors import DatabaseError, UnsafeOperation

logger = logging.getLogger(__name__)

MAINTENANCE = "postgres"
"""The database from which databases are renamed: never the one that is swapped."""
LIMIT = "5s"
CLOSE_EVERY_SECONDS = 0.01
OBJECT_IN_USE, QUERY_CANCELED = "55006", "57014"


@dataclass(frozen=True, kw_only=True)
class DatabaseState:
    """What the catalog says of a database."""

    name: str
    oid: int
    allows_connections: bool
    owner: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """Somebody who is connected to a database."""

    pid: int
    role: str
    application: str
    client: str

    def __str__(self) -> str:
        where = self.client or "this machine"
        return f"{self.role} from {where}" + (f" ({self.application})" if self.application else "")


def find_database(connection: Connection, name: str) -> DatabaseState | None:
    """Return a database by its name, or None where there is none."""
    row = connection.execute(
        "select datname as name, oid::int8 as oid, datallowconn as allows_connections,"
        " pg_catalog.pg_get_userbyid(datdba) as owner from pg_catalog.pg_database where datname = %s",
        (name,),
    ).fetchone()
    return DatabaseState(**row) if row else None


def system_identifier(connection: Connection) -> str:
    """Return which cluster this is, whatever its host is called."""
    return str(fetch_value(connection, "select system_identifier from pg_catalog.pg_control_system()"))


def sessions_on(connection: Connection, oid: int) -> tuple[Session, ...]:
    """Tell who is connected to a database; background workers of the server itself are not counted.

    Whoever may not read all statistics is told no backend's type: then every session of a role counts.
    """
    rows = connection.execute(
        "select pid, coalesce(usename, '') as role, coalesce(application_name, '') as application,"
        " coalesce(client_addr::text, '') as client from pg_catalog.pg_stat_activity"
        " where datid = %s and pid <> pg_catalog.pg_backend_pid() and usesysid is not null"
        " and coalesce(backend_type, 'client backend') = 'client backend' order by pid",
        (oid,),
    ).fetchall()
    return tuple(Session(**row) for row in rows)


def close_sessions(connection: Connection, oid: int) -> int:
    """End every session on a database and return how many there were. Who reconnects is ended by the next call.

    Workers of the server itself are left to RENAME, which ends them: a role without superuser may not. Sessions of
    superusers come last, so that a refusal leaves no other one behind.

    Raises:
        DatabaseError: the role may not end one of them (it needs pg_signal_backend, and a superuser's session a superuser).

    """
    with translated("sessions"):
        rows = connection.execute(
            "select pg_catalog.pg_terminate_backend(pid) from (select a.pid from pg_catalog.pg_stat_activity a"
            " join pg_catalog.pg_roles r on r.oid = a.usesysid"
            " where a.datid = %s and a.pid <> pg_catalog.pg_backend_pid() order by r.rolsuper offset 0) as sessions",
            (oid,),
        ).fetchall()
    return len(rows)


def allow_connections(connection: Connection, database: str, *, allowed: bool) -> None:
    """Open or close a database to new sessions, superusers' included; those that are there stay. Lasts over a crash.

    Raises:
        DatabaseError: the role may not, or there is no such database.

    """
    with translated(f"database {database}"):
        connection.execute(
            sql.SQL("alter database {} with allow_connections {}").format(
                sql.Identifier(database), sql.SQL("true" if allowed else "false")
            )
        )


def carries(dsn: str, swap: Swap) -> int | None:
    """Return the OID of the database that carries the live name, or None where none does.

    This is the answer after a lost reply: ask who carries the name, never repeat blindly.

    Raises:
        UnsafeOperation: this is another cluster behind the same address.
        DatabaseError: nobody answers.

    """
    with connect(dsn, MAINTENANCE) as connection:
        _check_cluster(connection, swap)
        state = find_database(connection, swap.live)
        return state.oid if state else None


def swap_databases(dsn: str, swap: Swap) -> float:
    """Give the shadow the live name in one transaction, keep the former live database closed, and return the seconds.

    The new live database is opened and the replaced one closed in the same transaction, so no fence outlives it. Running
    it twice is refused by the OIDs: the second time the name has changed hands.

    Raises:
        UnsafeOperation: a database or the cluster is not the recorded one; nothing was changed.
        DatabaseError: the server refused, or its reply was lost: ask `carries`.

    """
    with connect(dsn, MAINTENANCE) as connection, _closing(dsn, (swap.live_oid, swap.shadow_oid)) as closed:
        started = time.monotonic()
        with _in_use_passes(), translated(f"swap of {swap.live}"), connection.transaction():
            connection.execute(sql.SQL("set local statement_timeout = {}").format(LIMIT))
            connection.execute("set local synchronous_commit = on")
            check_identities(connection, swap)
            live, shadow, replaced = (sql.Identifier(name) for name in (swap.live, swap.shadow, swap.replaced))
            connection.execute(sql.SQL("alter database {} rename to {}").format(live, replaced))
            connection.execute(sql.SQL("alter database {} rename to {}").format(shadow, live))
            connection.execute(sql.SQL("alter database {} with allow_connections true").format(live))
            connection.execute(sql.SQL("alter database {} with allow_connections false").format(replaced))
            _check_swapped(connection, swap)
        seconds = time.monotonic() - started
    logger.info("swapped live=%s replaced=%s sessions=%d seconds=%.3f", swap.live, swap.replaced, closed.count, seconds)
    return seconds


def check_identities(connection: Connection, swap: Swap) -> None:
    """Make sure that every name still means what was recorded.

    Raises:
        UnsafeOperation: it does not.

    """
    _check_cluster(connection, swap)
    for name, oid in ((swap.live, swap.live_oid), (swap.shadow, swap.shadow_oid)):
        state = find_database(connection, name)
        if state is None or state.oid != oid:
            found = f"OID {state.oid}" if state else "gone"
            raise UnsafeOperation(
                f"database {name} is {found}, expected OID {oid}", detail="Nothing was changed.", hint="Make a new plan."
            )
    if find_database(connection, swap.replaced) is not None:
        raise UnsafeOperation(f"database {swap.replaced} exists already", detail="Nothing was changed.", hint="Make a new plan.")


def _check_cluster(connection: Connection, swap: Swap) -> None:
    found = system_identifier(connection)
    if found != swap.system_identifier:
        raise UnsafeOperation(
            f"this is cluster {found}, the plan is for {swap.system_identifier}",
            detail="Nothing was changed.",
            hint="Another server answers at this address: check `[rollback] dsn`.",
        )


def _check_swapped(connection: Connection, swap: Swap) -> None:
    live, replaced = find_database(connection, swap.live), find_database(connection, swap.replaced)
    if live is None or replaced is None or (live.oid, replaced.oid) != (swap.shadow_oid, swap.live_oid):
        raise UnsafeOperation(f"the renames of {swap.live} did not do what they should", detail="They were taken back.")


@contextmanager
def _in_use_passes() -> Iterator[None]:
    """Say of a database that is still in use that the same call may go through later: clients come and go."""
    try:
        yield
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", None)
        error.transient = error.transient or state in {OBJECT_IN_USE, QUERY_CANCELED}
        raise


class _Closer:
    def __init__(self) -> None:
        self.count = 0
        self.stop = Event()
        self.refused = ""


@contextmanager
def _closing(dsn: str, oids: Sequence[int]) -> Iterator[_Closer]:
    """End sessions on the databases, again and again, while the block runs: clients reconnect within milliseconds."""
    closer = _Closer()

    def close(connection: Connection) -> None:
        while not closer.stop.is_set():
            for oid in oids:
                try:
                    closer.count += close_sessions(connection, oid)
                except DatabaseError as error:
                    closer.refused = error.message
            closer.stop.wait(CLOSE_EVERY_SECONDS)

    with connect(dsn, MAINTENANCE) as connection:
        thread = Thread(target=close, args=(connection,), name="closing sessions", daemon=True)
        thread.start()
        try:
            yield closer
        except DatabaseError as error:
            if closer.refused:
                raise DatabaseError(
                    error.message,
                    detail=f"Sessions could not be ended: {closer.refused}",
                    hint=error.hint,
                    transient=error.transient,
                ) from error
            raise
        finally:
            closer.stop.set()
            thread.join()
