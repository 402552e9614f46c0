"""Alerts: how long a sender waits for the receiver's answer, and how soon traffic stops by an immediate hold.

    python -m benchmarks.webhooks [--rate 200] [--seconds 20] [--rounds 5]

Posts are sent at fixed moments, each over a connection of its own, whether or not earlier ones are answered; what is measured
begins at the moment at which a post was due, so a receiver that falls behind cannot hide it.
"""

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import matplotlib.pyplot as plt

from benchmarks.figures import OURS, THEIRS, machine, save
from benchmarks.measuring import family_cpu_seconds
from deployments.local.processes import LOCALHOST, free_port
from deployments.local.sample_cluster import application_login, deploy_sample, sample_images
from deployments.local.samples import put_pictures
from deployments.local.server_account import reachable_temporary_directory
from deployments.local.stack import APPLICATIONS, load_application, start_stack, stop_stack
from deployments.local.throwaway import throwaway_directory

MANY = "20 alerts a post, a tenth of the rate"
COMMAND = Path(sys.executable).with_name("continuity")
TOKEN = "a-bearer-token-of-benchmarks"
PATIENCE_SECONDS = 60
ROUTES = """
[[alert]]
name = "Distinct"
action = "validate"
severity = "low"
labels = {}
cooldown_minutes = 0

[[alert]]
name = "Storm"
action = "rollback"
severity = "critical"
labels = {}

[[alert]]
name = "Stop"
action = "hold"
severity = "critical"
labels = {}
cooldown_minutes = 1
"""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How long each answer took, in seconds, and the receiver's CPU as a part of one core."""

    kind: str
    seconds: list[float]
    statuses: dict[int, int]
    core: float

    def quantile(self, part: float) -> float:
        """Return the time within which this part of the answers came."""
        return sorted(self.seconds)[math.ceil(part * len(self.seconds)) - 1]


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Seconds from the post until its answer, the first step of the hold, the workload at zero, and the hold's end."""

    answered: float
    acting: float
    stopped: float
    ended: float


