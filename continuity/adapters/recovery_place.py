"""What a database holds that a recovery would find in its way."""

from continuity.adapters.catalog_terms import USER_SCHEMA
from continuity.adapters.postgres import connect, fetch_value, translated


def count_objects(dsn: str, database: str) -> int:
    """Count the relations and functions of a database, the system's apart. Changes nothing.

    Raises:
        DatabaseError: it cannot be entered; what cannot be looked into is not empty.

    """
    with connect(dsn, database) as connection, translated(f"database {database}"):
        return int(
            fetch_value(
                connection,
                "select (select count(*) from pg_catalog.pg_class c"
                " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where "
                + USER_SCHEMA
                + ") + (select count(*) from pg_catalog.pg_proc p"
                " join pg_catalog.pg_namespace n on n.oid = p.pronamespace where " + USER_SCHEMA + ")",
            )
        )
