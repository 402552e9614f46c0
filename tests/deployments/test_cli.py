"""The command line as a person uses it: a process, its exit code, and what it prints."""

import subprocess
import sys

import psycopg
import pytest


@pytest.mark.parametrize("kind", ["blottr", "guestbook"])
def test_backup_makes_a_point_and_proves_it(at_terminal, kind):
    seat = at_terminal(kind)

    said = seat.json("backup", kind)

    assert said["verdict"] == "sound"
    assert {"recovery_point", "bytes", "seconds", "tables"} <= said.keys()
    assert {"name", "rows", "digest"} == said["tables"][0].keys()
    [point] = seat.json("points", kind)["points"]
    assert (point["id"], point["verdict"]) == (said["recovery_point"], "sound")


def test_drill_shows_what_failed_first_and_leaves_with_one(at_terminal):
    seat = at_terminal("guestbook")
    manifest = seat.protected.back_up()
    stored = seat.protected.vault_folder / manifest.dump.key
    stored.write_bytes(stored.read_bytes()[:-1])

    done = seat.run("drill", "guestbook")

    assert done.returncode == 1
    assert done.stdout.startswith("the stored bytes are bad: ")
    assert "next: Do not rely on this point" in done.stdout
    assert "\x1b[" not in done.stdout


def test_drill_of_a_chosen_point_tells_its_findings(at_terminal):
    seat = at_terminal("guestbook")
    first = seat.protected.back_up()
    seat.protected.back_up()

    said = seat.json("drill", "guestbook", "--point", first.id)

    assert said["recovery_point"] == first.id
    assert {"name", "severity", "passed", "detail"} <= said["findings"][0].keys()
    assert seat.json("drill", "guestbook", "--point", "oldest")["recovery_point"] == first.id


def test_the_schedule_owes_a_drill_to_the_oldest_undrilled_point_first(at_terminal):
    seat = at_terminal("guestbook")
    first, second = seat.protected.back_up(), seat.protected.back_up()
    assert seat.json("status", "guestbook", code=4)["next_drill"]["id"] == first.id

    assert seat.json("drill", "guestbook", "--point", "due")["recovery_point"] == first.id

    assert seat.json("status", "guestbook", code=4)["next_drill"]["id"] == second.id
    done = seat.run("drill", "guestbook", "--point", "due")
    assert f"sound: {second.id}" in done.stdout
    assert "the oldest of 1 points that no drill has decided" in done.stdout


def test_validate_leaves_with_four_when_there_is_something_to_look_at(at_terminal):
    seat = at_terminal("guestbook")
    table = seat.protected.back_up().tables[0].table
    with psycopg.connect(seat.protected.dsn) as connection:
        connection.execute(f"truncate {table} cascade")

    said = seat.json("validate", "guestbook", code=4)

    assert said["verdict"] == "unhealthy"
    assert [each["name"] for each in said["findings"] if not each["passed"]] == ["no table emptied"]


def test_an_accepted_finding_no_longer_counts_until_its_date_or_until_its_acceptance_is_damaged(at_terminal):
    seat = at_terminal("guestbook")
    orphan = "no orphans behind unchecked keys"
    with psycopg.connect(seat.protected.dsn) as connection:
        connection.execute("create table notes (id int primary key, other int)")
        connection.execute("insert into notes values (1, 7)")
        connection.execute("alter table notes add foreign key (other) references notes (id) not valid")
    seat.protected.back_up()
    seat.protected.drill()
    assert seat.json("validate", "guestbook", code=4)["verdict"] == "unhealthy"

    seat.json("accept", "guestbook", orphan, "--until", "2999-01-01", "--because", "known since the import")

    said = seat.json("validate", "guestbook")
    assert said["verdict"] == "sound"
    assert [each["name"] for each in said["findings"] if each["accepted"]] == [orphan]

    [acceptance] = seat.protected.vault_folder.glob("guestbook/acceptances/*")
    acceptance.write_bytes(acceptance.read_bytes()[:-20])

    said = seat.json("drill", "guestbook", code=4)
    assert said["verdict"] == "unhealthy"
    assert any(acceptance.name in each for each in said["warnings"])
    assert len(seat.protected.points.listing().points[0].drills) == 2
    said = seat.json("status", "guestbook", code=4)
    assert acceptance.name in said["damaged"][0]["key"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("no table emptid", "--until", "2999-01-01", "--because", "x"), "did you mean"),
        (("grants", "--until", "2999-01-01", "--because", "x"), "cannot be accepted"),
        (("no orphans behind unchecked keys", "--until", "2001-01-01", "--because", "x"), "has passed"),
        (("no orphans behind unchecked keys", "--until", "2999-01-01", "--because", " "), "needs a reason"),
    ],
)
def test_an_acceptance_that_makes_no_sense_is_refused(at_terminal, words, why):
    seat = at_terminal("guestbook")
    seat.protected.back_up()
    seat.protected.drill()

    done = seat.run("accept", "guestbook", *words)

    assert done.returncode == 2
    assert why in done.stderr or "no finding" in done.stderr


def test_a_distrusted_point_is_never_chosen_by_rule(at_terminal):
    seat = at_terminal("guestbook")
    older, newer = seat.protected.back_up(), seat.protected.back_up()

    seat.json("distrust", newer.id, "--because", "made after the bad import")

    assert seat.json("drill", "guestbook")["recovery_point"] == older.id
    assert seat.json("points", "guestbook")["points"][0]["verdict"] == "distrusted"


def test_errors_say_what_happened_what_was_changed_and_what_to_do(at_terminal):
    seat = at_terminal("guestbook")
    text = seat.environment.read_text()

    seat.environment.write_text(text.replace("dsn", "dns", 1))
    unknown = seat.run("points", "guestbook")
    assert unknown.returncode == 2
    assert "database.dns is not known, did you mean 'dsn'?" in unknown.stderr

    seat.environment.write_text(text.replace("[database]\n", "[database]\nlock_wait_seconds = -1\n"))
    assert "database.lock_wait_seconds" in seat.run("points", "guestbook").stderr

    seat.environment.write_text(text)
    misspelt = seat.run("points", "guestbok")
    assert misspelt.returncode == 2
    assert "did you mean 'guestbook'?" in misspelt.stderr

    assert seat.run("backup").returncode == 2
    assert seat.run("nonsense").returncode == 2


def test_a_wrong_password_is_refused_for_safety_and_never_shown(at_terminal):
    seat = at_terminal("guestbook")
    wrong = psycopg.conninfo.make_conninfo(seat.protected.dsn, password="s3cret-canary")
    seat.environment.write_text(seat.environment.read_text().replace(seat.protected.dsn, wrong))

    done = seat.run("backup", "guestbook")

    assert done.returncode == 3
    assert "password authentication failed" in done.stderr
    assert "s3cret-canary" not in done.stdout + done.stderr


def test_help_loads_neither_prefect_nor_great_expectations_nor_boto3():
    code = "import sys, deployments.cli as c; print([m for m in ('prefect','great_expectations','boto3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_database_that_does_not_answer_is_an_error_and_no_finding_about_its_data(at_terminal):
    seat = at_terminal("guestbook")

    done = seat.run("validate", "guestbook", "--database", "no_such_database")

    assert done.returncode == 1
    assert done.stdout == ""
    assert 'database "no_such_database" does not exist' in done.stderr
    assert "Next: " in done.stderr
