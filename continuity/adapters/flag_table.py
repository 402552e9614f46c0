"""Feature flags in a table of the application's database: a row each, of which one is changed by compare-and-set."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from continuity.adapters.cluster_flags import changed_by_others
from continuity.adapters.postgres import Connection, connect, fetch_value, read_identity
from continuity.domain.application import FlagTable
from continuity.domain.recovery_point import DatabaseIdentity
from continuity.errors import ConfigurationRefused, DatabaseError, UnsafeOperation

SETTINGS = {"lock_timeout": "3s", "statement_timeout": "10s"}
"""A flag is looked at on every page: nobody may queue behind us."""


@dataclass(frozen=True, kw_only=True)
class OpenFlags:
    """An open session on the table of flags, with its identity: under the same name another table is not it."""

    connection: Connection
    source: FlagTable
    database: DatabaseIdentity
    oid: int
    table: sql.Identifier

    @property
    def name(self) -> str:
        """The table as SQL writes it."""
        return self.table.as_string(self.connection)

    @property
    def columns(self) -> tuple[sql.Identifier, sql.Identifier]:
        """Return the columns of names and of values."""
        return sql.Identifier(self.source.name_column), sql.Identifier(self.source.value_column)


@contextmanager
def open_flags(dsn: str, database: str, source: FlagTable) -> Iterator[OpenFlags]:
    """Open the table of flags.

    Raises:
        ConfigurationRefused: there is no such table, or it has not these columns, or the values are not boolean.
        DatabaseError: the database cannot be reached, or refuses.

    """
    with connect(dsn, database, settings=SETTINGS) as connection:
        row = connection.execute(
            "select c.oid::int8 as oid, n.nspname as schema, c.relname as name from pg_catalog.pg_class c"
            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = pg_catalog.to_regclass(%s)",
            (source.table,),
        ).fetchone()
        if row is None:
            raise ConfigurationRefused(
                f"database {database} has no table {source.table}", hint="Mend `[flags] table` in application.toml."
            )
        _check_columns(connection, source, row["oid"])
        yield OpenFlags(
            connection=connection,
            source=source,
            database=read_identity(connection),
            oid=row["oid"],
            table=sql.Identifier(row["schema"], row["name"]),
        )


def _check_columns(connection: Connection, source: FlagTable, oid: int) -> None:
    found = {
        each["attname"]: each["type"]
        for each in connection.execute(
            "select attname, pg_catalog.format_type(atttypid, atttypmod) as type from pg_catalog.pg_attribute"
            " where attrelid = %s::oid and attnum > 0 and not attisdropped order by attnum",
            (oid,),
        ).fetchall()
    }
    for setting, column in (("name_column", source.name_column), ("value_column", source.value_column)):
        if column not in found:
            raise ConfigurationRefused(
                f"table {source.table} has no column {column!r}",
                hint=f"It has {', '.join(found)}: mend `[flags] {setting}` in application.toml.",
            )
    if found[source.value_column] != "boolean":
        raise ConfigurationRefused(
            f"column {source.value_column!r} of {source.table} is {found[source.value_column]}, and a flag is a boolean",
            hint="Name a boolean column as `[flags] value_column`.",
        )


def read_rows(flags: OpenFlags) -> dict[str, str]:
    """Return what each flag says by its name: true, false or null.

    Raises:
        DatabaseError: the table cannot be read, or has two rows of one name.

    """
    name, value = flags.columns
    query = sql.SQL("select {}::text as flag, {} as value from {} where {} is not null order by 1")
    rows = flags.connection.execute(query.format(name, value, flags.table, name)).fetchall()
    names = [row["flag"] for row in rows]
    if twice := {each for each in names if names.count(each) > 1}:
        raise DatabaseError(
            f"{flags.name} has {names.count(min(twice))} rows of the flag {min(twice)!r}: which one counts is not known",
            hint="Remove all but one; a unique constraint keeps it so.",
        )
    return {row["flag"]: json.dumps(row["value"]) for row in rows}


def may_switch(flags: OpenFlags) -> bool:
    """Whether the session's role may change the values."""
    query = "select pg_catalog.has_column_privilege(%s::oid, %s, 'UPDATE')"
    return bool(fetch_value(flags.connection, query, flags.oid, flags.source.value_column))


def change_row(flags: OpenFlags, flag: str, *, expected: str, wanted: str) -> None:
    """Give one flag another value, if it still has the expected one. Run twice, it changes once.

    Raises:
        UnsafeOperation: the flag is gone, or has another value by now.
        DatabaseError: not done; transient where it may go through later.

    """
    name, value = flags.columns
    # Literals, since a placeholder's % may be part of a name; without placeholders none is looked for.
    query = sql.SQL("update {} set {} = {} where {}::text = {} and {} is not distinct from {}").format(
        flags.table, value, sql.Literal(json.loads(wanted)), name, sql.Literal(flag), value, sql.Literal(json.loads(expected))
    )
    with flags.connection.transaction():
        changed = flags.connection.execute(query).rowcount
        if changed > 1:
            raise UnsafeOperation(f"{flags.name} has {changed} rows of the flag {flag!r}", hint="Remove all but one.")
    if not changed:
        present = read_row(flags, flag)
        if present != wanted:
            raise changed_by_others(flags.name, flag, present)


def read_row(flags: OpenFlags, flag: str) -> str:
    """Return what a flag says that was there.

    Raises:
        UnsafeOperation: it is gone.

    """
    rows = read_rows(flags)
    if flag not in rows:
        raise UnsafeOperation(f"flag {flag!r} is gone", hint="Find out who has removed it; then make a new plan.")
    return rows[flag]
