"""What a run and a drill leave behind, whoever is killed; and that nothing of it holds a run up for more than two seconds."""

import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from continuity.adapters.leases import holding
from continuity.adapters.points import PointStore
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Origin
from continuity.domain.lease import Purpose
from continuity.domain.plan import Verb
from continuity.domain.run import EntryKind
from continuity.domain.stages import Stage
from continuity.journal import plan_of
from continuity.journal import read_history as read_journal
from continuity.procedures.abandoned import RunWatch
from continuity.procedures.aftermath import alarming, settle
from continuity.procedures.records import keep_drill, read_history
from continuity.settings import VaultSection
from tests.fixtures.incidents import make_run, watched
from tests.fixtures.point_builders import make_drill, make_manifest

SHOP = ApplicationName("shop")
DONE = (EntryKind.END, "", {"outcome": "done", "because": ""})
PUT_BACK = (
    (EntryKind.INTENT, "one", {}),
    (EntryKind.FAILED, "one", {"because": "no room", "turned back": True}),
    (EntryKind.UNDONE, "one", {}),
    (EntryKind.END, "", {"outcome": "undone", "because": "no room"}),
)
STOPPED = ((EntryKind.INTENT, "one", {}), (EntryKind.FAILED, "one", {"because": "no answer"}))


@pytest.fixture
def silent():
    """Listen on a port, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def history_of(place):
    now = datetime.now(UTC)
    return read_history(place.environment, SHOP, since=now - timedelta(hours=1), until=now + timedelta(seconds=5))


def test_each_run_is_told_once_by_its_record_or_else_by_its_journal(tmp_path):
    place = watched(tmp_path)
    recorded = make_run(place.vault, Verb.ROLLBACK, DONE, nonce="0001")
    killed = make_run(place.vault, Verb.ROLLBACK, *PUT_BACK, nonce="0002")
    make_run(place.vault, Verb.PHASE, STOPPED[0], nonce="0003")  # under way
    assert settle(place.environment, recorded, read_journal(place.vault, recorded)).incident is None
    manifest = make_manifest(created=datetime.now(UTC))
    drill = replace(make_drill(manifest), finished=datetime.now(UTC))
    PointStore(place.vault, SHOP).write_manifest(manifest)
    PointStore(place.vault, SHOP).record_drill(drill, (), "")

    history = history_of(place)
    assert keep_drill(place.environment, manifest, drill) == ""
    again = history_of(place)

    assert {each.run: (each.succeeded, each.rows_discarded) for each in history.runs} == {recorded: (True, 7), killed: (False, 0)}
    assert [each.point for each in history.drills] == [manifest.id]
    assert (again.drills, again.runs) == (history.drills, history.runs)


def test_a_run_that_is_gone_on_with_counts_as_it_came_out_in_the_end(tmp_path):
    place = watched(tmp_path)
    run = make_run(place.vault, Verb.ROLLBACK, *STOPPED)
    stopped = settle(place.environment, run, read_journal(place.vault, run))
    before = history_of(place).runs
    after_it = make_run(place.vault, Verb.HOLD, DONE, nonce="4567")
    held = settle(place.environment, after_it, read_journal(place.vault, after_it))

    assert [(each.outcome, each.succeeded, each.incident) for each in before] == [("incomplete", False, stopped.incident)]
    incident = place.incident(stopped.incident)
    assert (incident.level, incident.opened.origin, incident.opened.summary) == ("critical", Origin.RUN, "no answer")
    assert held.incident == stopped.incident
    assert after_it in place.incident(stopped.incident).refers


def test_a_late_stage_and_a_run_that_nobody_goes_on_with_open_one_incident_which_becomes_worse(tmp_path):
    place, told = watched(tmp_path), []
    run = make_run(place.vault, Verb.ROLLBACK, STOPPED[0])
    plan, began = plan_of(read_journal(place.vault, run)), read_journal(place.vault, run).started
    over = alarming(place.environment, run, plan, began, lambda stage, _budget: told.append(stage))

    over(Stage.IMMEDIATE, timedelta(minutes=15))
    deadline = time.monotonic() + 20
    while not (opened := list(place.records.incidents(SHOP))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    incident = place.incident(opened[0][0])
    watch = RunWatch(place.environment, still_seconds=0.2)
    with holding(place.vault, SHOP, Purpose.CHANGE, run=run) as lease:
        lease.announce(journal=run, hold="")
        assert watch.look(SHOP) is None
        time.sleep(0.3)
        assert watch.look(SHOP) == incident.id
        assert watch.look(SHOP) is None

    assert told == [Stage.IMMEDIATE]
    assert (incident.level, incident.refers) == ("high", {run})
    now = place.incident(incident.id)
    assert (now.level, len(list(place.records.incidents(SHOP)))) == ("critical", 1)
    assert any(f"`continuity resume {run}` goes on with it" in line.text for line in now.timeline)


def test_what_a_killed_process_did_not_record_is_recorded_by_who_looks(tmp_path):
    place = watched(tmp_path)
    run = make_run(place.vault, Verb.ROLLBACK, *PUT_BACK)
    watch = RunWatch(place.environment, still_seconds=0)
    with holding(place.vault, SHOP, Purpose.CHANGE, run=run) as lease:
        lease.announce(journal=run, hold="")

    incident = watch.look(SHOP)

    assert place.incident(incident).opened.refers == run
    assert [each.incident for each in history_of(place).runs] == [incident]
    later = RunWatch(place.environment, still_seconds=0, now=lambda: datetime.now(UTC) + timedelta(days=2))
    assert later.look(SHOP) is None


def test_people_who_cannot_be_told_and_a_vault_that_hangs_hold_a_run_up_for_two_seconds_at_most(tmp_path, silent, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    address = tmp_path / "address"
    address.write_text(f"json://127.0.0.1:{silent}/")
    (tmp_path / "place").mkdir()
    channels = "".join(f'{name} = "file:{address}"\n' for name in ("phone", "lead", "mail"))
    place = watched(tmp_path / "place", notices=["attempt_seconds = 2", "attempts = 1", f"[notices.channels]\n{channels}"])
    run = make_run(place.vault, Verb.ROLLBACK, *PUT_BACK)
    history = read_journal(place.vault, run)

    began = time.monotonic()
    told = settle(place.environment, run, history)
    seconds = time.monotonic() - began
    hanging = place.environment.model_copy(
        update={"vault": VaultSection(url="s3://bucket/prefix", endpoint_url=f"http://127.0.0.1:{silent}", region="eu-west-3")}
    )
    began = time.monotonic()
    gone = settle(hanging, run, history)

    assert seconds < 2.5
    assert told.incident
    assert time.monotonic() - began < 2.5
    assert gone.incident is None
    assert "is not recorded beside its journal" in gone.remarks[0]
    deadline = time.monotonic() + 30
    while not place.incident(told.incident).told:
        assert time.monotonic() < deadline, "the process beside the run tells people"
        time.sleep(0.1)
    assert not any(each.delivered for each in place.incident(told.incident).told)
