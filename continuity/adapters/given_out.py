"""Sequences that feed columns, moved on; and rows or values by which somebody is signed in, taken away."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from continuity.adapters.catalog_terms import USER_SCHEMA, not_of_extension
from continuity.adapters.postgres import Connection, fetch_value, translated
from continuity.domain.given_out import FeedingSequence

# A sequence feeds a column that owns it (serial, identity), or whose default asks it; the narrowest of them counts.
_FEEDING: LiteralString = (
    "select n.nspname as schema, c.relname as name, s.seqincrement as increment, s.seqcycle as cycles,"
    " greatest(s.seqmin, max(case a.atttypid when 'int2'::regtype then -32768 when 'int4'::regtype then -2147483648"
    " else s.seqmin end)) as least,"
    " least(s.seqmax, min(case a.atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647"
    " else s.seqmax end)) as most"
    " from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid"
    " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    " join (select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number from pg_catalog.pg_depend d"
    " where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass"
    " and d.deptype in ('a', 'i') and d.refobjsubid > 0"
    " union select d.refobjid, f.adrelid, f.adnum from pg_catalog.pg_depend d join pg_catalog.pg_attrdef f on f.oid = d.objid"
    " where d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass) fed"
    " on fed.sequence = c.oid"
    " join pg_catalog.pg_attribute a on a.attrelid = fed.relation and a.attnum = fed.number where "
    + USER_SCHEMA
    + " and "
    + not_of_extension("pg_class", "c.oid")
    + " group by n.nspname, c.relname, s.seqrelid, s.seqincrement, s.seqcycle, s.seqmin, s.seqmax order by 1, 2"
)


def read_feeding(connection: Connection) -> tuple[FeedingSequence, ...]:
    """Return the sequences that feed columns, with where they stand. Changes nothing."""
    with translated("sequences"):
        rows = connection.execute(sql.SQL(_FEEDING)).fetchall()
        return tuple(FeedingSequence(**row, position=_position(connection, row["schema"], row["name"])) for row in rows)


def _position(connection: Connection, schema: str, name: str) -> int:
    return int(fetch_value(connection, sql.SQL("select last_value from {}").format(sql.Identifier(schema, name))))


def move_sequence(connection: Connection, schema: str, name: str, *, to: int) -> None:
    """Let a sequence stand elsewhere. Whether it has given out that value stays as it was. No transaction takes this back."""
    place = sql.Identifier(schema, name)
    with translated(f"sequence {schema}.{name}"):
        connection.execute(
            sql.SQL("select pg_catalog.setval({}, %s, is_called) from {}").format(
                sql.Literal(place.as_string(connection)), place
            ),
            (to,),
        )


def count_signed_in(connection: Connection, places: Sequence[str]) -> dict[str, int]:
    """Count, by place, the rows of a table or the values of a column by which somebody is signed in. Changes nothing.

    Raises:
        DatabaseError: there is no such table or column.

    """
    counts = {}
    for place in places:
        table, column = _table_and_column(place)
        where = sql.SQL(" where {} is not null").format(column) if column else sql.SQL("")
        with translated(place):
            counts[place] = int(fetch_value(connection, sql.SQL("select count(*) from {}").format(table) + where))
    return counts


def sign_out(connection: Connection, places: Sequence[str]) -> None:
    """Delete every row of a table, and empty every value of a column; all of it or nothing.

    Raises:
        DatabaseError: one of them cannot be taken away: rows refer to it, or the column may not be empty.

    """
    with connection.transaction():
        for place in places:
            table, column = _table_and_column(place)
            with translated(place, quotes_rows=True):
                if column is None:
                    connection.execute(sql.SQL("delete from {}").format(table))
                else:
                    connection.execute(sql.SQL("update {} set {} = null where {} is not null").format(table, column, column))


def _table_and_column(place: str) -> tuple[sql.Identifier, sql.Identifier | None]:
    schema, table, *column = place.split(".")
    return sql.Identifier(schema, table), sql.Identifier(column[0]) if column else None
