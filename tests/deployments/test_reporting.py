"""Reports and reviews from a real vault: records, a journal, an alert; by the procedures, and by a person's commands."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from continuity.adapters.alert_records import AlertRecords
from continuity.adapters.directory_vault import DirectoryVault
from continuity.adapters.records import Records
from continuity.domain.incident import Linked, Opened, Origin
from continuity.domain.records import ReviewKind
from continuity.domain.run import EntryKind
from continuity.errors import ConfigurationRefused
from continuity.journal import Journal, entry_key, plan_facts
from continuity.procedures.incident_report import keep_incident_report, read_incident_report
from continuity.procedures.review import keep_review, read_review
from continuity.settings import Environment, load_environment
from deployments.cli import app
from deployments.receiving.status_pages import StatusPages
from deployments.webhooks import make_app, open_receiver
from tests.fixtures.page_scenes import (
    HOSTILE,
    RUN,
    SHOP,
    alert_part,
    drill,
    incident_records,
    opened,
    rollback_part,
    run_ended,
    shop,
)
from tests.fixtures.point_builders import NOW

INCIDENT = opened().incident


@pytest.fixture
def place(tmp_path: Path) -> Environment:
    """An environment by its files: a vault in a folder, one application, and a receiver."""
    (tmp_path / "vault").mkdir()
    described = tmp_path / "applications" / SHOP
    described.mkdir(parents=True)
    (described / "application.toml").write_text('name = "shop"\n[database]\nname = "shop"\n')
    (described / "alerts.toml").write_text('[[alert]]\nname = "Down"\naction = "none"\nseverity = "low"\n')
    (tmp_path / "token").write_text("a-bearer-token-of-tests\n")
    (tmp_path / "environment.toml").write_text(
        f'[database]\ndsn = "postgresql://nobody:a-secret-password@127.0.0.1:1/shop"\n[vault]\nurl = "file://{tmp_path}/vault"\n'
        f'[webhooks]\nenvironment = "test"\n[webhooks.alertmanager]\nbearer = ["file:{tmp_path}/token"]\n'
    )
    return load_environment(tmp_path / "environment.toml")


@pytest.fixture
def vault(tmp_path: Path, place: Environment) -> DirectoryVault:
    return DirectoryVault(tmp_path / "vault")


@pytest.fixture
def told(vault: DirectoryVault) -> DirectoryVault:
    """A vault that holds an incident with its alert and the journal of its rollback."""
    records, part, alert = Records(vault), rollback_part(), alert_part()
    for each in incident_records():
        if isinstance(each, Opened):
            records.open(each)
        else:
            records.note(each)
    AlertRecords(vault).accept(alert.alert)
    AlertRecords(vault).note(alert.outcomes[0])
    journal = Journal(vault, RUN, epoch=1)
    journal.append(EntryKind.PLAN, facts={**plan_facts(part.plan), "approved by": ["Ada Lovelace"]})
    for step in part.plan.steps:
        journal.append(EntryKind.INTENT, step=step.name)
        journal.append(EntryKind.DONE, step=step.name)
    journal.append(EntryKind.END, facts={"outcome": "done"})
    records.keep(run_ended())
    for day in range(5):
        records.keep(drill(day))
    return vault


def command(place: Environment, tmp_path: Path, *words: str) -> int:
    return app([*words, "--environment", str(tmp_path / "environment.toml")], exit_on_error=False, result_action="return_value")


def get(served, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=served)
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_a_report_is_put_together_from_all_that_belongs_to_the_incident(told, place):
    report = read_incident_report(place, INCIDENT, now=NOW)

    lines = [line.text for line in report.timeline]
    assert {"alert BookingsFail began to fire", "swap the databases", "rollback ended: done"} <= set(lines)
    assert report.rows_lost == 37
    assert report.unreadable == ()


def test_a_report_is_kept_once_for_what_it_tells_and_leaves_the_incident_as_it_was(told, place):
    before = Records(told).incident(INCIDENT)
    first = keep_incident_report(place, read_incident_report(place, INCIDENT, now=NOW))
    again = keep_incident_report(place, read_incident_report(place, INCIDENT, now=NOW + timedelta(hours=1)))
    Records(told).note(replace(incident_records()[5], text="one more word"))
    more = keep_incident_report(place, read_incident_report(place, INCIDENT, now=NOW))

    assert first == again != more
    assert b"Written 2026-11-24 12:00 UTC" in told.read(first)
    assert told.read(first.replace(".html", ".md")).startswith(b"# Incident report: bookings fail")
    assert replace(Records(told).incident(INCIDENT), records=before.records) == before


def test_a_journal_that_is_damaged_or_gone_is_named_in_the_report_and_takes_nothing_else_with_it(told, place, tmp_path):
    missing = Linked(incident=INCIDENT, at=NOW, origin=Origin.RUN, refers="shop-hold-20261124T091000Z-aaaa")
    Records(told).note(missing)
    entry = tmp_path / "vault" / entry_key(RUN, 3)
    entry.chmod(0o600)
    entry.write_text(entry.read_text().replace("stop", "stob"))

    report = read_incident_report(place, INCIDENT, now=NOW)

    assert [each.key for each in report.unreadable] == [RUN, missing.refers]
    assert report.runs == ()
    assert "alert BookingsFail began to fire" in [line.text for line in report.timeline]


def test_an_incident_that_is_none_is_refused(told, place):
    with pytest.raises(ConfigurationRefused, match="no incident 'shop-incident-20261124T000000Z-0000000000000000'"):
        read_incident_report(place, "shop-incident-20261124T000000Z-0000000000000000", now=NOW)
    with pytest.raises(ConfigurationRefused, match="not the id of an incident"):
        read_incident_report(place, "../shop", now=NOW)


def test_a_review_is_recorded_once_and_the_next_one_goes_on_where_it_ended(told, place):
    review = read_review(shop(), place, ReviewKind.WEEKLY, now=NOW)
    key = keep_review(place, review)
    assert keep_review(place, review) == key

    later = read_review(shop(), place, ReviewKind.WEEKLY, now=NOW + timedelta(days=7))

    assert review.previous is None
    assert len(review.drills) == 4  # the fifth ends at this very moment, and belongs to the next one
    assert later.previous == review.record
    assert later.since == NOW
    assert [each.text for each in later.changes if each.text.startswith("mean time")] == []
    assert told.read(key).startswith(b"<!doctype html>")


def test_commands_write_what_is_asked_for_and_a_draft_records_nothing(told, place, tmp_path, capsys):
    html, markdown = tmp_path / "report.html", tmp_path / "review.md"

    assert command(place, tmp_path, "report", INCIDENT, "--output", str(html), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["state"], document["rows_lost"], document["not_served_seconds"] is None) == ("resolved", 37, False)
    assert "bookings fail after release 2.4.1" in html.read_text()
    assert document["kept"].startswith(f"shop/reports/{INCIDENT}/")

    assert command(place, tmp_path, "review", "shop", "--kind", "weekly", "--draft", "--output", str(markdown)) == 4
    assert "a draft: nothing was recorded" in capsys.readouterr().out
    assert markdown.read_text().startswith("# Weekly risk review of shop")
    assert list(told.list("shop/records/review/")) == []

    assert command(place, tmp_path, "review", "shop", "--kind", "weekly", "--json") == 4
    assert "no recovery point is proven" in json.loads(capsys.readouterr().out)["unprotected"]
    assert len(list(told.list("shop/records/review/"))) == 1


def test_a_status_page_takes_the_place_of_the_one_before_and_a_file_of_another_kind_is_refused(told, place, tmp_path, capsys):
    page = tmp_path / "status.html"
    page.write_text("an older one")

    assert command(place, tmp_path, "status", "shop", "--page", str(page)) == 4
    assert "no recovery point is proven" in page.read_text()
    assert "a-secret-password" not in page.read_text()
    with pytest.raises(ConfigurationRefused, match="neither"):
        command(place, tmp_path, "status", "shop", "--page", str(tmp_path / "status.pdf"))
    with pytest.raises(ConfigurationRefused, match="cannot be written"):
        command(place, tmp_path, "status", "shop", "--page", str(tmp_path / "no" / "status.html"))


def test_the_receiver_serves_status_pages_only_where_the_environment_says_so(told, place):
    serving = place.webhooks.model_copy(update={"status_pages": True})

    closed, told_to_serve = (make_app(open_receiver(each)) for each in (place, place.model_copy(update={"webhooks": serving})))

    assert get(closed, "/status/shop").status_code == 404
    answer = get(told_to_serve, "/status/shop")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "Continuity of shop" in answer.text
    assert get(told_to_serve, "/status/unknown").status_code == 404
    assert get(told_to_serve, "/status/..%2Fshop").status_code == 404


def test_a_status_page_is_read_from_the_vault_once_a_while_and_what_fails_is_not_told_to_whoever_asks(told, place, tmp_path):
    pages = StatusPages(place)
    first = pages.answer("shop")
    (tmp_path / "vault").rename(tmp_path / "elsewhere")

    assert pages.answer("shop").body == first.body
    lost = StatusPages(place).answer("shop")
    assert lost.status_code == 503
    assert str(tmp_path).encode() not in lost.body


def test_hostile_records_are_shown_as_text_alone(vault, place, tmp_path):
    records = Records(vault)
    for each in incident_records(text=HOSTILE):
        if isinstance(each, Opened):
            records.open(replace(each, title=HOSTILE))
        else:
            records.note(each)
    html = tmp_path / "report.html"

    command(place, tmp_path, "report", INCIDENT, "--output", str(html))

    written = html.read_text()
    assert "&lt;script&gt;" in written
    assert "<script" not in written
    assert "<img" not in written
    assert "\x1b" not in written
