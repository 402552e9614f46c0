"""What a server says of a database that is to be swapped: who may do it, who is on it, and what would hold it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from continuity.adapters.postgres import Connection, fetch_value, translated
from continuity.errors import DatabaseError

_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Sessions of one role by one program on the database."""

    role: str
    superuser: bool
    program: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Room:
    """Free space below the server's data directory, seen only where the server is this machine."""

    folder: str
    free_bytes: int


@dataclass(frozen=True, kw_only=True)
class SwapFacts:
    """What decides whether a role can put another database in the place of this one."""

    database: str
    role: str
    superuser: bool
    owner: str
    owns: bool
    """The role has the owner's privileges, as RENAME wants."""
    sets_owner: bool
    """The role may give a new database to the owner."""
    creates_databases: bool
    signals_others: bool
    """The role may end sessions of other roles, superusers' apart (pg_signal_backend)."""
    size_bytes: int
    room: Room | None
    prepared_transactions: tuple[str, ...]
    logical_slots: tuple[str, ...]
    subscriptions: tuple[str, ...]
    sessions: tuple[Sessions, ...]


def read_swap_facts(connection: Connection, database: str) -> SwapFacts:
    """Read the facts, from a session on any database of the server (not the one itself: it would count as on it).

    Raises:
        DatabaseError: there is no such database, or the server refuses.

    """
    with translated(f"database {database!r}"):
        row: dict[str, Any] | None = connection.execute(_ROLE_AND_DATABASE, {"database": database}).fetchone()
        if row is None:
            raise DatabaseError(f"there is no database {database!r}", hint="Check the database's name in application.toml.")
        sessions = connection.execute(_SESSIONS, {"database": database}).fetchall()
        return SwapFacts(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()},  # type: ignore[arg-type]
            room=_room(connection),
            sessions=tuple(Sessions(**each) for each in sessions),
        )


def _room(connection: Connection) -> Room | None:
    """Measure the disk of the data directory, if this is the machine that has it: PostgreSQL itself does not tell."""
    here = fetch_value(connection, "select coalesce(host(inet_server_addr()), '127.0.0.1') = any(%s)", list(_LOOPBACK))
    readable = fetch_value(
        connection, "select pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') or rolsuper"
        " from pg_catalog.pg_roles where rolname = current_user",
    )  # fmt: skip
    if not (here and readable):
        return None
    folder = Path(str(fetch_value(connection, "select current_setting('data_directory')")))
    try:
        return Room(folder=str(folder), free_bytes=shutil.disk_usage(folder).free)
    except OSError:
        return None


_ROLE_AND_DATABASE = """
    select d.datname as database, r.rolname as role, r.rolsuper as superuser, pg_get_userbyid(d.datdba) as owner,
           pg_has_role(r.oid, d.datdba, 'USAGE') as owns, pg_has_role(r.oid, d.datdba, 'MEMBER') as sets_owner,
           r.rolsuper or r.rolcreatedb as creates_databases,
           pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') as signals_others,
           case when has_database_privilege(r.oid, d.oid, 'CONNECT') or pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE')
                then pg_database_size(d.oid) else 0 end as size_bytes,
           array(select gid from pg_prepared_xacts x where x.database = d.datname order by 1) as prepared_transactions,
           array(select slot_name::text from pg_replication_slots s where s.database = d.datname and s.slot_type = 'logical'
                 order by 1) as logical_slots,
           array(select subname::text from pg_subscription s where s.subdbid = d.oid and s.subenabled order by 1)
             as subscriptions
    from pg_catalog.pg_database d, pg_catalog.pg_roles r
    where d.datname = %(database)s and r.rolname = current_user
"""

_SESSIONS = """
    select a.usename::text as role, r.rolsuper as superuser, a.application_name as program, count(*)::int as count
    from pg_catalog.pg_stat_activity a join pg_catalog.pg_roles r on r.oid = a.usesysid
    where a.datname = %(database)s and a.pid <> pg_backend_pid()
      and coalesce(a.backend_type, 'client backend') = 'client backend'
    group by 1, 2, 3 order by 4 desc, 1, 3
"""
