"""An emergency rollback as a person does it: a plan, its approval by hash, the run; and what is refused."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from continuity.adapters.approvals import find_plan, store_plan
from continuity.adapters.records import Records
from continuity.steps.places import journals_of
from tests.fixtures.terminal import COMMAND

MANY = 50


def value(dsn: str, query: str):
    with psycopg.connect(dsn) as session:
        return session.execute(query).fetchone()[0]


def change(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def damaged(at_terminal):
    """Prove a point of the guestbook, and then damage the live database."""
    seat = at_terminal("guestbook")
    seat.json("backup", "guestbook")
    seat.rows = value(seat.protected.dsn, "select count(*) from entries")
    change(seat.protected.dsn, "update entries set words = 'spoilt'")
    return seat


def test_a_rollback_goes_back_to_the_proven_point_and_keeps_the_replaced_database(damaged):
    planned = damaged.json("rollback", "guestbook")["plan"]
    assert planned["discards"]["rows"] >= damaged.rows
    assert value(damaged.protected.dsn, "select count(*) from entries where words = 'spoilt'") == damaged.rows

    said = damaged.json("rollback", "guestbook", "--approve", planned["hash"])

    assert said["outcome"] == "done"
    assert said["verdict"] == "sound"
    assert said["downtime_seconds"] < 1
    assert value(damaged.protected.dsn, "select count(*) from entries where words = 'spoilt'") == 0
    assert value(damaged.protected.dsn, "select count(*) from entries") == damaged.rows
    assert damaged.json("verify-journal", said["run"])["sound"] is True
    assert (
        value(damaged.protected.dsn, "select count(*) from pg_database where datname like '%replaced%' and not datallowconn") == 1
    )
    now = datetime.now(UTC)
    name, kept = damaged.protected.application.name, Records(journals_of(damaged.protected.environment))
    recorded = kept.history(name, since=now - timedelta(hours=1), until=now + timedelta(seconds=5))
    assert [(each.run, each.verb, each.succeeded) for each in recorded.runs] == [(said["run"], "rollback", True)]
    assert recorded.runs[0].rows_discarded == planned["discards"]["rows"]
    assert recorded.drills[-1].proven


def test_undo_swaps_back_as_a_run_of_its_own_and_says_what_that_loses(damaged):
    dsn = damaged.protected.dsn
    planned = damaged.json("rollback", "guestbook")["plan"]
    run = damaged.json("rollback", "guestbook", "--approve", planned["hash"])["run"]
    change(dsn, "update entries set words = 'written since the swap' where page = 1")
    written = value(dsn, "select count(*) from entries where words = 'written since the swap'")

    plan = damaged.json("undo", run)["plan"]
    assert plan["discards"]["tables"] == {"public.entries": written}
    assert value(dsn, "select count(*) from entries where words = 'spoilt'") == 0

    assert damaged.json("undo", run, "--approve", plan["hash"])["outcome"] == "done"
    assert value(dsn, "select count(*) from entries where words = 'spoilt'") == damaged.rows


def test_the_plan_alone_changes_nothing(damaged):
    before = value(damaged.protected.dsn, "select string_agg(datname || oid, ' ' order by oid) from pg_database")

    done = damaged.run("rollback", "guestbook")

    assert done.returncode == 0
    assert "Nothing was changed. To carry it out:" in done.stdout
    assert "continuity rollback guestbook --approve" in done.stdout
    assert value(damaged.protected.dsn, "select string_agg(datname || oid, ' ' order by oid) from pg_database") == before


def test_a_plan_is_refused_when_the_world_has_changed_since(damaged):
    dsn = damaged.protected.dsn
    planned = damaged.json("rollback", "guestbook")["plan"]
    first = damaged.json("rollback", "guestbook", "--approve", planned["hash"])

    refused = damaged.json("rollback", "guestbook", "--approve", planned["hash"], code=3)

    assert "the world has changed" in refused["error"]
    assert "database: was" in refused["detail"]
    assert value(dsn, "select count(*) from entries where words = 'spoilt'") == 0
    assert damaged.json("resume", first["run"])["outcome"] == "done"


def test_a_point_that_is_not_proven_or_distrusted_is_refused_and_the_next_good_one_offered(at_terminal):
    seat = at_terminal("guestbook")
    good = seat.json("backup", "guestbook")["recovery_point"]
    undrilled = seat.json("backup", "guestbook", "--no-drill")["recovery_point"]

    assert seat.json("rollback", "guestbook")["plan"]["recovery_point"] == good
    refused = seat.json("rollback", "guestbook", "--point", undrilled, code=3)
    assert "not proven" in refused["error"]
    assert good in refused["hint"]

    seat.json("distrust", good, "--because", "made after the bad import")
    assert "no proven point" in seat.json("rollback", "guestbook", code=3)["error"]
    assert "distrusted" in seat.json("rollback", "guestbook", "--point", good, code=3)["error"]


def test_before_chooses_the_latest_proven_point_of_that_time_and_shows_local_and_utc(at_terminal):
    seat = at_terminal("guestbook")
    first = seat.json("backup", "guestbook")
    between = datetime.now(UTC)
    second = seat.json("backup", "guestbook")

    assert seat.json("rollback", "guestbook")["plan"]["recovery_point"] == second["recovery_point"]
    earlier = seat.json("rollback", "guestbook", "--before", f"{between.isoformat()}")
    assert earlier["plan"]["recovery_point"] == first["recovery_point"]
    done = seat.run("rollback", "guestbook", "--before", "2001-01-01T00:00:00")
    assert done.returncode == 3
    assert "no proven point before 2001-01-01" in done.stderr


def test_an_approval_expires_and_an_unknown_hash_is_refused(damaged):
    planned = damaged.json("rollback", "guestbook")["plan"]
    assert "no plan" in damaged.json("rollback", "guestbook", "--approve", "0" * 16, code=2)["error"]
    journals = damaged.protected.environment
    waiting = find_plan(journals_of(journals), "guestbook", planned["hash"])
    long_ago = replace(waiting.plan, created=waiting.plan.created + timedelta(days=-1))
    [stored] = (damaged.protected.vault_folder / "guestbook/plans" / planned["hash"]).iterdir()
    stored.unlink()
    store_plan(journals_of(journals), replace(waiting, plan=long_ago))

    assert "could be approved for 60 min" in damaged.json("rollback", "guestbook", "--approve", planned["hash"], code=3)["error"]


def test_two_people_must_sign_where_the_environment_asks_for_it(damaged, tmp_path):
    for name in ("ada", "grace"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    keys = {name: (tmp_path / f"{name}.pub").read_text().strip() for name in ("ada", "grace")}
    lines = "\n".join(f'{name} = "{key}"' for name, key in keys.items())
    text = damaged.environment.read_text()
    damaged.environment.write_text(f"{text}\n[rollback]\napprovals = 2\n[rollback.approvers]\n{lines}\n")
    planned = damaged.json("rollback", "guestbook")["plan"]

    assert "needs 2 people" in damaged.json("rollback", "guestbook", "--approve", planned["hash"], code=3)["error"]
    assert (
        "may not approve" in damaged.json("approve", planned["hash"], "--as", "eve", "--key", tmp_path / "ada", code=3)["error"]
    )
    wrong = damaged.json("approve", planned["hash"], "--as", "grace", "--key", tmp_path / "ada", code=3)
    assert "not signed with that person's key" in wrong["error"]

    damaged.json("approve", planned["hash"], "--as", "grace", "--key", tmp_path / "grace")

    assert damaged.json("rollback", "guestbook", "--approve", planned["hash"])["outcome"] == "done"


def test_of_fifty_that_start_the_same_rollback_one_runs_and_the_others_leave_with_75_and_name_it(damaged):
    planned = damaged.json("rollback", "guestbook")["plan"]
    argv = [COMMAND, "rollback", "guestbook", "--approve", planned["hash"], "--environment", damaged.environment, "--json"]
    started = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(MANY)]
    said = [(process.communicate(timeout=300)[0], process.returncode) for process in started]

    ran = [json.loads(out) for out, code in said if code == 0]
    left = [json.loads(out)["error"] for out, code in said if code == 75]
    late = [out for out, code in said if code == 3]
    assert len(ran) == 1
    assert len(left) + len(late) == MANY - 1, said
    assert all("guestbook-rollback-" in error for error in left)
    assert value(damaged.protected.dsn, "select count(*) from entries where words = 'spoilt'") == 0
    assert value(damaged.protected.dsn, "select count(*) from pg_database where datname like '%guestbook%replaced%'") == 1
