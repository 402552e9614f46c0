"""How often a table is read: once to dump it, once to digest it, and once to validate a restore. Rules and the
queries that an application describes come on top.

Counted in rows that sequential scans have returned: parallel workers count a scan each, but each row only once.
"""

import time
from dataclasses import replace

import psycopg
import pytest

WAIT_SECONDS = 10


@pytest.mark.parametrize("kind", ["blottr", "guestbook"])
def test_a_backup_reads_each_table_twice_and_a_validation_once(protect, kind):
    protected = protect(kind)
    unruled = replace(protected, application=replace(protected.application, rules=(), queries=()))
    before = rows_read(protected.dsn)

    manifest = unruled.back_up()

    backup = scans(before, rows_read(protected.dsn), manifest)
    assert set(backup.values()) == {2.0}, backup

    restored = unruled.drill(keep=True).database
    dsn = psycopg.conninfo.make_conninfo(protected.dsn, dbname=restored)
    with psycopg.connect(protected.dsn, autocommit=True) as connection:
        # A proven restore that is kept is closed.
        connection.execute(f'alter database "{restored}" with allow_connections true')
    try:
        before = rows_read(dsn)
        assert unruled.compare(restored, manifest).proven
        validation = scans(before, rows_read(dsn), manifest)
    finally:
        with psycopg.connect(protected.dsn, autocommit=True) as connection:
            connection.execute(f'drop database "{restored}" with (force)')
    assert set(validation.values()) == {1.0}, validation


def scans(before, after, manifest):
    """Return how often each table with rows was read from end to end."""
    rows = {table.table: table.rows for table in manifest.tables if table.rows}
    return {table: round((after[table] - before[table]) / count, 1) for table, count in rows.items()}


def rows_read(dsn):
    """Return the rows that sequential scans of each table have returned, once everybody else has left and told."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        deadline = time.monotonic() + WAIT_SECONDS
        others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        while connection.execute(others).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.05)
        told = "select format('%I.%I', schemaname, relname), seq_tup_read from pg_stat_user_tables"
        return dict(connection.execute(told).fetchall())
