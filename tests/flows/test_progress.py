"""Progress and reports in Prefect: what a person reads, and that a server that fails or hangs costs next to nothing."""

import logging
import threading
import time

import pytest
from prefect import flow
from prefect.artifacts import Artifact

from continuity.domain.application import ApplicationName
from flows import progress as shown
from flows.progress import Advance, Progress
from flows.publishing import publish
from flows.watchdog import ending_in_time

SHOP = ApplicationName("shop")
HALF = Advance(aside="snapshot held for 10 s", done_bytes=300_000_000, expected_bytes=700_000_000, began=0, seen=10)


def test_an_advance_is_told_in_bytes_rate_and_time_left_with_what_belongs_beside_it():
    assert str(HALF) == "300.0 MB of about 700.0 MB, 30.0 MB/s, about 13 s left, snapshot held for 10 s"
    assert round(HALF.percent) == 43


def test_an_estimate_that_was_too_small_never_looks_like_the_end():
    beyond = Advance(aside="", done_bytes=800, expected_bytes=700, began=0, seen=1)

    assert beyond.percent < 100
    assert "left" not in str(beyond)


def test_progress_is_one_artifact_a_kind_of_work_that_moves_and_ends_at_the_whole(prefect_server):
    @flow(persist_result=False)
    def work():
        with Progress(SHOP, every_seconds=0.1) as progress:
            progress.report("dump and upload, snapshot held for 1 s", 10, 100)
            time.sleep(0.5)
            midway = Artifact.get("shop-dump-and-upload-progress")
            progress.report("dump and upload, snapshot held for 2 s", 90, 100)
            progress.report("fetch", 5, 5)
        return midway, Artifact.get("shop-dump-and-upload-progress"), Artifact.get("shop-fetch-progress")

    midway, dumped, fetched = work()

    assert (midway.data, dumped.data, fetched.data) == (10, 100, 100)
    assert midway.id == dumped.id
    assert midway.flow_run_id is not None
    assert dumped.description.endswith("snapshot held for 2 s")


def test_a_failed_run_does_not_show_its_work_as_done(prefect_server):
    @flow(persist_result=False)
    def work():
        with Progress(SHOP, every_seconds=0.1) as progress:
            progress.report("restore", 10, 100)
            raise RuntimeError

    work(return_state=True)

    assert Artifact.get("shop-restore-progress").data == 10


def test_a_report_that_prefect_refuses_is_one_log_line(caplog):
    def refuse() -> None:
        raise ConnectionError("refused")

    assert publish("shop-drill", refuse) is None
    assert [record.getMessage() for record in caplog.records] == [
        "not shown in Prefect what='shop-drill' because=ConnectionError: refused"
    ]


def test_a_server_that_hangs_is_waited_for_no_longer_than_patience(caplog):
    answered = threading.Event()
    began = time.monotonic()

    assert publish("shop-drill", answered.wait, patience_seconds=0.2) is None

    assert time.monotonic() - began < 2
    assert "no answer within 0.2 s" in caplog.text
    answered.set()


def test_progress_gives_up_at_the_first_failure_and_never_holds_the_work_up(monkeypatch, caplog):
    asked = []

    def hang(*_args, **_kwargs) -> None:
        asked.append(1)
        raise ConnectionError("refused")

    monkeypatch.setattr(shown, "create_progress_artifact", hang)
    began = time.monotonic()

    with caplog.at_level(logging.WARNING), Progress(SHOP, every_seconds=0.01) as progress:
        for done in range(1000):
            progress.report("dump and upload", done, 1000)
            time.sleep(0.0002)

    assert len(asked) == 1
    assert time.monotonic() - began < 3
    assert len(caplog.records) == 1


@pytest.mark.parametrize("error", [None, RuntimeError("boom")])
def test_a_process_that_was_not_started_for_one_run_is_never_ended(monkeypatch, error):
    monkeypatch.delenv("PREFECT__FLOW_RUN_ID", raising=False)

    try:
        with ending_in_time(0.01):
            if error:
                raise error
    except RuntimeError:
        pass

    assert not [each for each in threading.enumerate() if each.name == "watchdog"]
