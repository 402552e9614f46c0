"""The receiver over HTTP, as processes of its own: what is posted to it, how often, by whom, and when it is killed."""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from continuity.domain.application import ApplicationName
from deployments.local.processes import free_port
from tests.fixtures.campaigns import Campaign
from tests.fixtures.cluster import eventually
from tests.fixtures.mutilation import mutilated
from tests.fixtures.receivers import APPLICATIONS, TOKEN, Place, Receiving, by_grafana, by_standard, firing, group

SHOP = ApplicationName("shop")
FUZZED = 500
GROWTH_BYTES = 40 << 20


@pytest.fixture
def receiver(receivers) -> Receiving:
    return receivers[0]


def runs(*answers: httpx.Response) -> set[str]:
    return {alert["run"] for answer in answers for alert in answer.json()["alerts"] if alert["run"]}


async def post_all(posts: list[tuple[Receiving, bytes]], *, together: int) -> list[httpx.Response]:
    """Post everything, so many at the same time; what was turned away with 503 is sent again, as senders do.

    Over plain sockets: the pool of httpx takes minutes for a thousand connections.
    """
    turns = asyncio.Semaphore(together)

    async def post(receiving: Receiving, body: bytes) -> httpx.Response:
        host, port = receiving.url.removeprefix("http://").split(":")
        head = (
            f"POST /alerts/alertmanager HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        while True:
            async with turns:
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(head.encode() + body)
                answer = await reader.read()
                writer.close()
            status, _, content = answer.partition(b"\r\n\r\n")
            if (code := int(status.split()[1])) != 503:
                return httpx.Response(code, content=content)
            await asyncio.sleep(0.05)

    return await asyncio.gather(*(post(receiving, body) for receiving, body in posts))


def test_the_same_alert_a_thousand_times_at_once_on_two_receivers_is_one_run(receivers, alert_place):
    body = json.dumps(group(firing(application="thousand"))).encode()

    answers = asyncio.run(post_all([(receivers[number % 2], body) for number in range(1000)], together=400))

    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 999}
    assert len(runs(*answers)) == 1
    assert alert_place.accepted("thousand") == list(runs(*answers))


