"""A media rollback as a run: planned, approved, killed at every point, finished, undone; and what a person is told."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pydantic import SecretStr

from continuity.domain.media_plan import DEFAULT, MediaWish
from continuity.domain.media_rollback import Change
from continuity.domain.run import Outcome
from continuity.journal import list_runs, read_history
from continuity.procedures.media import make_media_plan
from continuity.procedures.rollback import KEEP_PLAN
from continuity.procedures.runs import open_run
from continuity.procedures.telling import report_markdown
from continuity.procedures.undoing import make_undo_plan
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from tests.fixtures.killing import KillEverywhere, carry_out_here, load, resume_run, start_run, undo_run
from tests.fixtures.media import NOON, bucket_on
from tests.fixtures.terminal import Seat

DELETED, OVERWRITTEN, ADDED = ([f"{what}/{number}" for number in range(4)] for what in ("deleted", "overwritten", "added"))


@pytest.fixture
def bucket(moto_endpoint):
    """Files that a bad release has deleted, overwritten and added since noon."""
    made = bucket_on(moto_endpoint)
    for key in DELETED + OVERWRITTEN:
        made.put(key, "good", -1)
    for key in DELETED:
        made.delete(key, 1)
    for key in OVERWRITTEN + ADDED:
        made.put(key, "bad", 1)
    return made


@pytest.fixture
def seat(at_terminal, bucket, tmp_path, monkeypatch) -> Seat:
    """Sit down where a guestbook has pictures, one for each of the deleted and overwritten files."""
    seat = at_terminal("guestbook")
    described = tmp_path / "applications/guestbook/application.toml"
    media = f'[media]\nbucket = "{bucket.name}"\n[[media.reference]]\ncolumn = "public.guests.town"\n'
    described.write_text(described.read_text() + media)
    seat.environment.write_text(seat.environment.read_text() + f'[media]\nendpoint_url = "{bucket.endpoint}"\n')
    with psycopg.connect(seat.protected.dsn, autocommit=True) as session:
        session.execute("update guests set town = null")
        for number, key in enumerate(DELETED):
            session.execute("update guests set town = %s where number = (select min(number) + %s from guests)", (key, number))
    monkeypatch.setattr("continuity.domain.media_plan.PART_ACTIONS", 3)
    return seat


def _plan(seat, changes=DEFAULT):
    application, environment = load(seat.environment, "guestbook")
    wish = MediaWish(to=NOON, changes=tuple(changes))
    now = datetime.now(UTC) + timedelta(days=3650)
    waiting = make_media_plan(application, environment, wish, perform=perform_plainly, now=now)
    perform_plainly(KEEP_PLAN, environment, waiting)
    return waiting


def _last_run(seat):
    _, environment = load(seat.environment, "guestbook")
    return list_runs(journals_of(environment), "guestbook")[0]


def _outcome(seat):
    _, environment = load(seat.environment, "guestbook")
    return read_history(journals_of(environment), _last_run(seat)).outcome


def _carry_through(seat, plan_hash, killer) -> int:
    """Start a run and resume it until nobody kills it any more; return how often it was killed."""
    code, kills = start_run(seat.environment, "guestbook", plan_hash, killer), 0
    journals = journals_of(load(seat.environment, "guestbook")[1])
    while code == -9 and kills < 60:
        kills += 1
        again = open_run(journals, "guestbook")
        code = (
            resume_run(seat.environment, "guestbook", again, killer)
            if again
            else start_run(seat.environment, "guestbook", plan_hash, killer)
        )
    assert code == 0
    return kills


def test_killed_at_every_point_it_comes_to_its_end_and_so_does_its_undo(seat, bucket, tmp_path):
    before, versions = bucket.contents(), bucket.versions()
    plan = _plan(seat, Change).plan

    kills = _carry_through(seat, plan.hash, KillEverywhere(fired=tmp_path / "there"))

    assert kills >= 8
    assert bucket.contents() == dict.fromkeys(DELETED + OVERWRITTEN, b"good")
    assert _outcome(seat) is Outcome.DONE
    application, environment = load(seat.environment, "guestbook")
    undo = make_undo_plan(application, environment, _last_run(seat), perform=perform_plainly, now=datetime.now(UTC))
    perform_plainly(KEEP_PLAN, environment, undo)

    assert _carry_through(seat, undo.plan.hash, KillEverywhere(fired=tmp_path / "back")) >= 8

    assert bucket.contents() == before
    assert versions <= bucket.versions()


def test_killed_half_way_it_is_taken_back_at_once(seat, bucket, tmp_path):
    before = bucket.contents()
    plan = _plan(seat).plan
    killer = KillEverywhere(fired=tmp_path / "fired")
    while not any("in the effect" in point for point in killer.points()):
        assert start_run(seat.environment, "guestbook", plan.hash, killer) == -9

    assert undo_run(seat.environment, "guestbook", _last_run(seat), None) == 0

    assert _outcome(seat) is Outcome.UNDONE
    assert bucket.contents() == before


def test_conflicts_and_missing_files_are_told_in_the_report(seat, bucket):
    waiting = _plan(seat)
    bucket.put(DELETED[0], "by a customer")
    bucket.delete(DELETED[0])
    application, environment = load(seat.environment, "guestbook")

    report = carry_out_here(application, environment, waiting)

    assert report.ended.outcome is Outcome.DONE
    text = report_markdown(report)
    assert "1 keys were changed meanwhile, and were left" in text
    assert f"media that rows refer to: 1 of 4 keys are not in bucket {bucket.name}" in text
    assert f"{DELETED[0]} (public.guests.town)" in text


def test_without_its_database_files_go_back_and_the_comparison_is_made_up_for(seat, bucket):
    waiting = _plan(seat)
    application, environment = load(seat.environment, "guestbook")
    gone = environment.database.model_copy(update={"dsn": SecretStr("host=127.0.0.1 port=1 dbname=gone")})

    report = carry_out_here(application, environment.model_copy(update={"database": gone}), waiting)

    assert (report.ended.outcome, report.ended.failed) == (Outcome.INCOMPLETE, "compare database and media")
    assert bucket.contents() == dict.fromkeys(DELETED + OVERWRITTEN, b"good") | dict.fromkeys(ADDED, b"bad")
    assert resume_run(seat.environment, "guestbook", report.run, None) == 0
    assert _outcome(seat) is Outcome.DONE


def test_a_person_plans_carries_out_and_undoes_from_the_terminal(seat, bucket):
    before = bucket.contents()
    options = ["media", "guestbook", "--to", "2026-11-24T12:00:00+00:00"]
    assert seat.json("media", "guestbook", code=2)["error"] == "no moment is given"
    assert seat.json(*options, "--prefix", "nothing/", code=3)["error"].startswith("nothing to roll back")

    plan = seat.json(*options)["plan"]

    assert bucket.contents() == before
    assert plan["targets"]["deletes"].startswith("4 keys, 16 B: deleted/0, ")
    assert any(note.startswith("additions since that stay") for note in plan["notes"])
    assert [step["name"] for step in plan["steps"]] == [
        "roll back media",
        "account for: roll back media",
        "compare database and media",
    ]
    done = seat.json("media", "guestbook", "--approve", plan["hash"])
    assert done["outcome"] == "done"
    assert bucket.contents() == dict.fromkeys(DELETED + OVERWRITTEN, b"good") | dict.fromkeys(ADDED, b"bad")
    undo = seat.json("undo", done["run"])["plan"]
    assert "server" not in undo["targets"]  # the database need not answer
    bucket.put(OVERWRITTEN[0], "by a customer")

    # The files of which rows tell are gone again, and one has changed since: both are to be looked at.
    taken_back = seat.json("undo", done["run"], "--approve", undo["hash"], code=4)

    assert taken_back["outcome"] == "done"
    assert any("1 keys were changed meanwhile" in note for note in taken_back["noted"])
    assert bucket.contents() == before | {OVERWRITTEN[0]: b"by a customer"}
