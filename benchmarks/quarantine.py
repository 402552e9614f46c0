"""How long a schema rollback locks a table: set aside in place, beside copying to a quarantine table and dropping.

    python -m benchmarks.quarantine [--rows 1000000] [--rounds 5]

Two figures of each way, in milliseconds: how long ACCESS EXCLUSIVE is held, and the longest that a client that reads one row
in a loop has to wait. `DROP COLUMN` alone keeps nothing; it is there to show what the lock costs at least.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import psycopg
from psycopg import sql

from benchmarks.bench_server import bench_server
from benchmarks.figures import OURS, THEIRS, machine, save
from benchmarks.subject import variables
from continuity.adapters.brief_locks import Limits
from continuity.adapters.dependencies import read_schema
from continuity.adapters.postgres import connect
from continuity.adapters.quarantine import put_back, set_aside
from continuity.domain.live import LiveState
from continuity.domain.quarantine import quarantine_steps
from continuity.domain.setting_aside import SetAside, set_aside_of
from deployments.local.postgres import PostgresServer

TEMPLATE, SUBJECT = "quarantine_template", "quarantine_subject"
SETTLE_SECONDS = 0.5
TARGET_MILLISECONDS = 200

TABLE = """
    create table members (id int primary key, email text not null, bio text, city_id int not null, created_at timestamptz);
    insert into members select n, 'member' || n || '@example.org', repeat('words ', 5) || n, mod(n, 1000), now()
        from generate_series(1, %s) n;
    create index members_bio on members (bio);
    create index members_city on members (city_id);
"""
COPY_COLUMN = (
    "create table kept as select id, bio from members",
    "alter table members drop column bio",
)
BRING_BACK_COLUMN = (
    "alter table members add column bio text",
    "update members set bio = kept.bio from kept where kept.id = members.id",
    "create index members_bio on members (bio)",
    "drop table kept",
)
COPY_TABLE = ("create table kept (like members including all)", "insert into kept select * from members", "drop table members")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one change cost: seconds for which the lock was held, and the longest that a reader waited."""

    way: str
    held_seconds: float
    waited_seconds: float


def main() -> None:
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    found: list[Taken] = []
    with bench_server() as server:
        _make_template(server, asked.rows)
        for number in range(asked.rounds):
            for measure in (_our_column, _their_column, _drop_alone, _our_table, _their_table):
                for taken in measure(server):
                    found.append(taken)
                    held, waited = taken.held_seconds * 1000, taken.waited_seconds * 1000
                    print(f"round {number + 1}: {taken.way}: lock {held:,.0f} ms, a reader waited {waited:,.0f} ms", flush=True)
        _drop(server, SUBJECT, TEMPLATE)
    ways = list(dict.fromkeys(each.way for each in found))
    print(f"\n{machine()}, PostgreSQL {server.major}, {asked.rows:,} rows\n")
    print("| way | lock held: ms, each round | median | longest wait of a reader: ms, each round | median |")
    print("|---|---|---|---|---|")
    for way in ways:
        held, waited = ([each.held_seconds for each in found if each.way == way], _waits(found, way))
        print(f"| {way} | {_shown(held)} | {median(held) * 1000:,.1f} | {_shown(waited)} | {median(waited) * 1000:,.1f} |")
    print(_draw(found, ways, asked.rows))


def _our_column(server: PostgresServer) -> Iterator[Taken]:
    with _subject(server):
        aside = _plan(server, "public.members.bio")
        yield _take(
            server, "column set aside", lambda: set_aside(_dsn(server), SUBJECT, aside, comment="", limits=Limits()).seconds
        )
        yield _take(server, "column put back", lambda: put_back(_dsn(server), SUBJECT, aside, limits=Limits())[0].seconds)


def _our_table(server: PostgresServer) -> Iterator[Taken]:
    with _subject(server):
        aside = _plan(server, "public.members")
        yield _take(
            server, "table set aside", lambda: set_aside(_dsn(server), SUBJECT, aside, comment="", limits=Limits()).seconds
        )
        yield _take(server, "table put back", lambda: put_back(_dsn(server), SUBJECT, aside, limits=Limits())[0].seconds)