def main() -> None:
    """Measure, print the tables, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with throwaway_directory(reachable_temporary_directory(), stop_stack) as directory:
        answers = _answer_times(directory / "alone", asked.rate, asked.seconds)
        holds = _hold_times(directory / "stack", asked.rounds)
    print(f"\n{machine()}; {asked.rate} posts a second for {asked.seconds} s, vault in a directory\n")
    print("| post | p50 ms | p99 ms | slowest ms | answers | receiver's CPU, part of a core |")
    print("|---|---|---|---|---|---|")
    for each in answers:
        figures = [f"{each.quantile(part) * 1000:.1f}" for part in (0.5, 0.99, 1)]
        print(f"| {each.kind} | {' | '.join(figures)} | {each.statuses} | {each.core:.2f} |")
    print("\n| answered s | first step s | workload at zero s | hold ended s |\n|---|---|---|---|")
    for hold in holds:
        print(f"| {hold.answered:.3f} | {hold.acting:.2f} | {hold.stopped:.2f} | {hold.ended:.2f} |")
    print(_draw(answers, holds, asked.rate))


def _answer_times(folder: Path, rate: int, seconds: int) -> list[Answers]:
    environment = _describe(folder)
    with _receiver(environment, {}) as (port, pid):
        began = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
        kinds: dict[str, Callable[[int], bytes]] = {
            "new alert, recorded": lambda number: _post("Distinct", f"{number}", began),
            "the same alert again": lambda _: _post("Distinct", "0", began),
            "one of a storm, cooled down": lambda number: _post("Storm", f"{number}", began),
            MANY: lambda number: _post("Storm", f"many {number}", began, count=20),
        }
        asyncio.run(_send(port, kinds["new alert, recorded"], rate, 1, first=1 << 30))
        found = []
        for kind, post in kinds.items():
            before = family_cpu_seconds(pid)
            took, statuses = asyncio.run(_send(port, post, rate // 10 if kind is MANY else rate, seconds))
            core = (family_cpu_seconds(pid) - before) / seconds
            found.append(Answers(kind=kind, seconds=took, statuses=statuses, core=core))
            print(f"{kind}: p99 {found[-1].quantile(0.99) * 1000:.1f} ms", flush=True)
        return found


def _describe(folder: Path, *, beside: str = "", name: str = "shop") -> Path:
    described = folder / "applications" / name
    described.mkdir(parents=True, exist_ok=True)
    (described / "alerts.toml").write_text(ROUTES)
    (folder / "token").write_text(f"{TOKEN}\n")
    if not beside:
        (described / "application.toml").write_text(f'name = "{name}"\n[database]\nname = "{name}"\n')
        (folder / "vault").mkdir()
        vault = (folder / "vault").as_uri()
        beside = f'[database]\ndsn = "postgresql://127.0.0.1:1/nobody"\n[vault]\nurl = "{vault}"\n'
    environment = folder / "alerting.toml"
    environment.write_text(
        f'{beside}\n[prefect]\napi_url = "http://127.0.0.1:1/api"\n[webhooks]\nenvironment = "benchmark"\ndry_run = false\n'
        f'[webhooks.alertmanager]\nbearer = ["file:{folder}/token"]\n'
    )
    return environment


@contextmanager
def _receiver(environment: Path, variables: dict[str, str]) -> Iterator[tuple[int, int]]:
    port = free_port()
    log = environment.with_name("receiver.log")
    argv = [sys.executable, "-m", "deployments.webhooks", "--port", str(port), "--environment", environment]
    with log.open("wb") as output, subprocess.Popen(argv, stdout=output, stderr=output, env=os.environ | variables) as process:
        try:
            _wait_for(lambda: b"Uvicorn running" in log.read_bytes() and b"an immediate hold" in log.read_bytes())
            yield port, process.pid
        finally:
            process.kill()


def _wait_for(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError("nothing came of it within a minute")
        time.sleep(0.005)
    return seen


def _post(name: str, fingerprint: str, began: str, *, count: int = 1) -> bytes:
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": name, "pod": "a", "severity": "critical"},
            "annotations": {"summary": "double bookings rising"},
            "startsAt": began,
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": f"{fingerprint}-{each}",
        }
        for each in range(count)
    ]
    return json.dumps({"version": "4", "status": "firing", "alerts": alerts, "truncatedAlerts": 0}).encode()


async def _send(
    port: int, post: Callable[[int], bytes], rate: int, seconds: int, *, first: int = 0
) -> tuple[list[float], dict[int, int]]:
    took: list[float] = []
    statuses: dict[int, int] = {}
    started = time.monotonic()

    async def send(number: int) -> None:
        due = started + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        body = post(first + number)
        head = (
            f"POST /alerts/alertmanager HTTP/1.1\r\nHost: {LOCALHOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(LOCALHOST, port)
        writer.write(head.encode() + body)
        answer = await reader.read()
        took.append(time.monotonic() - due)
        writer.close()
        status = int(answer.split(b" ", 2)[1])
        statuses[status] = statuses.get(status, 0) + 1

    await asyncio.gather(*(send(number) for number in range(rate * seconds)))
    return took, statuses


def _hold_times(directory: Path, rounds: int) -> list[Hold]:
    stack = start_stack(directory, report=print, with_prefect=False, images=sample_images())
    load_application(stack.postgres, APPLICATIONS / "blottr", megabytes=5, database="blottr")
    os.environ.update(stack.variables)
    put_pictures(stack.urls["media"])
    deploy_sample(stack.cluster, application_login(stack.postgres, stack.directory, "blottr"))
    folder = directory / "alerting"
    (folder / "applications/blottr").mkdir(parents=True)
    (folder / "applications/blottr/application.toml").symlink_to(APPLICATIONS / "blottr/application.toml")
    text = stack.environment.read_text().replace(json.dumps(str(APPLICATIONS)), json.dumps(str(folder / "applications")))
    environment = _describe(folder, beside=text, name="blottr")
    variables = stack.variables | {"CONTINUITY_ENVIRONMENT": str(environment)}
    vault = directory / "vault/blottr"
    with _receiver(environment, variables) as (port, _):
        return [_hold(port, vault, variables, number) for number in range(rounds)]


def _hold(port: int, vault: Path, variables: dict[str, str], number: int) -> Hold:
    (vault / "alerts/turns.json").unlink(missing_ok=True)  # the cooldown of the round before
    began = (datetime.now(UTC) - timedelta(seconds=10)).isoformat()
    request = Request(
        f"http://{LOCALHOST}:{port}/alerts/alertmanager",
        data=_post("Stop", f"hold {number}", began),
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    known = set(vault.glob("runs/*"))
    posted, posted_at = time.monotonic(), datetime.now(UTC)
    build_opener(ProxyHandler({})).open(request, timeout=30).read()
    answered = time.monotonic() - posted
    (run,) = _wait_for(lambda: set(vault.glob("runs/*")) - known)
    _wait_for(lambda: any('"end"' in path.read_text() for path in run.glob("*.json")))
    entries = [json.loads(path.read_text())["body"] for path in sorted(run.glob("*.json"))]

    def moment(kind: str, step: str = "") -> float:
        entry = next(each for each in entries if each["kind"] == kind and step in each["step"])
        return (datetime.fromisoformat(entry["at"]) - posted_at).total_seconds()

    hold = Hold(answered=answered, acting=moment("intent"), stopped=moment("done", "stop"), ended=moment("end"))
    subprocess.run([COMMAND, "release", "blottr"], env=os.environ | variables, check=True, capture_output=True, timeout=120)
    return hold


def _draw(answers: list[Answers], holds: list[Hold], rate: int) -> Path:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
    for each in answers:
        times = sorted(seconds * 1000 for seconds in each.seconds)
        left.plot(times, [(place + 1) / len(times) * 100 for place in range(len(times))], label=each.kind)
    left.axvline(50, color="#d62828", linewidth=1)
    left.axhline(99, color=THEIRS, linewidth=0.8)
    left.set_xscale("log")
    left.set_ylim(80, 100.5)
    left.set_xlabel("ms from when a post was due to its answer; red: 50 ms")
    left.set_ylabel("% of answers")
    left.set_title(f"Alert in → answered, {rate} a second", fontsize=10)
    left.legend(fontsize=7, loc="lower right")
    stages = {
        "answered": [hold.answered for hold in holds],
        "first step": [hold.acting for hold in holds],
        "workload at zero": [hold.stopped for hold in holds],
        "hold ended": [hold.ended for hold in holds],
    }
    right.barh(list(stages), [median(values) for values in stages.values()], color=OURS)
    for place, values in enumerate(stages.values()):
        right.plot(values, [place] * len(values), "o", color="black", markersize=3)
    right.invert_yaxis()
    right.axvline(2, color="#d62828", linewidth=1)
    right.set_xlabel("seconds from the post; dots: rounds; red: 2 s")
    right.set_title("Alert in → traffic stopped by an immediate hold", fontsize=10)
    return save(figure, "webhooks")


if __name__ == "__main__":
    main()
