"""kill -9 at every point of the steps on the schema: resumed or undone, it ends as if nobody had killed anything."""

import pytest

from continuity.engine import Phase
from continuity.procedures.rollback import KEEP_PLAN
from continuity.steps.operation import perform_plainly
from tests.fixtures.killing import Kill, KillEverywhere, start_run, undo_run

KILLED = -9
PHASES = (Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE)
"""Before its intent a step has done nothing; KillEverywhere goes through that too."""
WISHES = [
    ("public.authors", {"with_dependents": True}),
    ("public.books.title", {"with_dependents": True}),
    ("public.books", {"constraint": "books_author_fkey"}),
    ("public.books", {"constraint": "books_title_key"}),
]
NAMES = ["table", "column", "foreign key", "unique constraint"]
BOOKS = """
    create table authors (id int primary key, name text not null);
    create table books (id serial primary key, title text not null unique, author int not null references authors,
        shout text generated always as (upper(title)) stored);
    create view shelf as select title, name from books join authors on authors.id = author;
    create view top as select * from shelf limit 10;
    insert into authors select n, 'A' || n from generate_series(1, 20) n;
    insert into books (title, author) select 'B' || n, 1 + n % 20 from generate_series(1, 500) n;
"""


@pytest.fixture
def books(shelf):
    shelf.sql(BOOKS)
    return shelf


def plan_undo(books) -> str:
    waiting = books.waiting_undo()
    perform_plainly(KEEP_PLAN, books.load()[1], waiting)
    return waiting.plan.hash


def kills(step: str) -> list[Kill]:
    return [*(Kill(step=step, phase=phase) for phase in PHASES), Kill(step=step, phase=Phase.AFTER_INTENT, in_effect=True)]


def run_to_the_end(books, plan: str, everywhere: KillEverywhere) -> int:
    processes = 0
    while start_run(books.environment, "empty", plan, everywhere) == KILLED:
        processes += 1
    return processes


@pytest.mark.parametrize(("name", "wish"), WISHES, ids=NAMES)
def test_killed_at_every_point_and_resumed_each_time_there_and_back_again(books, tmp_path, name, wish):
    before = books.picture()

    there = KillEverywhere(fired=tmp_path / "there")
    assert run_to_the_end(books, books.plan(name, **wish), there) >= len(PHASES)
    assert books.picture() != before
    back = KillEverywhere(fired=tmp_path / "back")
    assert run_to_the_end(books, plan_undo(books), back) >= len(PHASES)

    assert books.picture() == before


@pytest.mark.parametrize(("name", "wish"), [WISHES[0], WISHES[2]], ids=[NAMES[0], NAMES[2]])
def test_killed_at_every_point_and_undone_it_is_as_if_it_had_never_begun(books, name, wish):
    before = books.picture()
    step = books.waiting(name, **wish).plan.steps[0].name

    for kill in kills(step):
        if start_run(books.environment, "empty", books.plan(name, **wish), kill) == KILLED:
            assert undo_run(books.environment, "empty", books.run(), None) == 0
        else:
            # Quicker than the kill: a finished run is undone by one of its own.
            assert kill.in_effect
            books.undo()

        assert books.picture() == before, str(kill)
