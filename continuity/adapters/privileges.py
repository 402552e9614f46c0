"""What a role may do, asked of the server before anything starts."""

from collections.abc import Sequence

from psycopg import sql

from continuity.adapters.catalog_terms import USER_SCHEMA, not_of_extension
from continuity.adapters.postgres import Connection, fetch_value, translated
from continuity.errors import DatabaseError

PARAMETER_GRANTS = 150000
"""The first server version whose settings can be granted."""


def unreadable_tables(connection: Connection) -> tuple[str, ...]:
    """Name the tables and sequences whose contents the session's role may not read."""
    return _names(
        connection,
        "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_catalog.pg_class c"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'S', 'm') and "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_class", "c.oid")
        + " and not (has_schema_privilege(n.oid, 'USAGE') and case when c.relkind = 'S'"
        " then has_sequence_privilege(c.oid, 'SELECT') else has_table_privilege(c.oid, 'SELECT') end) order by 1",
    )


def tables_with_hidden_rows(connection: Connection) -> tuple[str, ...]:
    """Name the tables of which row-level security may hide rows from the session's role (BYPASSRLS ends that)."""
    return _names(
        connection,
        "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_catalog.pg_class c"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and "
        + USER_SCHEMA
        + " and row_security_active(c.oid) order by 1",
    )


def large_objects_readable(connection: Connection) -> bool:
    """Tell whether every large object may be read; pg_read_all_data does not cover them."""
    try:
        with translated("large objects"):
            fetch_value(connection, "select count(lo_get(oid, 0, 1)) from pg_catalog.pg_largeobject_metadata")
    except DatabaseError:
        return False
    return True


def may_set(connection: Connection, setting: str) -> bool:
    """Tell whether the session's role may change a setting that is a superuser's (`grant set on parameter`, PostgreSQL 15)."""
    if is_superuser(connection) or connection.info.server_version < PARAMETER_GRANTS:
        return is_superuser(connection)
    return bool(fetch_value(connection, "select pg_catalog.has_parameter_privilege(%s, 'SET')", setting))


def is_superuser(connection: Connection) -> bool:
    """Tell whether the session's role is one."""
    return bool(fetch_value(connection, "select rolsuper from pg_catalog.pg_roles where rolname = current_user"))


def may_create_databases(connection: Connection) -> bool:
    """Tell whether the session's role may make a scratch database."""
    return bool(fetch_value(connection, "select rolsuper or rolcreatedb from pg_catalog.pg_roles where rolname = current_user"))


def may_create_roles(connection: Connection) -> bool:
    """Tell whether the session's role may make roles."""
    return bool(fetch_value(connection, "select rolsuper or rolcreaterole from pg_catalog.pg_roles where rolname = current_user"))


def missing_roles(connection: Connection, roles: Sequence[str]) -> tuple[str, ...]:
    """Name the roles that this server does not have."""
    rows = connection.execute(
        "select name from unnest(%s::text[]) name where not exists"
        " (select from pg_catalog.pg_roles where rolname = name) order by 1",
        (list(roles),),
    ).fetchall()
    return tuple(row["name"] for row in rows)


def roles_not_assumable(connection: Connection, roles: Sequence[str]) -> tuple[str, ...]:
    """Name the roles that exist and of which the session's role is no member: it cannot give objects to them."""
    rows = connection.execute(
        "select r.rolname as name from pg_catalog.pg_roles r where r.rolname = any(%s)"
        " and not pg_has_role(current_user, r.oid, 'MEMBER') order by 1",
        (list(roles),),
    ).fetchall()
    return tuple(row["name"] for row in rows)


def missing_extensions(connection: Connection, extensions: Sequence[str]) -> tuple[str, ...]:
    """Name the extensions that this server cannot create."""
    rows = connection.execute(
        "select wanted.name from unnest(%s::text[]) wanted(name) where not exists"
        " (select from pg_catalog.pg_available_extensions a where a.name = wanted.name) order by 1",
        (list(extensions),),
    ).fetchall()
    return tuple(row["name"] for row in rows)


def create_roles(connection: Connection, roles: Sequence[str]) -> None:
    """Make roles that own and are granted things in a scratch database: without login, without password."""
    for role in roles:
        with translated(f"role {role}"):
            connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))


def _names(connection: Connection, query: str) -> tuple[str, ...]:
    rows = connection.execute(sql.SQL(query)).fetchall()
    return tuple(row["name"] for row in rows)