def _their_column(server: PostgresServer) -> Iterator[Taken]:
    with _subject(server):
        yield _take(server, "column copied and dropped", lambda: _in_one_transaction(server, COPY_COLUMN))
        yield _take(server, "column brought back from its copy", lambda: _in_one_transaction(server, BRING_BACK_COLUMN))


def _drop_alone(server: PostgresServer) -> Iterator[Taken]:
    with _subject(server):
        yield _take(server, "DROP COLUMN alone, nothing kept", lambda: _in_one_transaction(server, COPY_COLUMN[1:]))


def _their_table(server: PostgresServer) -> Iterator[Taken]:
    with _subject(server):
        yield _take(server, "table copied and dropped", lambda: _in_one_transaction(server, COPY_TABLE))


def _in_one_transaction(server: PostgresServer, statements: Sequence[str]) -> float:
    """Lock first, so that the copy is what is dropped; return the seconds for which the lock was held."""
    with psycopg.connect(_dsn(server)) as connection:
        connection.execute("lock table members in access exclusive mode")
        locked = time.monotonic()
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        return time.monotonic() - locked


def _take(server: PostgresServer, way: str, change: Callable[[], float]) -> Taken:
    """Make a change under the eyes of a reader."""
    argv = [sys.executable, "-m", "benchmarks.patient_reader", "members"]
    with subprocess.Popen(
        argv, env=variables(server, SUBJECT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the reader has no pipes")
        process.stdout.readline()
        time.sleep(SETTLE_SECONDS)
        held = change()
        time.sleep(SETTLE_SECONDS)
        process.stdin.close()
        waited = float(json.loads(process.stdout.read())["longest_seconds"])
    return Taken(way=way, held_seconds=held, waited_seconds=waited)


def _plan(server: PostgresServer, name: str) -> SetAside:
    with connect(_dsn(server)) as connection:
        schema = read_schema(connection)
    live = LiveState(database=SUBJECT, oid=0, system_identifier="", size_bytes=0)
    [step] = quarantine_steps(live, schema, [name], with_dependents=False)
    return set_aside_of(step.arguments)


@contextmanager
def _subject(server: PostgresServer) -> Iterator[None]:
    """Make a database with the table as it was loaded; it is written to disk before anything is measured."""
    _drop(server, SUBJECT)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        made = sql.SQL("create database {} template {} strategy file_copy")
        connection.execute(made.format(sql.Identifier(SUBJECT), sql.Identifier(TEMPLATE)))
        connection.execute("checkpoint")
    yield


def _make_template(server: PostgresServer, rows: int) -> None:
    _drop(server, SUBJECT, TEMPLATE)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    with psycopg.connect(server.dsn(TEMPLATE), autocommit=True) as connection:
        connection.execute(TABLE % rows)
        connection.execute("vacuum analyze members")


def _drop(server: PostgresServer, *names: str) -> None:
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _dsn(server: PostgresServer) -> str:
    return server.dsn(SUBJECT)


def _waits(found: Sequence[Taken], way: str) -> list[float]:
    return [each.waited_seconds for each in found if each.way == way]


def _shown(seconds: Sequence[float]) -> str:
    return ", ".join(f"{each * 1000:,.0f}" for each in seconds)


def _draw(found: Sequence[Taken], ways: Sequence[str], rows: int) -> Path:
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(ways) + 1.4))
    for number, way in enumerate(reversed(ways)):
        ours = "set aside" in way or "put back" in way
        waits = [1000 * seconds for seconds in _waits(found, way)]
        axes.barh(number, median(waits), color=OURS if ours else THEIRS, height=0.6)
        axes.plot(waits, [number] * len(waits), "k.", markersize=4)
    axes.axvline(TARGET_MILLISECONDS, color="k", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(ways)), list(reversed(ways)))
    axes.set_xscale("log")
    axes.set_xlabel("longest wait of a reader, milliseconds (logarithmic); dots: rounds; dotted: the target")
    axes.set_title(f"How long a schema rollback locks a table of {rows:,} rows", fontsize=10)
    return save(figure, "quarantine")


if __name__ == "__main__":
    main()
