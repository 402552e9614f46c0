"""Reads the structure of a database: everything that a restore has to bring back."""

from typing import LiteralString

from psycopg import sql

from continuity.adapters.catalog_queries import QUERIES
from continuity.adapters.catalog_terms import USER_SCHEMA, not_of_extension
from continuity.adapters.postgres import Connection, translated
from continuity.domain.catalog import CatalogEntry, Kind
from continuity.domain.fingerprint import SequencePosition

_QUOTED: LiteralString = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)"


def read_catalog(connection: Connection) -> tuple[CatalogEntry, ...]:
    """Read every entry, by kind and name. Takes no locks beyond those of reading the catalog."""
    with translated("the catalog"), connection.transaction():
        connection.execute("set local search_path = ''")
        return tuple(entry for kind, query in QUERIES.items() for entry in _entries(connection, kind, query))


def _entries(connection: Connection, kind: Kind, query: str) -> list[CatalogEntry]:
    rows = connection.execute(sql.SQL(query)).fetchall()
    return sorted(
        (
            CatalogEntry(
                kind=kind,
                name=row["name"],
                properties={key: value for key, value in sorted(row["properties"].items()) if value is not None},
            )
            for row in rows
        ),
        key=lambda entry: entry.name,
    )


def read_sequences(connection: Connection) -> tuple[SequencePosition, ...]:
    """Read where every sequence stands. Sequences ignore snapshots, so read them before the dump starts: never ahead of it."""
    names = connection.execute(
        sql.SQL(
            "select n.nspname, c.relname, s.seqincrement, "
            + _QUOTED
            + " as name from pg_catalog.pg_sequence s join pg_catalog.pg_class c"
            " on c.oid = s.seqrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where "
            + USER_SCHEMA
            + " and "
            + not_of_extension("pg_class", "c.oid")
            + " order by 1, 2"
        )
    ).fetchall()
    if not names:
        return ()
    each = sql.SQL(" union all ").join(
        sql.SQL("select {} as name, last_value, is_called, {}::int8 as increment from {}").format(
            row["name"],
            row["seqincrement"],
            sql.Identifier(row["nspname"], row["relname"]),
        )
        for row in names
    )
    return tuple(
        SequencePosition(name=row["name"], position=row["last_value"], called=row["is_called"], increment=row["increment"])
        for row in connection.execute(each).fetchall()
    )


def read_roles(connection: Connection) -> tuple[str, ...]:
    """Name the roles that the database's objects, grants, policies and default privileges refer to, the system's apart."""
    rows = connection.execute(
        """
        select r.rolname as name from pg_catalog.pg_roles r where r.rolname !~ '^pg_' and r.oid in (
          select s.refobjid from pg_catalog.pg_shdepend s where s.refclassid = 'pg_authid'::regclass and s.dbid in (0,
            (select oid from pg_catalog.pg_database where datname = current_database()))
            and (s.dbid <> 0 or (s.classid = 'pg_database'::regclass and s.objid = (select oid from pg_catalog.pg_database
            where datname = current_database())))
          union select datdba from pg_catalog.pg_database where datname = current_database()
          union select setrole from pg_catalog.pg_db_role_setting s join pg_catalog.pg_database d on d.oid = s.setdatabase
            where d.datname = current_database()
          union select relowner from pg_catalog.pg_class where oid >= 16384
        ) order by 1
        """
    ).fetchall()
    return tuple(row["name"] for row in rows)


def read_extensions(connection: Connection) -> dict[str, str]:
    """Map extensions to their versions."""
    rows = connection.execute("select extname, extversion from pg_catalog.pg_extension order by 1").fetchall()
    return {row["extname"]: row["extversion"] for row in rows}
