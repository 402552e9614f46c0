"""What a database never seen tells of itself. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from continuity.adapters import catalog
from continuity.adapters.catalog_terms import USER_SCHEMA
from continuity.adapters.postgres import Connection, fetch_value, read_version, translated
from continuity.domain.client_versions import Version
from continuity.domain.migrations import KNOWN, MigrationTable
from continuity.errors import DatabaseError


@dataclass(frozen=True, kw_only=True)
class MigrationHead:
    """A query for the newest migration, and what it returns now ("" where the table is empty)."""

    tools: str
    query: str
    head: str


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """A database at first sight."""

    name: str
    version: Version
    size_bytes: int
    tables: int
    secured_tables: tuple[str, ...]
    """Tables with row-level security: a backup role needs BYPASSRLS for them."""
    large_objects: int
    """Large objects: pg_read_all_data does not cover them."""
    extensions: tuple[str, ...]
    owners: tuple[str, ...]
    roles: tuple[str, ...]
    """Every role that owns something or is granted something."""
    role: str
    superuser: bool
    migrations: tuple[MigrationHead, ...]
    siblings: tuple[str, ...]
    """The other databases of the server."""


def discover(connection: Connection) -> Discovered:
    """Read what a first description needs.

    Raises:
        DatabaseError: the server went away or refuses to show its catalog.

    """
    with translated("the catalog"):
        facts: dict[str, Any] = connection.execute(sql.SQL(_FACTS)).fetchone() or {}
    return Discovered(
        version=read_version(connection),
        size_bytes=int(fetch_value(connection, "select pg_database_size(current_database())")),
        extensions=tuple(catalog.read_extensions(connection)),
        roles=catalog.read_roles(connection),
        migrations=tuple(_heads(connection)),
        name=facts["name"],
        tables=facts["tables"],
        role=facts["role"],
        superuser=facts["superuser"],
        large_objects=facts["large_objects"],
        owners=tuple(facts["owners"]),
        secured_tables=tuple(facts["secured_tables"]),
        siblings=tuple(facts["siblings"]),
    )


def _heads(connection: Connection) -> Iterator[MigrationHead]:
    for known in KNOWN:
        for table in _tables_of(connection, known):
            query = known.head.replace("{table}", table)
            try:
                with translated(known.table), connection.transaction():
                    connection.execute("set transaction read only")
                    head = fetch_value(connection, sql.SQL(query))
            except DatabaseError:
                continue  # What this role cannot read is no suggestion; a table of that name may be somebody else's.
            yield MigrationHead(tools=known.tools, query=query, head=str(head or ""))


def _tables_of(connection: Connection, known: MigrationTable) -> list[str]:
    rows = connection.execute(_TABLES, {"table": known.table, "columns": list(known.columns)}).fetchall()
    return [row["name"] for row in rows]


_TABLES = """
    select format('%%I.%%I', n.nspname, c.relname) as name from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = %(table)s and c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema$)'
      and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = any(%(columns)s)
           and not a.attisdropped) = cardinality(%(columns)s::text[])
    order by n.nspname = 'public' desc, 1
"""

_FACTS = (
    """
    select current_database()::text as name, (select count(*)::int from pg_catalog.pg_largeobject_metadata) as large_objects,
           current_user::text as role,
           (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
           array(select datname::text from pg_catalog.pg_database where not datistemplate
                 and datname <> current_database() order by 1) as siblings,
           array(select distinct pg_get_userbyid(owner)::text from (
                   select c.relowner as owner from pg_catalog.pg_class c
                   join pg_catalog.pg_namespace n on n.oid = c.relnamespace where """
    + USER_SCHEMA
    + """
                   union select datdba from pg_catalog.pg_database where datname = current_database()) o order by 1) as owners,
           (select count(*)::int from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and """
    + USER_SCHEMA
    + """) as tables,
           array(select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c
                 join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relrowsecurity and """
    + USER_SCHEMA
    + """ order by 1) as secured_tables
    """
)
