"""Records are created once, read back in their order, and one that cannot be read is told and takes nothing else with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from continuity.adapters.directory_vault import DirectoryVault
from continuity.adapters.records import Records
from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Acknowledged, Chain, Opened, Origin, Resolved, incident_id
from continuity.domain.records import DrillDone

BLOTTR = ApplicationName("blottr")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def vault(tmp_path: Path) -> DirectoryVault:
    """Make an empty vault."""
    (tmp_path / "vault").mkdir()
    return DirectoryVault(tmp_path / "vault")


def opened(refers: str = "alert-1") -> Opened:
    """Build the first record of an incident that began at noon."""
    return Opened(
        incident=incident_id(BLOTTR, began=NOON, origin=Origin.ALERT, refers=refers),
        application=BLOTTR,
        title="bookings fail",
        level=Level.CRITICAL,
        chain=Chain.TECHNICAL,
        origin=Origin.ALERT,
        refers=refers,
        began=NOON,
        noticed=NOON + timedelta(minutes=1),
        by="receiver",
    )


def drill(finished: datetime) -> DrillDone:
    """Build the record of a drill that has proven its point."""
    return DrillDone(
        application=BLOTTR,
        point="20261123T110000Z",
        point_created=NOON - timedelta(hours=1),
        finished=finished,
        seconds=4.5,
        stored_bytes=1 << 20,
        verdict="sound",
        proven=True,
    )


def test_two_that_hear_of_one_cause_open_one_incident(vault: DirectoryVault) -> None:
    records = Records(vault)
    assert records.open(opened())
    assert not records.open(replace(opened(), noticed=NOON + timedelta(minutes=2), by="another receiver"))
    assert records.incident(opened().incident).records == (opened(),)


def test_an_incident_is_read_in_the_order_of_its_records(vault: DirectoryVault) -> None:
    records, incident = Records(vault), opened().incident
    records.open(opened())
    resolved = Resolved(incident=incident, at=NOON + timedelta(hours=1), ended=NOON, by="ada", because="rolled back")
    # Its clock is behind by an hour: the opening comes first all the same.
    acknowledged = Acknowledged(incident=incident, at=NOON - timedelta(hours=1), by="ada", via="command")
    for each in (resolved, acknowledged, acknowledged):
        records.note(each)
    assert records.incident(incident).records == (opened(), acknowledged, resolved)
    assert list(records.incidents(BLOTTR)) == [(incident, frozenset({"opened", "acknowledged", "resolved"}))]


def test_history_is_cut_at_its_moments_and_a_record_twice_is_there_once(vault: DirectoryVault) -> None:
    records = Records(vault)
    for hours in (0, 1, 1, 2):
        records.keep(drill(NOON + timedelta(hours=hours)))
    history = records.history(BLOTTR, since=NOON, until=NOON + timedelta(hours=2))
    assert history.drills == (drill(NOON), drill(NOON + timedelta(hours=1)))
    assert not history.unreadable


def test_a_damaged_record_is_told_and_costs_only_itself(vault: DirectoryVault, tmp_path: Path) -> None:
    records = Records(vault)
    for hours in (0, 1):
        records.keep(drill(NOON + timedelta(hours=hours)))
    damaged, *_ = sorted((tmp_path / "vault" / "blottr" / "records" / "drill").iterdir())
    damaged.chmod(0o600)
    damaged.write_text("{}")
    vault.create("blottr/records/omen/20261123T120000.000000Z-1.json", b"{}")
    history = records.history(BLOTTR, since=NOON, until=NOON + timedelta(hours=2))
    assert history.drills == (drill(NOON + timedelta(hours=1)),)
    assert {each.key.split("/")[2] for each in history.unreadable} == {"drill", "omen"}
