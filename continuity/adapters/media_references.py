"""The media keys that rows refer to, as one sorted stream from a server-side cursor."""

from collections.abc import Iterator, Sequence

from psycopg import sql

from continuity.adapters.postgres import Connection, translated
from continuity.domain.agreement import Referenced
from continuity.domain.application import MediaReference

ROWS_AT_ONCE = 5_000


def read_references(connection: Connection, references: Sequence[MediaReference]) -> Iterator[Referenced]:
    """Stream each key once, in the order of its bytes. Memory stays flat; the server sorts on its disk.

    Rows that a policy hides would be missing in silence: `row_security = off` makes that an error.

    Raises:
        DatabaseError: a column is not there, or may not be read.

    """
    each = sql.SQL(" union all ").join(map(_keys, references))
    query = sql.SQL("select key, string_agg(distinct source, ', ') as columns from ({}) found group by key order by key").format(
        each
    )
    with translated("`[[media.reference]]`", quotes_rows=True), connection.transaction():
        connection.execute("set transaction read only")
        connection.execute("set local row_security = off")
        with connection.cursor(name="media_references") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(query)
            for row in cursor:
                yield Referenced(key=row["key"], columns=row["columns"])


def _keys(reference: MediaReference) -> sql.Composed:
    schema, table, column = reference.parts
    value = sql.Identifier(column)
    return sql.SQL(
        'select ({prefix} || {value}::text) collate "C" as key, {source}::text as source from {table}'
        " where {value} is not null and {value}::text <> ''"
    ).format(
        prefix=sql.Literal(reference.prefix),
        value=value,
        source=sql.Literal(reference.column),
        table=sql.Identifier(schema, table),
    )
