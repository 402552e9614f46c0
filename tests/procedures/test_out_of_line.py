"""A backup whose point is out of line with those before it says so, and is stored all the same."""

from datetime import UTC, datetime, timedelta

import psycopg

from continuity.procedures.backup import take_backup
from continuity.steps.operation import perform_plainly


def test_a_table_that_collapses_is_said_at_the_end_of_the_backup(protect):
    protected = protect("guestbook")
    with psycopg.connect(protected.dsn) as connection:
        connection.execute("create table visits as select n from generate_series(1, 5000) n")
    now = datetime.now(UTC)

    def back_up(day):
        return take_backup(
            protected.application, protected.environment, created=now + timedelta(days=day - 9), perform=perform_plainly
        )

    usual = [back_up(day) for day in range(5)]
    with psycopg.connect(protected.dsn) as connection:
        connection.execute("delete from visits where n > 7")
    collapsed = back_up(5)

    assert [report.out_of_line for report in usual] == [()] * 5
    assert any(said.startswith("rows of public.visits: 7 rows, far below the usual 5,000") for said in collapsed.out_of_line)
    assert protected.points.find_manifest(collapsed.manifest.id)


def test_a_damaged_document_of_an_earlier_point_fails_no_backup(protect):
    protected = protect("guestbook")
    manifest = protected.back_up()
    (protected.vault_folder / f"guestbook/points/{manifest.id}/manifest.json").write_bytes(b"{}")

    assert protected.back_up()
