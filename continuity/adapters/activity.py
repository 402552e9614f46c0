"""Reads the counters of writes that PostgreSQL keeps of every table."""

from continuity.adapters.postgres import Connection
from continuity.domain.activity import TableActivity


def read_activity(connection: Connection) -> tuple[TableActivity, ...]:
    """Read how many rows were written to each user table since the statistics were begun. Costs one catalog query."""
    rows = connection.execute(
        "select quote_ident(schemaname) || '.' || quote_ident(relname) as table, n_tup_ins as inserted,"
        " n_tup_upd as updated, n_tup_del as deleted from pg_catalog.pg_stat_user_tables order by 1"
    ).fetchall()
    return tuple(TableActivity(**row) for row in rows)
