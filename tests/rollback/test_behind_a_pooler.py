"""A rollback behind PgBouncer: its clients wait for the swap, and get through whatever befalls the run."""

import os
import signal
import time
from contextlib import suppress

import psycopg
import pytest

from continuity.adapters.pooler import held_back, read_entrances
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.journal import read_history
from continuity.procedures.runs import resume, take_back
from continuity.steps.places import journals_of
from tests.fixtures import killing
from tests.fixtures.killing import Kill, hands, start_run
from tests.fixtures.poolers import assert_old_or_new, observers

SPOILT = "select count(*) > 0 from entries where words = 'spoilt'"
SWAP = "swap the databases"
MODES = ("session", "transaction")


@pytest.fixture
def pooled(place, run_pooler):
    """Put a pooler of a mode in front of a place, and tell the environment."""

    def put(mode: str):
        pooler = run_pooler(place.dsn, mode)
        place.set("rollback", f'pooler_dsn = "{pooler.console}"')
        return place, pooler

    return put


def paused(place, pooler) -> bool:
    name = psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"]
    [entrance] = read_entrances(pooler.console, name)
    return entrance.paused


def await_open(place, pooler, *, within_seconds: float) -> float:
    began = time.monotonic()
    while paused(place, pooler):
        assert time.monotonic() - began < within_seconds
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.mark.parametrize("mode", MODES)
def test_clients_of_the_pooler_see_the_old_then_the_new_database(pooled, mode):
    place, pooler = pooled(mode)
    plan = place.plan()

    with observers(pooler.dsn, SPOILT) as seen:
        assert start_run(place.environment, "guestbook", plan, None) == 0

    assert_old_or_new(seen, old=True, new=False)
    assert not paused(place, pooler)
    history = read_history(journals_of(place.load()[1]), place.run())
    assert history.done(SWAP).facts["clients waited"] is True
    assert history.done("let clients through") is not None


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_is_killed_while_clients_wait_leaves_them_waiting_no_second(pooled, mode):
    place, pooler = pooled(mode)
    plan = place.plan()
    # An open transaction makes the pause last for as long as it may.
    with psycopg.connect(pooler.dsn) as holder:
        holder.execute("select 1")
        process = killing._SERVER.Process(
            target=killing._start,
            args=(place.environment, "guestbook", plan, None),
        )
        process.start()
        deadline = time.monotonic() + 30
        while not paused(place, pooler) and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL

        assert await_open(place, pooler, within_seconds=2) < 1

    with psycopg.connect(pooler.dsn) as client:
        assert client.execute(SPOILT).fetchone() == (True,)
    assert start_run(place.environment, "guestbook", plan, None) == 0
    assert place.databases() == ["", "_replaced"]
    assert not paused(place, pooler)


def test_a_process_that_is_frozen_while_clients_wait_does_not_make_them_wait_for_long(pooled, monkeypatch):
    place, pooler = pooled("transaction")
    monkeypatch.setattr("continuity.adapters.pooler.GUARD_SECONDS", 0.5)

    with held_back(pooler.console, psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"]):
        assert paused(place, pooler)
        await_open(place, pooler, within_seconds=2)


@pytest.mark.parametrize(
    "kill",
    [
        *[Kill(step=SWAP, phase=phase) for phase in (Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE)],
        Kill(step="let clients through", phase=Phase.BEFORE_INTENT),
    ],
    ids=str,
)
def test_a_pause_that_outlived_even_its_guard_ends_when_the_run_is_resumed(pooled, kill):
    place, pooler = pooled("transaction")
    plan = place.plan()
    assert start_run(place.environment, "guestbook", plan, kill) == -9
    pooler.ask("pause site")

    assert start_run(place.environment, "guestbook", plan, None) == 0

    assert not paused(place, pooler)
    assert place.spoilt() == 0


def test_a_pause_that_outlived_even_its_guard_ends_when_the_run_is_taken_back(pooled):
    place, pooler = pooled("transaction")
    assert start_run(place.environment, "guestbook", place.plan(), Kill(step=SWAP, phase=Phase.AFTER_INTENT)) == -9
    pooler.ask("pause site")

    report = take_back(*place.load(), place.run(), hands=hands(None))

    assert report.ended.outcome is Outcome.UNDONE
    assert not paused(place, pooler)


def test_a_pooler_that_is_gone_by_then_does_not_stop_the_swap_and_the_run_says_what_is_left(pooled):
    place, pooler = pooled("session")
    plan = place.plan()
    assert start_run(place.environment, "guestbook", plan, Kill(step="judge the restore", phase=Phase.DONE)) == -9
    with suppress(psycopg.OperationalError):  # it does not say goodbye
        pooler.ask("shutdown")

    report = resume(*place.load(), place.run(), hands=hands(None))

    assert report.ended.outcome is Outcome.INCOMPLETE
    assert report.ended.failed == "let clients through"
    assert place.spoilt() == 0


def test_a_pooler_that_somebody_has_paused_or_that_is_another_one_is_refused_beforehand(pooled):
    place, pooler = pooled("transaction")
    pooler.ask("pause site")
    before = place.server()

    with pytest.raises(UnsafeOperation) as refused:
        place.waiting()
    assert "somebody has paused site" in refused.value.detail

    pooler.ask("resume site")
    text = place.environment.read_text()
    place.environment.write_text(text.replace("console:console", "console:wrong"))
    with pytest.raises(UnsafeOperation) as refused:
        place.waiting()
    assert "✗ pooler: " in refused.value.detail
    assert place.server() == before
