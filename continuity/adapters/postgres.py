"""Sessions on PostgreSQL, and the facts that one query tells. Raises only our errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import conninfo, sql
from psycopg.rows import dict_row

from continuity.domain.client_versions import Version
from continuity.domain.recovery_point import DatabaseIdentity, DatabaseShape
from continuity.errors import ConfigurationRefused, DatabaseError

Connection = psycopg.Connection[dict[str, Any]]

_TRANSIENT_CLASSES = ("08", "53", "57P")
"""Connection failures, lack of resources, operator intervention (PostgreSQL manual, appendix A)."""

_REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf", "no password supplied")
"""What a server says before a session has a state: waiting does not mend it."""

_ENVIRONMENT = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "gssencmode": "PGGSSENCMODE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "dbname": "PGDATABASE",
}


def libpq_environment(dsn: str, *, database: str) -> dict[str, str]:
    """Return the variables by which libpq programs reach a database, so that nothing secret stands in their argv.

    Raises:
        ConfigurationRefused: the connection string is not one, or has a key that no variable carries.

    """
    parts = {**parse_dsn(dsn), "dbname": database, "application_name": "continuity"}
    unknown = [key for key in parts if key not in _ENVIRONMENT and key != "application_name"]
    if unknown:
        raise ConfigurationRefused(
            f"connection parameter {unknown[0]!r} cannot be handed to PostgreSQL's tools",
            hint=f"Use only {', '.join(_ENVIRONMENT)}, or a service file.",
        )
    return {"PGAPPNAME": "continuity"} | {
        _ENVIRONMENT[key]: str(value) for key, value in parts.items() if key in _ENVIRONMENT and value is not None
    }


def with_database(dsn: str, database: str) -> str:
    """Return the connection string of another database on the same server."""
    return conninfo.make_conninfo(**{**parse_dsn(dsn), "dbname": database})


def parse_dsn(dsn: str) -> dict[str, Any]:
    """Take a connection string apart.

    Raises:
        ConfigurationRefused: it is none. The message does not repeat it: it may hold a password.

    """
    try:
        return dict(conninfo.conninfo_to_dict(dsn))
    except psycopg.ProgrammingError:
        # The message of libpq quotes the string, password and all.
        raise ConfigurationRefused(
            "the database's connection string cannot be parsed",
            hint="Write postgresql://user@host:port/name or key=value pairs; percent-encode special characters.",
        ) from None


@contextmanager
def connect(dsn: str, database: str | None = None, *, settings: Mapping[str, str] | None = None) -> Iterator[Connection]:
    """Open a session and close it, with the settings given.

    Raises:
        DatabaseError: the server refused or cannot be reached, or a statement inside the block failed.

    """
    parts = parse_dsn(dsn)
    if database is not None:
        parts["dbname"] = database
    parts.setdefault("connect_timeout", "10")
    parts["application_name"] = "continuity"
    where = f"database {parts.get('dbname', '')!r} at {parts.get('host', 'the local socket')}"
    with translated(where), psycopg.connect(**parts, autocommit=True, row_factory=dict_row) as connection:
        for name, value in (settings or {}).items():
            connection.execute("select pg_catalog.set_config(%s, %s, false)", (name, value))
        yield connection


@contextmanager
def translated(where: str, *, quotes_rows: bool = False) -> Iterator[None]:
    """Turn psycopg's errors into ours; the message is the server's, without the statement or its values.

    Where an error may quote the contents of rows (`invalid input syntax for type integer: "…"`), only the name of its
    condition is kept, but for mistakes in the statement itself (class 42), which quote the statement.
    """
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or ""
        message = error.diag.message_primary or str(error).strip().splitlines()[0]
        if quotes_rows and state and not state.startswith(("42", "57")):
            message = f"{type(error).__name__} ({state})"
        # Without a state libpq itself gave up: nobody listened, or the line broke.
        refused = any(word in message for word in _REFUSALS)
        transient = (not refused and not state and isinstance(error, psycopg.OperationalError)) or state.startswith(
            _TRANSIENT_CLASSES
        )
        raise DatabaseError(
            f"{where}: {message}", detail=error.diag.message_hint or "", hint=_hint(state, message), transient=transient
        ) from error


def _hint(state: str, message: str) -> str:
    if "authentication failed" in message or "no password supplied" in message or state.startswith("28"):
        return "Check user and password of `[database] dsn` (or its passfile), and pg_hba.conf."
    if state == "3D000" or "does not exist" in message:
        return "Check the database's name: in application.toml, or for `init` in the connection string."
    if state == "42501":
        return "Grant the role what it lacks; `continuity backup` names everything at once."
    if state == "53100":
        return "Make room where the server keeps its databases, then run it again."
    if not state:
        return "Check host and port of `[database] dsn`, and that the server is up."
    return "Read the server's log at this moment."


def fetch_value(connection: Connection, query: LiteralString | sql.SQL | sql.Composed, *values: object) -> Any:
    """Return the first column of the first row, or None without a row."""
    row = connection.execute(query, values or None).fetchone()
    return None if row is None else next(iter(row.values()))


def read_identity(connection: Connection) -> DatabaseIdentity:
    """Tell which database on which server this session is on. The system identifier survives a change of host name."""
    row = connection.execute(
        """
        select d.datname as name, d.oid::int8 as oid, s.system_identifier::text as system_identifier,
               current_setting('server_version') as server_version,
               current_setting('server_version_num')::int / 10000 as major
        from pg_catalog.pg_database d, pg_catalog.pg_control_system() s where d.datname = current_database()
        """
    ).fetchone()
    return DatabaseIdentity(**row) if row else _gone()


def read_shape(connection: Connection) -> DatabaseShape:
    """Tell how an empty database is made that can take this one's dump."""
    major = read_version(connection).major
    locale = {14: "null::text", 15: "d.daticulocale", 16: "d.daticulocale"}.get(major, "d.datlocale")
    provider = "'c'" if major < 15 else "d.datlocprovider"  # noqa: PLR2004 -- PostgreSQL 15 brought providers
    row = connection.execute(
        sql.SQL(
            "select pg_catalog.pg_encoding_to_char(d.encoding) as encoding, d.datcollate as collate, d.datctype as ctype,"
            " {}::text as provider, coalesce({}, '') as icu_locale"
            " from pg_catalog.pg_database d where d.datname = current_database()"
        ).format(sql.SQL(provider), sql.SQL(locale))
    ).fetchone()
    return DatabaseShape(**row) if row else _gone()


def read_version(connection: Connection) -> Version:
    """Tell the server's version."""
    number = connection.info.server_version
    return Version(major=number // 10000, minor=number % 10000)


def _gone() -> Any:
    raise DatabaseError("the database disappeared while it was read", transient=False)
