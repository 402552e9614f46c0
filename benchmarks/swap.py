"""How long clients are cut off by a rollback: the swap of names, beside `pg_restore --clean --if-exists` in place.

    python -m benchmarks.swap [--megabytes 100 3000] [--clients 0 20] [--rounds 5]

The figure is the longest time for which no observer got a row, in milliseconds.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import psycopg
from psycopg import sql

from benchmarks.bench_server import bench_server, database_of, place
from benchmarks.figures import OURS, THEIRS, machine, save
from benchmarks.subject import variables
from continuity.adapters.postgres import connect
from continuity.adapters.swap import find_database, swap_databases, system_identifier
from continuity.domain.swap import Swap
from deployments.local.postgres import PostgresServer

LIVE, SHADOW, REPLACED = "swap_live", "swap_shadow", "swap_replaced"
OBSERVERS = 2
SETTLE_SECONDS = 1.0

Replace = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """What clients saw of one replacement."""

    way: str
    megabytes: int
    clients: int
    cut_off_seconds: tuple[float, ...]


def main() -> None:
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 3000])
    parser.add_argument("--clients", type=int, nargs="+", default=[0, 20])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    found, dump = [], place() / "in-place.dump"
    with bench_server() as server:
        for megabytes in asked.megabytes:
            database = database_of(server, megabytes)
            argv = [server.binaries / "pg_dump", "--format=custom", f"--file={dump}"]
            subprocess.run(argv, env=variables(server, database), check=True)
            for clients in asked.clients:
                for way, replace, rounds in (
                    ("swap", lambda: swap_once(server.dsn("postgres")), asked.rounds),
                    ("in place", lambda: restore_in_place(server, dump), 1),
                ):
                    prepare(server, database, shadow=way == "swap")
                    cut_off = tuple(observe(server, clients, replace) for _ in range(rounds))
                    found.append(Interruption(way=way, megabytes=megabytes, clients=clients, cut_off_seconds=cut_off))
                    print(f"{way}, {megabytes} MB, {clients} clients: {_shown(cut_off)}", flush=True)
            dump.unlink()
        clear(server)
    print(f"\n{machine()}, PostgreSQL {server.major}\n")
    print("| MB | clients | swap: ms, each round | in place: ms | times longer |")
    print("|---|---|---|---|---|")
    for swap, in_place in zip(found[::2], found[1::2], strict=True):
        times = median(in_place.cut_off_seconds) / median(swap.cut_off_seconds)
        shown = f"{_shown(swap.cut_off_seconds)} | {_shown(in_place.cut_off_seconds)} | {times:.0f}"
        print(f"| {swap.megabytes} | {swap.clients} | {shown} |")
    print(_draw(found))


def observe(server: PostgresServer, clients: int, replace: Replace) -> float:
    """Replace the live database under the eyes of observers; return the longest time for which none of them got a row."""
    argv = [sys.executable, "-m", "benchmarks.observers", str(OBSERVERS), str(clients)]
    with subprocess.Popen(argv, env=variables(server, LIVE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("observers have no pipes")
        process.stdout.readline()
        time.sleep(SETTLE_SECONDS)
        replace()
        time.sleep(SETTLE_SECONDS)
        process.stdin.close()
        answers = sorted(moment for seen in json.loads(process.stdout.read()) for moment in seen)
    return max(later - earlier for earlier, later in pairwise(answers))


def swap_once(dsn: str) -> None:
    """Swap the live database and the one beside it; the next call swaps them back."""
    with connect(dsn, "postgres") as connection:
        live, shadow = find_database(connection, LIVE), find_database(connection, SHADOW)
        if live is None or shadow is None:
            raise RuntimeError("the databases to swap are not there")
        swap = Swap(
            system_identifier=system_identifier(connection),
            live=LIVE,
            live_oid=live.oid,
            shadow=SHADOW,
            shadow_oid=shadow.oid,
            replaced=REPLACED,
        )
    swap_databases(dsn, swap)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(REPLACED), sql.Identifier(SHADOW)))


def restore_in_place(server: PostgresServer, dump: Path) -> None:
    """Restore into the live database, as pages of commands say."""
    argv = [server.binaries / "pg_restore", "--clean", "--if-exists", f"--dbname={LIVE}", dump]
    subprocess.run(argv, env=variables(server, LIVE), check=True, capture_output=True)


def prepare(server: PostgresServer, database: str, *, shadow: bool) -> None:
    """Make the live database, and one beside it, as copies of a loaded one."""
    clear(server)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        for name in (LIVE, SHADOW) if shadow else (LIVE,):
            made = sql.SQL("create database {} template {} strategy file_copy")
            connection.execute(made.format(sql.Identifier(name), sql.Identifier(database)))


def clear(server: PostgresServer) -> None:
    """Drop what this benchmark has made."""
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        for name in (LIVE, SHADOW, REPLACED):
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _shown(seconds: tuple[float, ...]) -> str:
    return ", ".join(f"{each * 1000:,.0f}" for each in seconds)


def _draw(found: list[Interruption]) -> Path:
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(found) + 1.2))
    for number, each in enumerate(reversed(found)):
        colour = OURS if each.way == "swap" else THEIRS
        axes.barh(number, median(each.cut_off_seconds) * 1000, color=colour, height=0.6)
        axes.plot([1000 * seconds for seconds in each.cut_off_seconds], [number] * len(each.cut_off_seconds), "k.", markersize=4)
    labels = [f"{each.way}, {each.megabytes} MB, {each.clients} clients" for each in reversed(found)]
    axes.set_yticks(range(len(found)), labels)
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds without an answer (logarithmic); dots: rounds")
    axes.set_title("How long a rollback cuts clients off", fontsize=10)
    return save(figure, "swap")


if __name__ == "__main__":
    main()
