"""`continuity check`: everything that backup, drill, rollback and recovery need, with its remedy, and nothing is changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pyrage
import pytest

from continuity.adapters.swap_facts import Room, Sessions, SwapFacts, read_swap_facts
from continuity.steps.preconditions.rollback import judge_swap

COMMAND = Path(sys.executable).with_name("continuity")


@pytest.fixture
def check(protect, tmp_path):
    """Protect a database by files, and check it as a process; `dsn` and `toml` change the environment."""
    protected = protect("guestbook")
    environment = protected.write_files(tmp_path)

    def run(*words: str, code: int = 0, dsn: str = "", toml: str = ""):
        if toml:
            environment.write_text(environment.read_text() + toml)
        variables = {**os.environ, **({"CONTINUITY_DATABASE_DSN": dsn} if dsn else {})}
        argv = [COMMAND, "check", "guestbook", "--environment", environment, "--json", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=variables)
        assert done.returncode == code, done.stderr + done.stdout
        return {(each["purpose"], each["name"]): each for each in json.loads(done.stdout)["checks"]}

    run.protected = protected
    run.environment = environment
    return run


def contents(protected) -> list[tuple[str, bytes]]:
    return sorted((str(path), path.read_bytes()) for path in protected.vault_folder.rglob("*") if path.is_file())


def databases(protected) -> list[str]:
    with psycopg.connect(protected.dsn) as connection:
        return [name for (name,) in connection.execute("select datname from pg_database order by 1")]


def test_changes_nothing_in_the_vault_and_on_the_server(check):
    vault, server = contents(check.protected), databases(check.protected)

    checks = check()

    assert {purpose for purpose, _ in checks} == {"backup", "drill", "rollback", "recovery", "notices"}
    assert all(each["passed"] for each in checks.values())
    assert contents(check.protected) == vault == []
    assert databases(check.protected) == server
    assert "not tried yet" in checks["backup", "vault"]["detail"]


def test_a_point_is_opened_with_the_keys_at_hand(check):
    manifest = check.protected.back_up()
    vault = contents(check.protected)

    checks = check()

    assert manifest.id in checks["drill", "recovery point"]["detail"]
    assert "fetched, verified and opened" in checks["drill", "opened"]["detail"]
    assert contents(check.protected) == vault


def test_the_probe_writes_one_object_and_says_that_the_vault_is_honest(check):
    assert "refuses to write anything twice" in check("--probe")["backup", "vault"]["detail"]

    assert [Path(path).name for path, _ in contents(check.protected)] == ["create-once"]
    assert "a probe of its conditional writes is there" in check()["backup", "vault"]["detail"]


def test_what_a_recovery_lacks_is_a_warning_while_there_is_time_to_add_it(check):
    protected = check.protected
    assert protected.drill(protected.back_up().id).verdict.proven

    checks = check("--only", "recovery")

    assert all(each["passed"] for each in checks.values())
    # Other tests may have left roles on the server that act as the owner: they are named, or there are none.
    assert checks["recovery", "passwords of roles"]["detail"].startswith(("at hand for", "lacking for"))
    assert "[recovery] old_dsn" in checks["recovery", "old primary"]["hint"]
    assert "by hand" in checks["recovery", "infrastructure"]["detail"]


def test_only_what_was_asked_for_is_looked_at(check):
    assert {purpose for purpose, _ in check("--only", "drill")} == {"drill"}


def test_what_is_missing_is_named_with_its_remedy_for_each_purpose(check):
    with psycopg.connect(check.protected.dsn, autocommit=True) as connection:
        connection.execute("create role watcher login password 'watcher'")
        dsn = psycopg.conninfo.make_conninfo(check.protected.dsn, user="watcher", password="watcher")
        try:
            with psycopg.connect(check.protected.dsn, application_name="the web shop"):
                checks = check(dsn=dsn, code=3)
        finally:
            connection.execute("drop role watcher")

    missing = {key for key, each in checks.items() if not each["passed"]}
    assert missing == {
        ("backup", "privileges"),
        ("drill", "scratch database"),
        ("drill", "memberships"),
        ("rollback", "rename"),
        ("rollback", "second copy"),
        ("rollback", "end sessions"),
        ("rollback", "memberships"),
    }
    assert all(checks[key]["hint"] for key in missing)
    assert "superuser sessions there, which watcher may not end" in checks["rollback", "end sessions"]["detail"]
    assert "the web shop" in checks["rollback", "sessions now"]["detail"]


def test_a_key_that_opens_nothing_of_what_is_encrypted_here_is_missing(check, tmp_path):
    other, ours = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    (tmp_path / "age.key").write_text(f"{ours}\n")
    text = check.environment.read_text()
    keys = f'[vault]\nrecipients = ["{other.to_public()}"]\nidentity_file = "age.key"\n'
    check.environment.write_text(text.replace("[vault]\n", keys))

    checks = check("--only", "drill", code=3)

    assert checks["drill", "private key"]["detail"] == "the keys at hand belong to none of the recipients"


def test_each_place_that_does_not_answer_is_a_failed_check_and_the_others_are_looked_at(check):
    check.protected.vault_folder.rmdir()

    checks = check(code=3, dsn="postgresql://postgres@127.0.0.1:1/postgres")

    assert "is not there" in checks["backup", "vault"]["detail"]
    assert "refused" in checks["backup", "database"]["detail"]
    assert checks["rollback", "live server"]["hint"].startswith("Check host and port")


def test_words_for_a_person_have_marks_and_a_headline(check):
    done = subprocess.run(
        [COMMAND, "check", "guestbook", "--environment", check.environment], capture_output=True, text=True, check=False
    )

    assert done.stdout.startswith("guestbook is ready for backup, drill, rollback, recovery, notices")
    assert "✓ server version: PostgreSQL" in done.stdout
    assert "! encryption: dumps are stored unencrypted" in done.stdout


@pytest.fixture
def facts(make_database, postgres_server):
    """Read the facts of a database as a role, with something in the way."""
    dsn = make_database("guestbook")
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]

    def read() -> SwapFacts:
        from continuity.adapters.postgres import connect

        with connect(dsn, "postgres") as connection:
            return read_swap_facts(connection, name)

    read.dsn = dsn
    return read


def failed(facts: SwapFacts) -> dict[str, str]:
    return {check.name: check.detail for check in judge_swap(facts) if not check.passed}


def test_the_sessions_of_an_application_are_seen_with_their_role(facts):
    with psycopg.connect(facts.dsn, application_name="worker"), psycopg.connect(facts.dsn, application_name="worker"):
        assert facts().sessions == (Sessions(role="postgres", superuser=True, program="worker", count=2),)
        warned = {check.name for check in judge_swap(facts()) if check.hint}

    assert "application role" in warned
    assert facts().sessions == ()


def test_a_disabled_subscription_is_nothing_in_the_way_and_an_enabled_one_is(facts):
    with psycopg.connect(facts.dsn, autocommit=True) as connection:
        connection.execute("create subscription far connection 'host=127.0.0.1 port=1' publication p with (connect = false)")
        disabled = facts().subscriptions
        connection.execute("alter subscription far enable")
        enabled = facts().subscriptions
        connection.execute("alter subscription far disable")
        connection.execute("alter subscription far set (slot_name = none)")
        connection.execute("drop subscription far")

    assert (disabled, enabled) == ((), ("far",))


BASE = SwapFacts(
    database="shop", role="keeper", superuser=False, owner="shop", owns=True, sets_owner=True, creates_databases=True,
    signals_others=True, size_bytes=1000, room=Room(folder="/data", free_bytes=2000), prepared_transactions=(),
    logical_slots=(), subscriptions=(), sessions=(Sessions(role="shop", superuser=False, program="web", count=3),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"owns": False}, "rename"),
        ({"creates_databases": False}, "second copy"),
        ({"sets_owner": False}, "second copy"),
        ({"room": Room(folder="/data", free_bytes=900)}, "server room"),
        ({"prepared_transactions": ("tx",)}, "prepared transactions"),
        ({"logical_slots": ("cdc",)}, "logical slots"),
        ({"subscriptions": ("far",)}, "subscriptions"),
        ({"signals_others": False}, "end sessions"),
        ({"sessions": (Sessions(role="root", superuser=True, program="web", count=1),)}, "end sessions"),
    ],
)
def test_whatever_would_stop_a_swap_is_a_failed_check(changes, name):
    from dataclasses import replace

    assert failed(BASE) == {}
    assert set(failed(replace(BASE, **changes))) == {name}


def test_room_that_cannot_be_seen_from_here_is_a_warning_and_no_pass_in_silence():
    from dataclasses import replace

    [room] = [check for check in judge_swap(replace(BASE, room=None)) if check.name == "server room"]

    assert room.passed
    assert "not seen from here" in room.detail
    assert room.hint


def test_a_prepared_transaction_and_a_logical_slot_are_found_on_a_server():
    from continuity.adapters.postgres import connect
    from deployments.local.postgres import running_postgres

    with running_postgres(settings={"max_prepared_transactions": "2", "wal_level": "logical"}) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute("create database shop")
        with psycopg.connect(server.dsn("shop"), autocommit=True) as connection:
            connection.execute("select pg_create_logical_replication_slot('cdc', 'pgoutput')")
            connection.execute("begin")
            connection.execute("create table t ()")
            connection.execute("prepare transaction 'half'")

        with connect(server.dsn("postgres"), "postgres") as connection:
            facts = read_swap_facts(connection, "shop")

    assert set(failed(facts)) == {"prepared transactions", "logical slots"}
