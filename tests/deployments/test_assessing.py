"""`measures` and `risks` as a person uses them, on records that were kept."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from continuity.adapters.directory_vault import DirectoryVault
from continuity.adapters.records import Records
from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Acknowledged, Assessed, Chain, Opened, Origin, Resolved, incident_id
from continuity.domain.records import DrillDone, RunEnded
from tests.fixtures.terminal import COMMAND

APPLICATIONS = Path(__file__).parents[2] / "applications"
BLOTTR = ApplicationName("blottr")
NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)


def keep_incident(records: Records, days_ago: int, *, minutes: int, exercise: bool = False) -> str:
    began = NOW - timedelta(days=days_ago)
    name = incident_id(BLOTTR, began=began, origin=Origin.ALERT, refers="BookingConflicts")
    records.open(
        Opened(
            incident=name, application=BLOTTR, title="bookings overlap", level=Level.CRITICAL, chain=Chain.TECHNICAL,
            origin=Origin.ALERT, refers="BookingConflicts", began=began, noticed=began + 3 * MINUTE, by="receiver",
            risk="double-booking", exercise=exercise,
        )
    )  # fmt: skip
    over = began + minutes * MINUTE
    records.note(Acknowledged(incident=name, at=began + 5 * MINUTE, by="ada", via="command"))
    records.note(Assessed(incident=name, at=over, by="ada", users_affected=4, users_total=1000, revenue_hours=0.5))
    records.note(Resolved(incident=name, at=over, ended=over, by="ada", because="rolled back"))
    return name


@pytest.fixture
def seat(tmp_path: Path):
    """Keep the records of a quarter, and sit down at a terminal."""
    (tmp_path / "vault").mkdir()
    records = Records(DirectoryVault(tmp_path / "vault"))
    for days_ago, minutes in ((5, 20), (9, 40), (13, 90)):
        keep_incident(records, days_ago, minutes=minutes)
    keep_incident(records, 2, minutes=600, exercise=True)
    began = NOW - timedelta(days=5)
    records.keep(
        RunEnded(
            application=BLOTTR, run="blottr-rollback-1", verb="rollback", outcome="done", succeeded=True, began=began,
            ended=began + 10 * MINUTE, point="p", point_created=began - timedelta(hours=6), rows_discarded=304,
        )
    )  # fmt: skip
    records.keep(
        DrillDone(
            application=BLOTTR, point="p", point_created=began, finished=began + 5 * MINUTE, seconds=8, stored_bytes=1,
            verdict="sound", proven=True,
        )
    )  # fmt: skip
    environment = tmp_path / "environment.toml"
    environment.write_text(
        f'applications = "{APPLICATIONS}"\n[database]\ndsn = "postgresql:///nowhere"\n[vault]\nurl = "file://{tmp_path}/vault"\n'
    )

    def run(*words: str, code: int) -> str:
        argv = [COMMAND, *words, "--environment", environment]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout

    return run


def test_measures_are_told_with_objective_formula_and_source_and_exercises_apart(seat):
    said = seat("measures", "blottr", code=4)

    assert "\x1b[" not in said
    assert "✓ mean time to recover" in said
    assert "50 min   at most 1 h: met" in said
    assert "= mean over critical incidents of: ended - began; open ones until now" in said
    assert "from records of incidents: 3 critical of 3" in said
    assert "✗ rows lost in rollbacks" in said
    assert "304 rows   at most 0 rows: MISSED" in said
    assert "not shown" in said.split("rollbacks that succeed")[1].splitlines()[0]

    document = json.loads(seat("measures", "blottr", "--exercises", "--json", code=4))
    assert document["exercise"]
    values = {each["name"]: each["value"] for each in document["measures"]}
    assert values["mttr"] is values["rollback-success"] is None
    assert values["rpo"] > 86400
    assert {"name", "title", "value", "unit", "objective", "met", "at_least", "records", "formula", "source", "because"} == set(
        document["measures"][0]
    )


def test_a_period_is_what_was_asked_for_and_one_without_time_is_refused(seat):
    since, until = (f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%S}+00:00" for days in (10, 4))

    document = json.loads(seat("measures", "blottr", "--since", since, "--until", until, "--json", code=4))

    assert {each["name"]: each["records"] for each in document["measures"]}["mttr"] == 2
    assert "nothing has happened" in seat("measures", "blottr", "--since", "2999-01-01", "--json", code=2)


def test_the_register_is_told_with_matrix_disagreement_evidence_and_last_results(seat):
    said = seat("risks", "blottr", code=4)

    assert "\x1b[" not in said
    assert said.startswith("blottr: 11 open risks; of 9 the stated level is not the matrix's")
    assert "medium        low          low             medium        high" in said
    booking = said.split("[double-booking]")[1].split("[relations-corrupt-data]")[0]
    assert "stated critical, by the matrix high" in booking
    assert "3 incidents in 365 days suggest high, medium is stated: critical by the matrix" in booking
    assert "flow validation: no record" in booking

    document = json.loads(seat("risks", "blottr", "--json", code=4))
    by_name = {each["name"]: each for each in document["risks"]}
    links = {link["name"]: link["last"] for each in by_name["relations-corrupt-data"]["mitigations"] for link in each["links"]}
    assert (links["drill"]["said"], links["drill"]["good"]) == ("sound", True)
    assert by_name["double-booking"]["evidence"]["suggested"] == "high"
    assert "guestbook has no register" in seat("risks", "guestbook", code=0)
    assert document["matrix"]["low"] == ["low", "low", "low", "medium"]
