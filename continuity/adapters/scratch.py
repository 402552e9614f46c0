"""Scratch databases: made empty to take a restore, marked as ours, and dropped when judged."""

import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from psycopg import sql

from continuity.adapters.postgres import Connection, connect, fetch_value, translated
from continuity.domain.catalog import CatalogEntry, Grant, Kind, parse_grants
from continuity.domain.recovery_point import DatabaseShape, RecoveryPointId
from continuity.errors import DatabaseError

PREFIX = "continuity_drill_"
KEPT_PREFIX = "continuity_kept_"
ABANDONED_AFTER = timedelta(days=1)
_NAME = re.compile(rf"{PREFIX}.*_(?P<host>[0-9a-f]{{8}})_(?P<pid>\d+)_(?P<made>\d+)_[0-9a-f]{{4}}")


def scratch_name(point: RecoveryPointId, *, now: datetime) -> str:
    """Name a scratch database by its point and its maker, within PostgreSQL's 63 bytes.

    The name is the only mark: comment and settings are the recorded database's own, since they are compared.
    """
    moment = re.sub("[^a-z0-9]", "", point.lower())[-15:]
    return f"{PREFIX}{moment}_{_host()}_{os.getpid()}_{int(now.timestamp())}_{secrets.token_hex(2)}"


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def create_scratch(connection: Connection, name: str, shape: DatabaseShape, *, owner: str) -> None:
    """Make an empty database of the recorded shape that only its owner and superusers can enter.

    It is the recorded owner's from the start: without superuser, objects can only be given to a role that may create in
    their schema, and in `public` that is the database's owner (PostgreSQL manual, "ALTER TABLE").

    Raises:
        DatabaseError: the server refuses, for instance because it lacks the locale.

    """
    options = [
        sql.SQL("owner {} template template0").format(sql.Identifier(owner)),
        sql.SQL("encoding {}").format(shape.encoding),
        sql.SQL("lc_collate {}").format(shape.collate),
        sql.SQL("lc_ctype {}").format(shape.ctype),
    ]
    if shape.provider == "i":
        options.append(sql.SQL("locale_provider icu icu_locale {}").format(shape.icu_locale))
    elif shape.provider == "b":
        options.append(sql.SQL("locale_provider builtin builtin_locale {}").format(shape.icu_locale))
    database = sql.Identifier(name)
    with translated(f"scratch database {name}"):
        connection.execute(sql.SQL("create database {} {}").format(database, sql.SQL(" ").join(options)))
        connection.execute(sql.SQL("revoke connect on database {} from public").format(database))


def drop_scratch(connection: Connection, name: str) -> None:
    """Drop a scratch database and whoever is still on it; a missing one is a success. Any other name is refused."""
    if not name.startswith((PREFIX, KEPT_PREFIX)):
        raise ValueError(f"{name!r} is no scratch database")
    drop_database(connection, name)


def drop_kept(connection: Connection, name: str) -> None:
    """Drop a kept database that nobody is on; a missing one is a success, and sessions on it are a refusal."""
    if not name.startswith(KEPT_PREFIX):
        raise ValueError(f"{name!r} is no kept database")
    with translated(f"database {name}"):
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


def drop_database(connection: Connection, name: str) -> None:
    """Drop a database and whoever is still on it; a missing one is a success. The caller answers for the name."""
    with translated(f"database {name}"):
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def drop_abandoned(connection: Connection, *, now: datetime) -> tuple[str, ...]:
    """Drop scratch databases whose makers are gone: a dead process of this host, or made more than a day ago.

    A database with sessions or with a name that does not tell its maker is left alone: on doubt keep.
    """
    rows = connection.execute(
        "select d.datname as name from pg_catalog.pg_database d where starts_with(d.datname, %s)"
        " and not exists (select from pg_stat_activity a where a.datid = d.oid)",
        (PREFIX,),
    ).fetchall()
    gone = tuple(row["name"] for row in rows if _abandoned(row["name"], now=now))
    for name in gone:
        drop_scratch(connection, name)
    return gone


def _abandoned(name: str, *, now: datetime) -> bool:
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    made = datetime.fromtimestamp(int(match["made"]), tz=UTC)
    return now - made > ABANDONED_AFTER or (match["host"] == _host() and not _alive(int(match["pid"])))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def keep_scratch(connection: Connection, name: str) -> str:
    """Rename a scratch database so that nothing drops it, and return its new name. Doing it again changes nothing."""
    kept = name.replace(PREFIX, KEPT_PREFIX, 1)
    there = fetch_value(connection, "select true from pg_catalog.pg_database where datname = %s", kept)
    if not there:
        with translated(f"scratch database {name}"):
            connection.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(name), sql.Identifier(kept)))
    return kept


def apply_database_properties(dsn: str, name: str, catalog: Iterable[CatalogEntry]) -> tuple[str, ...]:
    """Give a restored database what a dump does not carry: settings, connection limit, comment, owner, grants.

    Returns what the server refused, in its words. Running it twice changes nothing more.
    """
    recorded = next(entry.properties for entry in catalog if entry.kind is Kind.DATABASE)
    database = sql.Identifier(name)
    statements: list[sql.Composed] = [
        *_settings(database, recorded["settings"]),
        sql.SQL("comment on database {} is {}").format(database, recorded["comment"] or None),
        sql.SQL("alter database {} owner to {}").format(database, sql.Identifier(recorded["owner"])),
        *_grants(database, recorded["owner"], parse_grants(recorded["grants"])),
        sql.SQL("alter database {} connection limit {}").format(database, int(recorded["connection limit"])),
    ]
    refused: list[str] = []
    with connect(dsn, name) as connection:
        for statement in statements:
            try:
                with translated(f"properties of {name}"):
                    connection.execute(statement)
            except DatabaseError as error:
                refused.append(error.message)
    return tuple(refused)


def _settings(database: sql.Identifier, recorded: str) -> list[sql.Composed]:
    statements: list[sql.Composed] = []
    for role, settings in json.loads(recorded):
        target = (
            sql.SQL("alter role {} in database {}").format(sql.Identifier(role), database)
            if role
            else sql.SQL("alter database {}").format(database)
        )
        for setting in settings:
            key, _, value = setting.partition("=")
            # The stored value of a list is quoted already; quoting it once more would make it one name.
            written = sql.SQL(value) if key in _QUOTED_LISTS and value else sql.Literal(value)
            statements.append(sql.SQL("{} set {} to {}").format(target, sql.Identifier(*key.split(".")), written))
    return statements


_QUOTED_LISTS = {"search_path", "session_preload_libraries", "local_preload_libraries", "temp_tablespaces"}
"""Settings flagged GUC_LIST_QUOTE in PostgreSQL's source, of those that a database may carry."""


def _grants(database: sql.Identifier, owner: str, grants: Iterable[Grant]) -> list[sql.Composed]:
    statements: list[sql.Composed] = [
        sql.SQL("revoke all on database {} from public, {}").format(database, sql.Identifier(owner))
    ]
    for grant in sorted(grants, key=lambda each: each.grantor != owner):
        given = sql.SQL("grant {} on database {} to {}{}").format(
            sql.SQL(grant.privilege),  # capitals and blanks only, by the pattern it was read with
            database,
            sql.Identifier(grant.grantee) if grant.grantee else sql.SQL("public"),
            sql.SQL(" with grant option" if grant.grantable else ""),
        )
        if grant.grantor == owner:
            statements.append(given)
        else:
            statements += [sql.SQL("set role {}").format(sql.Identifier(grant.grantor)), given, sql.SQL("reset role").format()]
    return statements
