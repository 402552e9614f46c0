"""A person at a terminal opens an incident, takes it on, says what it was, and ends it."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from continuity.domain.alerts import Level
from continuity.errors import ConfigurationRefused
from deployments.commands import incidents as commands
from deployments.commands.where import Where
from tests.fixtures.incidents import watched


@pytest.fixture
def say(tmp_path, capsys):
    watched(tmp_path, wait_seconds=60)
    where = Where(environment=tmp_path / "environment.toml", json=True)

    def said(verb: str, *words: object, code: int = 0, **options: object) -> dict:
        assert getattr(commands, verb)(*words, **options, where=where) == code
        return json.loads(capsys.readouterr().out)

    return said


def test_an_incident_from_its_opening_to_its_last_follow_up(say, tmp_path):
    began = datetime.now(UTC) - timedelta(minutes=9)
    opened = say("incident", "shop", title="bookings \x1b[31mfail", level=Level.HIGH, began=began, name="ada")
    known = opened["id"]
    assert [each["to"] for each in opened["told"]] == ["developer", "manager"]
    assert opened["state"] == "open"
    assert say("incident", "shop", title="bookings \x1b[31mfail", level=Level.HIGH)["id"] == known
    assert say("incidents", "shop", code=4)["incidents"][0]["id"] == known

    assert say("acknowledge", known, name="ada")["acknowledged_by"] == "ada"
    assert say("acknowledge", known, name="bob")["acknowledged_by"] == "ada"
    worse = say("incident", known, level=Level.CRITICAL, because="all of them", remark="the pool is empty")
    assert [each["message"] for each in worse["told"]][2:] == ["update", "update"]
    assert say("assess", known, root_cause="a migration", users_affected=3, users_total=9)["root_cause"] == "a migration"
    say("follow_up", known, "pool", what="warn at 80 %", owner="bob", due=date(2026, 12, 24))
    ended = say("resolve", known, because="rolled back", name="ada")
    assert ended["state"] == "resolved"
    assert [page.suffix for page in sorted(tmp_path.rglob(f"shop/reports/{known}/*"))]
    assert {each["to"] for each in ended["told"] if each["message"] == "resolved"} == {"developer", "manager"}
    assert say("follow_up", known, "pool", done=True)["follow_ups"][0]["done"]
    assert say("incidents", "shop")["incidents"][0]["because"] == "rolled back"
    assert say("incident", "shop", title="another", level=Level.LOW)["id"] != known


def test_what_cannot_be_is_refused_and_changes_nothing(say, tmp_path):
    later = datetime.now(UTC) + timedelta(hours=1)
    known = say("incident", "shop", title="x", level=Level.LOW)["id"]
    before = sorted((tmp_path / "vault").rglob("*"))
    refused = [
        ("incident", ["shop"], {"title": "", "level": Level.LOW}),
        ("incident", ["shop"], {"title": "y"}),
        ("incident", ["shop"], {"title": "y", "level": Level.LOW, "began": later}),
        ("incident", [known], {"level": Level.HIGH}),
        ("incident", [known.replace("shop", "ship")], {}),
        ("acknowledge", ["nonsense"], {}),
        ("resolve", [known], {"because": " "}),
        ("resolve", [known], {"because": "x", "ended": later}),
        ("resolve", [known], {"because": "x", "ended": datetime(2020, 1, 1, tzinfo=UTC)}),
        ("assess", [known], {"users_affected": 9, "users_total": 3}),
        ("follow_up", [known, "pool"], {}),
        ("follow_up", [known, "pool"], {"done": True}),
        ("follow_up", [known, "pool"], {"what": "", "owner": "bob", "due": date(2026, 12, 24)}),
    ]

    for verb, words, options in refused:
        with pytest.raises(ConfigurationRefused):
            say(verb, *words, **options)
    assert sorted((tmp_path / "vault").rglob("*")) == before