def check_storm(receivers: tuple[Receiving, ...], place: Place, application: str, count: int) -> int:
    """Send distinct alerts, ten a post, to all receivers; return by how many bytes the larger one has grown."""
    before = [each.memory_bytes() for each in receivers]
    storm = [[firing(application=application, fingerprint=f"{post}-{each}") for each in range(10)] for post in range(count // 10)]
    posts = [(receivers[number % 2], json.dumps(group(*alerts)).encode()) for number, alerts in enumerate(storm)]

    answers = asyncio.run(post_all(posts, together=50))

    assert {answer.status_code for answer in answers} == {200, 202}
    assert sum(sum(answer.json()["counts"].values()) for answer in answers) == count
    assert len(place.accepted(application)) == 1
    grown = max(each.memory_bytes() - seen for each, seen in zip(receivers, before, strict=True))
    assert grown < GROWTH_BYTES
    return grown


def test_a_storm_of_distinct_alerts_rolls_back_once_and_takes_no_memory(receivers, alert_place):
    check_storm(receivers, alert_place, "storm", 1000)


@pytest.mark.campaign
def test_ten_thousand_distinct_alerts_roll_back_once_and_take_no_memory(receivers, alert_place, campaign: Campaign):
    count = campaign.count or 10_000
    grown = check_storm(receivers, alert_place, "tempest", count)
    campaign.say(f"{count} distinct alerts: one rollback; memory grew by {grown / 1e6:.1f} MB")


def test_forged_stale_and_oversized_posts_are_refused_and_do_nothing(receiver, alert_place):
    known = alert_place.accepted()
    body = json.dumps(group(firing())).encode()
    grafana = json.dumps(group(firing(), version="1")).encode()
    generic = json.dumps(
        {"name": "DatabaseCorruption", "status": "firing", "id": "1", "started": "2026-11-24T00:00:00Z"}
    ).encode()

    statuses = {
        "unsigned": receiver.post("/alerts/alertmanager", body, {}).status_code,
        "forged": receiver.alertmanager(body, token="not-the-token-of-anybody").status_code,
        "forged grafana": receiver.post("/alerts/grafana", grafana, by_grafana(grafana, secret="x" * 20)).status_code,
        "stale grafana": receiver.post("/alerts/grafana", grafana, by_grafana(grafana, at=time.time() - 400)).status_code,
        "stale generic": receiver.post("/alerts/generic", generic, by_standard(generic, at=time.time() - 400)).status_code,
        "cut off": receiver.alertmanager(body[:-9]).status_code,
        "huge": receiver.alertmanager(b" " * (1 << 20) + body).status_code,
        "not a door": receiver.post("/alerts/datadog", body, {}).status_code,
        "not posted": httpx.get(f"{receiver.url}/alerts/alertmanager").status_code,
        "documentation": httpx.get(f"{receiver.url}/openapi.json").status_code,
    }

    assert statuses == {
        "unsigned": 401,
        "forged": 401,
        "forged grafana": 401,
        "stale grafana": 401,
        "stale generic": 401,
        "cut off": 400,
        "huge": 413,
        "not a door": 404,
        "not posted": 405,
        "documentation": 404,
    }
    assert alert_place.accepted() == known


def test_a_huge_body_is_refused_while_it_is_read_and_not_kept(receiver):
    before = receiver.memory_bytes()

    def endless():
        while True:
            yield b"x" * (1 << 16)

    for _ in range(20):
        try:
            answer = httpx.post(
                f"{receiver.url}/alerts/alertmanager", content=endless(), headers={"Authorization": f"Bearer {TOKEN}"}
            )
            assert answer.status_code == 413
        except (httpx.WriteError, httpx.ReadError):
            pass  # it has hung up before all was sent

    assert receiver.memory_bytes() - before < GROWTH_BYTES


def test_what_a_sender_repeats_is_told_of_the_same_run_whatever_it_adds(receivers):
    first, second = receivers
    body = json.dumps({
        "name": "Suspicious", "status": "firing", "id": "outbreak 17", "started": datetime.now(UTC).isoformat(),
        "application": "shop", "labels": {"__prefect_kind": "jinja", "template": "{{ 7*7 }}"},
    }).encode()  # fmt: skip
    signed = by_standard(body)

    answers = [
        first.post("/alerts/generic", body, signed),
        first.post("/alerts/generic", body, signed),
        second.post("/alerts/generic", body, by_standard(body, message="msg_2")),
    ]

    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert len(runs(*answers)) == 1
    assert [answer.json()["alerts"][0]["answered"] for answer in answers] == ["accepted", "repeated", "repeated"]


def test_what_is_over_starts_nothing_and_withdraws_what_it_has_started(receiver, alert_place):
    began = datetime.now(UTC) - timedelta(minutes=3)
    alert = {"started": began, "fingerprint": "over"}

    before = receiver.alertmanager(group(firing("Suspicious", status="resolved", **alert)))
    accepted = receiver.alertmanager(group(firing("Suspicious", **alert)))
    over = receiver.alertmanager(group(firing("Suspicious", status="resolved", **alert)))
    again = receiver.alertmanager(group(firing("Suspicious", **alert)))

    assert [each.json()["alerts"][0]["answered"] for each in (before, accepted, over, again)] == [
        "ignored",
        "accepted",
        "withdrawn",
        "repeated",
    ]
    assert "withdrawn" in alert_place.noted(*runs(over))


def test_an_alert_that_is_left_to_people_and_one_that_nobody_knows_start_nothing_and_say_so(receiver, alert_place):
    known = alert_place.accepted()

    answer = receiver.alertmanager(group(firing("StorageGrowth"), firing("Unknown"), firing(application="elsewhere")))

    assert answer.status_code == 200
    assert [each["because"] for each in answer.json()["alerts"]] == [
        "its route says that it starts nothing",
        "no application has a route for an alert of this name",
        "it does not carry the labels that its routes ask for: "
        + " or ".join(sorted(f"application={name}" for name in APPLICATIONS)),
    ]
    assert alert_place.accepted() == known


def test_while_nothing_can_be_recorded_the_answer_is_to_come_again_and_then_it_is_one_run(receivers, alert_place):
    first, second = receivers
    body = json.dumps(group(firing("Suspicious", fingerprint="while the vault is gone"))).encode()
    vault, away = alert_place.folder / "vault", alert_place.folder / "away"
    vault.rename(away)
    try:
        refused = first.alertmanager(body)
    finally:
        away.rename(vault)

    answers = [first.alertmanager(body), second.alertmanager(body)]

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert [answer.status_code for answer in answers] == [202, 200]
    assert len(runs(*answers)) == 1


def test_switched_off_by_a_person_an_alert_is_told_why_and_nothing_is_recorded(receivers, alert_place):
    off = subprocess.run(
        [Path(sys.executable).with_name("continuity"), "alerts", "quiet", "--off", "--because", "a migration runs",
         "--json", "--environment", alert_place.environment],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    told = [each.alertmanager(group(firing(application="quiet"))).json()["alerts"][0]["because"] for each in receivers]

    assert json.loads(off.stdout)["on"] is False
    assert all("has switched alerts off: a migration runs" in each for each in told)
    assert alert_place.accepted("quiet") == []
    assert not (alert_place.folder / "vault/quiet/alerts/turns.json").exists()


KILLED_BEFORE_ITS_ANSWER = """
import os, signal, sys
from continuity.adapters.alert_records import AlertRecords
accept = AlertRecords.accept
def accept_and_die(self, alert):
    {first}
    os.kill(os.getpid(), signal.SIGKILL)
AlertRecords.accept = accept_and_die
from deployments.cli import main
sys.argv[1:1] = ["webhooks"]
main()
"""


def killed(receive, place: Place, body: dict[str, object], *, first: str) -> None:
    doomed = receive(place, "-c", KILLED_BEFORE_ITS_ANSWER.format(first=first))
    with pytest.raises(httpx.HTTPError):
        doomed.alertmanager(body)
    assert doomed.process.wait(10) == -9


def test_a_receiver_killed_between_acceptance_and_answer_has_accepted_and_the_retry_finds_the_run(receiver, receive, alert_place):
    body = group(firing(application="killed"))

    killed(receive, alert_place, body, first="accept(self, alert)")
    answer = receiver.alertmanager(body)

    assert answer.status_code == 200
    assert runs(answer) == set(alert_place.accepted("killed"))


def test_a_receiver_killed_after_it_has_taken_the_turn_keeps_it_for_the_same_alert(receiver, receive, alert_place):
    body = group(firing(application="turn"))

    killed(receive, alert_place, body, first="pass")
    assert alert_place.accepted("turn") == []
    other = receiver.alertmanager(group(firing(application="turn", fingerprint="other")))
    same = receiver.alertmanager(body)

    assert other.json()["counts"] == {"ignored": 1}
    assert same.status_code == 202
    assert runs(same) == set(alert_place.accepted("turn"))


def fuzz(receiver: Receiving, count: int, draw: random.Random) -> Counter[int]:
    """Post mutilated bodies with good and bad credentials; return how often each status was answered."""
    statuses: Counter[int] = Counter()
    with httpx.Client(timeout=30, trust_env=False) as client:
        for _ in range(count):
            path, body, headers = mutilated(draw)
            answer = client.post(f"{receiver.url}{path}", content=body, headers=headers)
            statuses[answer.status_code] += 1
    return statuses


def check_fuzzed(receiver: Receiving, place: Place, count: int, seed: int) -> Counter[int]:
    known = place.accepted()
    fuzz(receiver, 50, random.Random(0))  # what a process allocates once
    before = receiver.memory_bytes()

    statuses = fuzz(receiver, count, random.Random(seed))

    log = [line for line in receiver.log.read_text().splitlines() if "503" in line or "not recorded" in line]
    assert set(statuses) <= {200, 400, 401, 413}, (seed, statuses, log[-5:])
    assert statuses.total() == count
    assert receiver.memory_bytes() - before < GROWTH_BYTES, seed
    assert place.accepted() == known, seed
    assert receiver.process.poll() is None
    assert "Traceback" not in receiver.log.read_text()
    return statuses


def test_mutilated_posts_are_refused_without_work_crash_or_memory(receiver, alert_place):
    statuses = check_fuzzed(receiver, alert_place, FUZZED, seed=random.randrange(2**32))

    assert {400, 401, 413} <= set(statuses)


@pytest.mark.campaign
def test_thousands_of_mutilated_posts_change_nothing(receiver, alert_place, campaign: Campaign):
    count = campaign.count or 10_000
    before = receiver.memory_bytes()
    statuses = check_fuzzed(receiver, alert_place, count, campaign.seed)
    grown = receiver.memory_bytes() - before
    campaign.say(f"{count} mutilated posts, seed {campaign.seed}: {dict(statuses)}; memory grew by {grown / 1e6:.1f} MB")


def recorded(name: str) -> bytes:
    path = Path(os.environ.get("CONTINUITY_TEST_DATA") or "/nonexistent", "alertmanager", f"{name}.json")
    if not path.exists():
        pytest.skip("real data absent: CONTINUITY_TEST_DATA does not name a folder with alertmanager/")
    return path.read_bytes()


def test_the_recorded_posts_of_a_real_alertmanager_lead_to_one_run_each(receiver):
    fresh = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M").encode()
    names = ("firing", "same_alert_repeated", "group_of_three_truncated_to_two", "retried_after_503", "resolved")
    bodies = {name: recorded(name).replace(b"2026-11-23T19:15", fresh) for name in names}

    answers = {name: receiver.alertmanager(body).json() for name, body in bodies.items()}

    assert {name: answer["counts"] for name, answer in answers.items()} == {
        "firing": {"accepted": 1},
        "same_alert_repeated": {"repeated": 1},
        "group_of_three_truncated_to_two": {"accepted": 2},
        "retried_after_503": {"ignored": 1},
        "resolved": {"ignored": 1},
    }
    assert answers["group_of_three_truncated_to_two"]["left_out_by_sender"] == 1
    assert "left alerts out" in receiver.log.read_text()
    assert receiver.alertmanager(recorded("firing")).json()["counts"] == {"ignored": 1}


class _TurnedAway(BaseHTTPRequestHandler):
    """Stands in for a receiver that cannot record."""

    def do_POST(self) -> None:
        self.server.seen.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def alertmanager(tmp_path):
    """Start a real Alertmanager that posts to a port, and give ways to alert it."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        pytest.skip("no Alertmanager on this machine: apt-get install prometheus-alertmanager")
    started: list[subprocess.Popen[bytes]] = []

    def start(receiver_port: int, token: Path):
        port = free_port()
        config = tmp_path / "alertmanager.yml"
        config.write_text(f"""
route: {{receiver: continuity, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1s}}
receivers:
  - name: continuity
    webhook_configs:
      - url: http://127.0.0.1:{receiver_port}/alerts/alertmanager
        max_alerts: 2
        http_config: {{authorization: {{credentials_file: {token}}}}}
""")
        with (tmp_path / "alertmanager.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [binary, f"--config.file={config}", f"--storage.path={tmp_path / 'alertmanager'}",
                     f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
                    stdout=log, stderr=log,
                )
            )  # fmt: skip

        def alert(*alerts: dict[str, object]) -> None:
            def taken() -> bool:
                try:
                    answer = httpx.post(f"http://127.0.0.1:{port}/api/v2/alerts", json=list(alerts), timeout=5)
                except httpx.HTTPError:
                    return False
                return answer.status_code == 200

            eventually(taken)

        return alert

    yield start
    for each in started:
        each.kill()
        each.wait(10)


def test_a_real_alertmanager_alerts_is_turned_away_comes_again_repeats_and_resolves(tmp_path, receive, alertmanager):
    port = free_port()
    away = ThreadingHTTPServer(("127.0.0.1", port), _TurnedAway)
    away.seen = []
    Thread(target=away.serve_forever, daemon=True).start()
    place = Place(folder=tmp_path)
    began = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    alert = {"labels": {"alertname": "DatabaseCorruption", "application": "shop"}, "startsAt": began}
    truncated = [
        {"labels": {"alertname": "HighErrorRate", "application": "shop", "pod": pod}, "startsAt": began} for pod in "abc"
    ]

    alertmanager_alerts = alertmanager(port, tmp_path / "token")
    alertmanager_alerts(alert, *truncated)
    eventually(lambda: len(away.seen) >= 3)
    away.shutdown()
    away.server_close()
    receiving = receive(place, port=port)
    eventually(lambda: len(place.accepted()) == 3, seconds=30)
    eventually(lambda: receiving.log.read_text().count("repeated alert='DatabaseCorruption'") >= 2, seconds=30)
    alertmanager_alerts({**alert, "endsAt": datetime.now(UTC).isoformat()})
    eventually(lambda: any("withdrawn" in noted for _, noted in place.records.list_ids(SHOP)), seconds=30)

    assert sorted(name.split("-alert-")[0] for name in place.accepted()) == ["shop-rollback", "shop-validate", "shop-validate"]
    assert "left alerts out path=/alerts/alertmanager left_out=1" in receiving.log.read_text()
