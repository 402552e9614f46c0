"""Processes in the background: one each, found again, ended, and never mistaken for another."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from continuity.errors import ConfigurationRefused, ContinuityError
from deployments.local import processes
from deployments.local.processes import LOCALHOST, ProcessIdentity, ServiceRecord
from deployments.local.services import Service, start_service, stop_service

PAGES = Service(
    name="pages",
    command=(sys.executable, "-m", "http.server", "--bind", LOCALHOST, "{port}"),
    ready_path="/",
    ready_seconds=20,
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stop_service(tmp_path, "pages")


def test_a_service_started_twice_is_one_process(state: Path) -> None:
    first = start_service(state, PAGES)

    second = start_service(state, PAGES)

    assert second == first


def test_a_stopped_service_leaves_no_process_and_comes_back_on_its_port(state: Path) -> None:
    first = start_service(state, PAGES)

    stop_service(state, "pages")
    stop_service(state, "pages")

    assert processes.identify(first.pid) is None
    assert start_service(state, PAGES).port == first.port


def test_a_pid_that_went_to_somebody_else_is_not_killed(state: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    stale = ServiceRecord(port=1, process=ProcessIdentity(pid=stranger.pid, started="in another life"))
    processes.write_record(state / "pages.json", stale)

    stop_service(state, "pages")

    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_service_that_ends_at_once_shows_the_end_of_its_log(state: Path) -> None:
    broken = Service(
        name="pages",
        command=(sys.executable, "-c", "raise SystemExit('no such thing')"),
        ready_path="/",
        ready_seconds=20,
    )

    with pytest.raises(ContinuityError) as ended:
        start_service(state, broken)

    assert "no such thing" in ended.value.detail
    assert not ended.value.transient


def test_a_service_that_does_not_answer_in_time_is_stopped(state: Path) -> None:
    mute = Service(name="pages", command=("sleep", "60"), ready_path="/", ready_seconds=0.3)

    with pytest.raises(ContinuityError, match=r"does not answer on port \d+ after 0.3 s"):
        start_service(state, mute)

    record = processes.read_record(state / "pages.json")
    assert record is not None
    assert record.process is not None
    assert not processes.is_running(record.process)


def test_a_service_gets_none_of_the_callers_secrets(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "do-not-tell")

    service = start_service(state, PAGES)

    assert b"do-not-tell" not in Path(f"/proc/{service.pid}/environ").read_bytes()


def test_a_record_that_is_none_is_refused_by_its_path(state: Path) -> None:
    (state / "pages.json").write_text("{}")

    with pytest.raises(ConfigurationRefused, match=r"pages\.json is not a record"):
        start_service(state, PAGES)
    (state / "pages.json").unlink()


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    stubborn = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    identity = processes.identify(stubborn.pid)
    assert identity is not None

    processes.stop(identity, [(signal.SIGTERM, 0.2), (signal.SIGKILL, 10)])

    assert stubborn.wait(10) == -signal.SIGKILL
    stubborn.stdout.close()
