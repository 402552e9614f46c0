"""Escalation by processes that are killed, by several at the same time, and from an alert to the person who takes it on."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from continuity.domain.incident import MessageKind
from continuity.domain.incidents import State
from continuity.procedures.incidents import acknowledge, resolve
from deployments.webhooks import make_app, open_receiver
from tests.fixtures.incidents import watched
from tests.fixtures.receivers import TOKEN, firing, group

ESCALATE = """
import sys, time
from pathlib import Path
from continuity.settings import load_environment
from deployments.receiving.escalator import Escalator
Escalator(load_environment(Path(sys.argv[1]))).start()
time.sleep(120)
"""
ALERTS = '[[alert]]\nname = "Suspicious"\naction = "validate"\nseverity = "high"\ncooldown_minutes = 0\n'


def eventually(say: Callable[[], object], *, seconds: float = 40) -> object:
    deadline = time.monotonic() + seconds
    while not (said := say()):
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.05)
    return said


@pytest.fixture
def escalating(tmp_path):
    place, processes = watched(tmp_path), []

    def start() -> subprocess.Popen:
        processes.append(subprocess.Popen([sys.executable, "-c", ESCALATE, str(tmp_path / "environment.toml")]))
        return processes[-1]

    yield place, start
    for each in processes:
        each.kill()
        each.wait(10)


def test_killed_between_two_steps_the_next_one_comes_on_time_from_one_of_two_and_an_answer_ends_it(escalating):
    place, start = escalating
    incident = place.open()

    def asked(step: int) -> list:
        return [each for each in place.incident(incident).sent if (each.message, each.step) == (MessageKind.ESCALATED, step)]

    first = start()
    eventually(lambda: asked(0))
    first.kill()
    start(), start()
    eventually(lambda: asked(2))
    acknowledge(place.records, incident, by="ada", via="command", now=datetime.now(UTC))
    time.sleep(0.5)
    before = place.incident(incident)
    time.sleep(2.5)
    now = datetime.now(UTC)
    resolve(place.records, incident, because="over", by="ada", ended=now, now=now)
    eventually(lambda: place.incident(incident).closed)
    told = place.incident(incident)

    assert [(each.message, each.step) for each in told.sent] == [(each.message, each.step) for each in before.sent]
    escalated = [each for each in told.told if each.message is MessageKind.ESCALATED]
    assert [each.to for each in escalated[:3]] == ["developer", "tech lead", "developer"]
    assert len(escalated) == len({each.step for each in told.taken if each.message is MessageKind.ESCALATED})
    taken = {each.step: each.at for each in told.taken if each.message is MessageKind.ESCALATED}
    for due in told.due:
        if due.message is MessageKind.ESCALATED and due.step in taken:
            assert due.due <= taken[due.step] < due.due + timedelta(seconds=20)  # a process starts in seconds where all are busy
    ended = [each.to for each in told.told if each.message is MessageKind.RESOLVED]
    assert sorted(ended) == ["developer", "manager", "tech lead"]


def test_an_alert_opens_an_incident_and_the_address_in_its_message_takes_it_on_by_a_button(tmp_path):
    place = watched(
        tmp_path,
        wait_seconds=60,
        more='[webhooks]\nenvironment = "test"\ndry_run = false\n[prefect]\napi_url = "http://127.0.0.1:1/api"\n',
    )
    (tmp_path / "applications/shop/alerts.toml").write_text(ALERTS)
    (tmp_path / "token").write_text(TOKEN)
    with (tmp_path / "environment.toml").open("a") as file:
        file.write(f'[webhooks.alertmanager]\nbearer = ["file:{tmp_path / "token"}"]\n')
    with TestClient(make_app(open_receiver(place.environment))) as client:

        def post(*alerts):
            return client.post(
                "/alerts/alertmanager", json=group(*alerts), headers={"Authorization": f"Bearer {TOKEN}"}
            ).status_code

        assert post(firing("Suspicious")) == 202
        incident, _ = eventually(lambda: next(place.records.incidents("shop"), None))
        message = json.loads(eventually(lambda: next(iter((tmp_path / "sink").glob("*-phone-*.json")), None)).read_text())
        path = re.search(r"http://127.0.0.1:8787(/incidents/\S+)", message["text"])[1]

        # Another outbreak belongs to it.
        assert post(firing("Suspicious", fingerprint="another", started=datetime.now(UTC) - timedelta(minutes=2))) == 202
        eventually(lambda: place.incident(incident).linked)
        assert len(list(place.records.incidents("shop"))) == 1

        page = client.get(path)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        assert "I take it on" in page.text
        assert "Say who you are" in client.post(path, data={"name": " "}).text
        forged = client.post(path[:-1] + ("0" if path[-1] != "0" else "1"), data={"name": "mallory"})
        assert forged.status_code == 403
        assert place.incident(incident).state is State.OPEN

        assert "&lt;ada&gt; has taken it on" in client.post(path, data={"name": "<ada>"}).text
        assert "&lt;ada&gt; has taken it on" in client.post(path, data={"name": "bob"}).text
    said = place.incident(incident)
    assert (said.acknowledged.by, said.acknowledged.via, said.opened.level) == ("<ada>", "link", "high")
