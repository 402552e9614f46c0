"""A backup killed with a real signal shows no half-written point, and the next one goes through."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from continuity.domain.verdict import Judgement
from continuity.steps.attempts import tidy_vault

COMMAND = Path(sys.executable).with_name("continuity")
PAUSES = (0.3, 0.6, 0.9)


@pytest.mark.parametrize("seconds", PAUSES)
def test_a_killed_backup_leaves_no_point_and_the_next_one_is_proven(protect, tmp_path, seconds):
    protected = protect("guestbook")
    environment = protected.write_files(tmp_path)
    # A lock holds pg_dump in the middle of the backup, with its snapshot open and its upload begun.
    with psycopg.connect(protected.dsn) as blocker:
        table = blocker.execute("select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'")
        blocker.execute(f"lock table {table.fetchone()[0]} in access exclusive mode")
        process = subprocess.Popen(
            [COMMAND, "backup", "guestbook", "--environment", environment], start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    assert protected.points.listing().points == ()
    protected.back_up()
    assert protected.drill().verdict.judgement is Judgement.SOUND


def test_what_killed_backups_left_is_removed_once_it_is_older_than_any_backup_may_run(protect):
    protected = protect("guestbook")
    manifest = protected.back_up()
    left = protected.vault_folder / "guestbook/points/guestbook-20200101T000000Z/abcd1234/database.dump.zst"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    now = datetime.now(UTC)

    assert tidy_vault(protected.application, protected.environment, now) == 0
    assert left.exists()
    assert tidy_vault(protected.application, protected.environment, now + timedelta(days=1)) == 1
    assert not left.exists()
    assert (protected.vault_folder / manifest.dump.key).exists()
