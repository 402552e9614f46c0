"""Measures how long queries take on a live database. Reads only, and never for long."""

import time
from collections.abc import Sequence

from psycopg import sql

from continuity.adapters.catalog_terms import USER_SCHEMA
from continuity.adapters.postgres import Connection, connect, translated
from continuity.domain.query_times import ProbeQuery, QueryTime
from continuity.errors import DatabaseError

LARGEST_TABLES = 3
TIMES = 3
LOCK_TIMEOUT = "100ms"
ENOUGH_SECONDS = 0.5
"""A query that takes this long is not asked again: what is cached makes no difference to it."""

_Query = bytes | sql.Composed


def measure_queries(
    dsn: str, database: str, queries: Sequence[ProbeQuery] = (), *, limit_seconds: float = 5.0
) -> tuple[QueryTime, ...]:
    """Measure the queries given; without any, a look-up by key on each of the largest tables, which reads no table whole.

    A table that somebody holds exclusively is not waited for: its query has no time then.

    Raises:
        DatabaseError: the database cannot be reached.

    """
    settings = {
        "statement_timeout": f"{limit_seconds * 1000:.0f}",
        "lock_timeout": LOCK_TIMEOUT,
        "default_transaction_read_only": "on",
    }
    with connect(dsn, database, settings=settings) as connection:
        if queries:
            return tuple(_measure(connection, each.name, each.sql.encode()) for each in queries)
        look_ups = _of_largest_tables(connection)
        # The path by the key is what is measured, also on tables that are so small that another would be chosen.
        connection.execute("set enable_seqscan = off")
        return tuple(_measure(connection, name, query) for name, query in look_ups)


def _measure(connection: Connection, name: str, query: _Query) -> QueryTime:
    best: float | None = None
    for _ in range(TIMES):
        started = time.perf_counter()
        try:
            # Errors may quote rows, and this one is kept in a recovery point or a journal.
            with translated(f"query {name!r}", quotes_rows=True), connection.transaction():
                connection.execute(query).fetchall()
        except DatabaseError as error:
            return QueryTime(name=name, seconds=None, trouble=error.message)
        took = time.perf_counter() - started
        best = took if best is None else min(best, took)
        if took > ENOUGH_SECONDS:
            break
    return QueryTime(name=name, seconds=None if best is None else round(best, 6))


def _of_largest_tables(connection: Connection) -> list[tuple[str, _Query]]:
    tables = connection.execute(
        sql.SQL(
            "select n.nspname as schema, c.relname as table, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,"
            " (select array_agg(a.attname order by k.position) from pg_catalog.pg_index i,"
            " unnest(i.indkey) with ordinality k(number, position), pg_catalog.pg_attribute a"
            " where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attnum = k.number) as key"
            " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind = 'r' and c.relpersistence = 'p' and "
            + USER_SCHEMA
            + " order by c.relpages desc, 3 limit {}"  # pg_relation_size would wait for whoever holds a table
        ).format(LARGEST_TABLES)
    ).fetchall()
    return [(name, query) for row in tables for name, query in _queries_of(row["schema"], row["table"], row["name"], row["key"])]


def _queries_of(schema: str, table: str, name: str, key: Sequence[str] | None) -> list[tuple[str, _Query]]:
    if not key:
        return []
    relation = sql.Identifier(schema, table)
    order = sql.SQL(", ").join(sql.SQL("{} desc").format(sql.Identifier(column)) for column in key)
    return [(f"last key of {name}", sql.SQL("select from only {} order by {} limit 1").format(relation, order))]
