"""Counts rows and digests tables, each in one scan, several tables at once, under one snapshot."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
from psycopg import sql

from continuity.adapters.catalog_terms import USER_SCHEMA, not_of_extension
from continuity.adapters.postgres import Connection, connect, fetch_value, translated
from continuity.adapters.scans import Scans
from continuity.domain.fingerprint import ColumnType, Fingerprint, Form, choose_form
from continuity.domain.recovery_point import DigestMethod
from continuity.errors import DatabaseError

METHOD = "sum(hash_record_extended)"
SETTINGS: Mapping[str, str] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "search_path": "",
    "quote_all_identifiers": "off",
    # A hidden row is an error instead of a gap (PostgreSQL manual, "Row Security Policies").
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
}
"""What text forms depend on, and what a long scan must not be cut off by."""


@dataclass(frozen=True, kw_only=True)
class MeasuredTable:
    """A table to fingerprint, with the expression over its columns."""

    name: str
    relation: sql.Identifier
    expression: sql.Composable


@dataclass(frozen=True, kw_only=True)
class Unmeasured:
    """A table whose scan failed: it is not proven, and the others go on."""

    table: str
    reason: str


def digest_method(major: int) -> DigestMethod:
    """Name the method, so that digests are compared only with their like."""
    return DigestMethod(name=METHOD, major=major, settings=SETTINGS)


def read_fingerprints(
    dsn: str,
    database: str,
    *,
    snapshot: str | None = None,
    parallel: int = 2,
    limit_seconds: int = 0,
    scans: Scans | None = None,
) -> tuple[Fingerprint | Unmeasured, ...]:
    """Fingerprint every ordinary table, the largest first, in `parallel` sessions. Reads each table once.

    No scan may take longer than `limit_seconds` (0: no limit); through `scans` another thread can end them.

    Raises:
        DatabaseError: no session could be opened, or the list of tables could not be read.

    """
    scans = scans or Scans()
    with _session(dsn, database, snapshot, limit_seconds) as connection, scans.watched(connection):
        tables = list_tables(connection)
    waiting: SimpleQueue[MeasuredTable] = SimpleQueue()
    for table in tables:
        waiting.put(table)

    def work() -> list[Fingerprint | Unmeasured]:
        with _session(dsn, database, snapshot, limit_seconds) as connection, scans.watched(connection):
            return list(_drain(connection, waiting, scans))

    workers = min(parallel, len(tables))
    if workers == 0:
        return ()
    with ThreadPoolExecutor(workers, thread_name_prefix="fingerprint") as pool:
        results = [future.result() for future in [pool.submit(work) for _ in range(workers)]]
    measured = [each for result in results for each in result]
    if len(measured) != len(tables):
        raise DatabaseError(f"{len(tables) - len(measured)} of {len(tables)} tables were not fingerprinted")
    return tuple(sorted(measured, key=lambda each: each.table))


@contextmanager
def _session(dsn: str, database: str, snapshot: str | None, limit_seconds: int) -> Iterator[Connection]:
    with connect(dsn, database, settings={**SETTINGS, "statement_timeout": f"{limit_seconds}s"}) as connection:
        connection.execute("begin isolation level repeatable read, read only")
        if snapshot is not None:
            connection.execute(sql.SQL("set transaction snapshot {}").format(snapshot))
        yield connection


def _drain(connection: Connection, waiting: SimpleQueue[MeasuredTable], scans: Scans) -> Iterator[Fingerprint | Unmeasured]:
    while True:
        scans.go_on()
        try:
            table = waiting.get_nowait()
        except Empty:
            return
        yield _measure(connection, table)


def _measure(connection: Connection, table: MeasuredTable) -> Fingerprint | Unmeasured:
    query = sql.SQL(
        "select pg_catalog.count(*) as rows, coalesce(pg_catalog.sum(pg_catalog.hash_record_extended({}, 0)), 0)::text"
        " as digest from only {} t"
    ).format(table.expression, table.relation)
    try:
        with translated(table.name), connection.transaction():
            row = connection.execute(query).fetchone() or {}
    except DatabaseError as error:
        if error.transient:
            raise
        return Unmeasured(table=table.name, reason=str(error))
    return Fingerprint(table=table.name, rows=row["rows"], digest=row["digest"])


def read_large_objects(connection: Connection) -> Fingerprint:
    """Fingerprint the large objects: how many, and a digest of their contents.

    Raises:
        DatabaseError: the role may not read one of them (they are outside pg_read_all_data), or another failure.

    """
    with translated("large objects"):
        row = connection.execute(
            "select pg_catalog.count(*) as rows, coalesce(pg_catalog.sum(pg_catalog.hash_record_extended("
            "row(m.oid, pg_catalog.lo_get(m.oid)), 0)), 0)::text as digest from pg_catalog.pg_largeobject_metadata m"
        ).fetchone()
    return Fingerprint(table="large objects", **(row or {}))


def list_tables(connection: Connection) -> tuple[MeasuredTable, ...]:
    """List the ordinary tables (partitions and parents each for their own rows), the largest first.

    Tables of extensions are left out: what of them is dumped is the extension's choice.
    """
    with translated("the list of tables"):
        columns = connection.execute(sql.SQL(_COLUMNS)).fetchall()
        hashable = {oid: _has_hash(connection, oid) for oid in {row["type_oid"] for row in columns if row["column"]}}
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in columns:
        tables.setdefault((row["schema"], row["table"]), []).append(row)
    return tuple(
        MeasuredTable(
            name=rows[0]["name"],
            relation=sql.Identifier(*key),
            expression=_row_expression([row for row in rows if row["column"]], hashable),
        )
        for key, rows in tables.items()
    )


def _row_expression(columns: Sequence[dict[str, Any]], hashable: Mapping[int, bool]) -> sql.Composable:
    forms = [_FORMS[choose_form(_column_type(row, hashable))].format(sql.Identifier("t", row["column"])) for row in columns]
    return sql.SQL("row({})").format(sql.SQL(", ").join(forms))


_FORMS = {
    Form.NATIVE: sql.SQL("{}"),
    Form.TEXT: sql.SQL('{}::text collate "C"'),
    Form.OUTPUT: sql.SQL('case when {0} is not null then pg_catalog.concat({0}) collate "C" end'),
    Form.BINARY_COLLATION: sql.SQL('{}::text collate "C"'),
    Form.FLOAT4_BYTES: sql.SQL("pg_catalog.float4send({}::float4)"),
    Form.FLOAT8_BYTES: sql.SQL("pg_catalog.float8send({}::float8)"),
    Form.INTERVAL_BYTES: sql.SQL("pg_catalog.interval_send({}::interval)"),
}


def _column_type(row: dict[str, Any], hashable: Mapping[int, bool]) -> ColumnType:
    return ColumnType(
        base=row["base"],
        builtin=row["builtin"],
        unconstrained=row["typmod"] < 0,
        nondeterministic=row["nondeterministic"],
        hashable=hashable[row["type_oid"]],
    )


def _has_hash(connection: Connection, type_oid: int) -> bool:
    """Ask the server itself whether a type has an extended hash, by hashing a null of it: it looks the function up first.

    Asked of the type below any domain: a domain may refuse nulls.
    """
    name = fetch_value(connection, "select pg_catalog.format_type(%s, null)", type_oid)
    try:
        with connection.transaction():
            # The name comes from format_type, which quotes it.
            connection.execute(sql.SQL("select pg_catalog.hash_record_extended(row(null::{}), 0)").format(sql.SQL(name)))
    except psycopg.errors.UndefinedFunction:
        return False
    return True


_COLUMNS = (
    """
    select n.nspname as schema, c.relname as table, format('%I.%I', n.nspname, c.relname) as name,
           a.attname as column, b.oid::int8 as type_oid, b.typname as base, b.oid < 16384 as builtin,
           case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as typmod,
           coalesce(not l.collisdeterministic, false) as nondeterministic
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_catalog.pg_type t on t.oid = a.atttypid
    left join lateral (
      with recursive below as (
        select t.oid, t.typbasetype, t.typname, t.typtype
        union all
        select d.oid, d.typbasetype, d.typname, d.typtype from below join pg_catalog.pg_type d on d.oid = below.typbasetype
        where below.typtype = 'd'
      ) select * from below where typtype <> 'd' limit 1
    ) b on true
    left join pg_catalog.pg_collation l on l.oid = a.attcollation
    where c.relkind = 'r' and """
    + USER_SCHEMA
    + " and "
    + not_of_extension("pg_class", "c.oid")
    + " order by pg_catalog.pg_relation_size(c.oid) desc, 1, 2, a.attnum"
)
