"""Questions about rows that the catalog cannot answer: orphans behind unchecked keys, sequences behind their columns, rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from continuity.adapters.catalog_terms import USER_SCHEMA
from continuity.adapters.postgres import Connection, fetch_value, translated

SAMPLE_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class Violations:
    """How many rows break a rule, and the keys of the first of them; `looked_at` counts tables with rows."""

    count: int
    keys: tuple[str, ...]
    empty_tables: tuple[str, ...]


def count_orphans(connection: Connection) -> dict[str, int]:
    """Count, for each foreign key that is NOT VALID, the rows that refer to nothing. Scans those tables only."""
    keys = connection.execute(
        """
        select format('%I on %I.%I', k.conname, n.nspname, c.relname) as name, n.nspname as schema, c.relname as table,
               pn.nspname as parent_schema, p.relname as parent,
               (select array_agg(a.attname order by u.i) from unnest(k.conkey) with ordinality u(num, i)
                join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) as columns,
               (select array_agg(a.attname order by u.i) from unnest(k.confkey) with ordinality u(num, i)
                join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num) as parent_columns
        from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_class p on p.oid = k.confrelid
        join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
        where k.contype = 'f' and not k.convalidated order by 1
        """
    ).fetchall()
    return {row["name"]: _orphans(connection, row) for row in keys}


def _orphans(connection: Connection, key: dict[str, Any]) -> int:
    present = sql.SQL(" and ").join(sql.SQL("c.{} is not null").format(sql.Identifier(name)) for name in key["columns"])
    same = sql.SQL(" and ").join(
        sql.SQL("p.{} = c.{}").format(sql.Identifier(parent), sql.Identifier(child))
        for parent, child in zip(key["parent_columns"], key["columns"], strict=True)
    )
    query = sql.SQL("select count(*) from {} c where {} and not exists (select from {} p where {})").format(
        sql.Identifier(key["schema"], key["table"]), present, sql.Identifier(key["parent_schema"], key["parent"]), same
    )
    with translated(key["name"]):
        return int(fetch_value(connection, query))


def sequences_behind_columns(connection: Connection) -> tuple[str, ...]:
    """Name the sequences that would hand out a value which their column already holds.

    Only columns that lead an index are asked, so that no table is scanned for it.
    """
    owned = connection.execute(
        sql.SQL(
            "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name, n.nspname as schema, c.relname as"
            " sequence, tn.nspname as table_schema, t.relname as table, a.attname as column, s.seqincrement as increment"
            " from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid"
            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_depend d on"
            " d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0"
            " join pg_catalog.pg_class t on t.oid = d.refobjid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace"
            " join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid where not s.seqcycle and "
            + USER_SCHEMA
            + " and exists (select from pg_catalog.pg_index i where i.indrelid = t.oid and i.indkey[0] = a.attnum"
            " and i.indisvalid and i.indpred is null) order by 1"
        )
    ).fetchall()
    return tuple(row["name"] for row in owned if _behind(connection, row))


def _behind(connection: Connection, owned: dict[str, Any]) -> bool:
    furthest, compare = ("max", ">") if owned["increment"] > 0 else ("min", "<")
    query = sql.SQL(
        "select coalesce((select {furthest}({column}) from {table}) {compare} s.last_value, false)"
        " or coalesce((select {furthest}({column}) from {table}) = s.last_value and not s.is_called, false)"
        " from {sequence} s"
    ).format(
        furthest=sql.SQL(furthest),
        column=sql.Identifier(owned["column"]),
        table=sql.Identifier(owned["table_schema"], owned["table"]),
        compare=sql.SQL(compare),
        sequence=sql.Identifier(owned["schema"], owned["sequence"]),
    )
    with translated(owned["name"]):
        return bool(fetch_value(connection, query))


def find_violations(connection: Connection, query: str, over: Sequence[str]) -> Violations:
    """Run a rule's SQL once: the number of rows that it returns and a bounded sample of their keys.

    Raises:
        DatabaseError: the SQL is wrong, or names what is not there.

    """
    wrapped = sql.SQL("select count(*) over () as violations, v.* from (\n{}\n) v limit {}").format(
        sql.SQL(query.replace("{", "{{").replace("}", "}}")), SAMPLE_ROWS
    )
    with translated("rule", quotes_rows=True), connection.transaction():
        connection.execute("set transaction read only")
        empty = tuple(table for table in over if is_empty(connection, _relation(table)))
        rows = connection.execute(sql.SQL("{}").format(wrapped)).fetchall()
    keys = tuple(", ".join(f"{name} {value}" for name, value in row.items() if name != "violations") for row in rows)
    return Violations(count=rows[0]["violations"] if rows else 0, keys=keys, empty_tables=empty)


def is_empty(connection: Connection, relation: sql.Identifier) -> bool:
    """Tell whether a table has no row; reads one at most."""
    return not fetch_value(connection, sql.SQL("select exists (select from {})").format(relation))


def _relation(table: str) -> sql.Identifier:
    schema, _, name = table.rpartition(".")
    return sql.Identifier(schema or "public", name)
