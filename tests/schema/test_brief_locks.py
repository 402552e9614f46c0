"""A schema change waits for nobody longer than its limit, lets clients pass in between, and says who was in the way."""

import threading
import time

import psycopg
import pytest

from continuity.adapters.brief_locks import Limits, change_briefly
from continuity.adapters.postgres import translated
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import DatabaseError, UnsafeOperation

LIMIT_MILLISECONDS = 200
# What a busy machine adds to a wait is not the lock's.
NOISE_SECONDS = 0.4


@pytest.fixture
def notes(shelf):
    shelf.sql(
        "create table notes (id int primary key, words text)", "insert into notes select n, 'x' from generate_series(1, 1000) n"
    )
    return shelf


class Reader(threading.Thread):
    """Reads a row in a loop, and remembers how long it had to wait for the slowest answer."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self.dsn = dsn
        self.stop = threading.Event()
        self.slowest = 0.0
        self.answers = 0

    def run(self) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as session:
            while not self.stop.wait(0.002):
                began = time.monotonic()
                session.execute("select id from notes where id = 7").fetchone()
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.answers += 1

    def end(self) -> float:
        self.stop.set()
        self.join()
        return self.slowest


def test_behind_a_long_reader_others_wait_no_longer_than_the_limit_and_it_is_named_in_the_end(notes):
    notes.set(f"lock_timeout_milliseconds = {LIMIT_MILLISECONDS}", "lock_patience_seconds = 2")
    before = notes.picture()
    reader = Reader(notes.dsn)
    with psycopg.connect(notes.dsn, application_name="the long report") as report:
        report.execute("select count(*) from notes")
        reader.start()
        ended = notes.set_aside("public.notes.words").ended
        slowest = reader.end()

    assert ended.outcome is Outcome.UNDONE
    assert "public.notes could not be locked within 2 s" in ended.because
    assert "the long report" in ended.because
    assert 0 < slowest < LIMIT_MILLISECONDS / 1000 + NOISE_SECONDS
    assert reader.answers > 100
    assert notes.picture() == before


def test_once_the_reader_is_done_the_change_gets_in(notes):
    with psycopg.connect(notes.dsn) as report:
        report.execute("select count(*) from notes")

        def observe(_step, phase: Phase) -> None:
            if phase is Phase.AFTER_INTENT:
                threading.Timer(0.7, report.rollback).start()

        run = notes.set_aside("public.notes.words", watched=observe)

    assert run.ended.outcome is Outcome.DONE
    assert notes.facts(run)["tries"] > 1
    assert notes.facts(run)["locked seconds"] < LIMIT_MILLISECONDS / 1000
    assert notes.undo().ended.outcome is Outcome.DONE


def test_a_process_that_freezes_with_the_locks_is_ended_by_the_server(notes):
    frozen = threading.Event()

    def freeze(_connection) -> None:
        frozen.wait(3)

    limits = Limits(lock_timeout_milliseconds=LIMIT_MILLISECONDS, patience_seconds=0)
    database = notes.protected.application.database.name
    ended: list[Exception] = []

    def change() -> None:
        try:
            change_briefly(notes.dsn, database, [("public", "notes")], freeze, limits=limits)
        except DatabaseError as error:
            ended.append(error)

    thread = threading.Thread(target=change)
    thread.start()
    time.sleep(0.2)

    began = time.monotonic()
    notes.sql("select count(*) from notes")

    assert time.monotonic() - began < 2
    frozen.set()
    thread.join()
    assert ended


def test_a_prepared_transaction_in_the_way_is_told_as_one(notes):
    with psycopg.connect(notes.dsn) as session:
        session.execute("select count(*) from notes")
        session.execute("prepare transaction 'forgotten'")
    limits = Limits(lock_timeout_milliseconds=100, patience_seconds=0)
    database = notes.protected.application.database.name
    try:
        with pytest.raises(UnsafeOperation, match="a prepared transaction"):
            change_briefly(notes.dsn, database, [("public", "notes")], lambda _connection: None, limits=limits)
    finally:
        notes.sql("rollback prepared 'forgotten'")


def test_work_that_takes_too_long_is_taken_back_and_tried_again(notes):
    # On a busy machine the second try may be too slow as well.
    slow = iter([0.5, *[0.0] * 50])

    def act(connection) -> None:
        with translated("the work"):
            connection.execute("update public.notes set words = words || '!'")
            connection.execute("select pg_sleep(%s)", (next(slow),))

    limits = Limits(lock_timeout_milliseconds=LIMIT_MILLISECONDS, patience_seconds=5)
    held = change_briefly(notes.dsn, notes.protected.application.database.name, [("public", "notes")], act, limits=limits)

    assert held.tries >= 2
    assert notes.sql("select max(length(words)) from notes") == 2
