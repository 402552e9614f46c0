"""A restore from the vault, beside a download and `pg_restore` with one job. Analyze is left out on both sides.

python -m benchmarks.restore [--megabytes 700] [--rounds 5]
"""

import argparse
import json
import shutil
import statistics
import sys
from dataclasses import replace

import psycopg
from psycopg import sql

from benchmarks.bench_server import bench_server, database_of, place
from benchmarks.figures import cost_table, draw_walls, machine
from benchmarks.measuring import Cost, Meter, interleaved, times_faster
from benchmarks.object_sink import BUCKET, object_sink
from benchmarks.subject import DOWNLOAD, UPLOAD, describe, variables
from deployments.local.postgres import PostgresServer

THEIRS = "download, pg_restore with one job"
THEIRS_PARALLEL = "download, pg_restore --jobs=2"
PLAIN, ENCRYPTED = "continuity, S3", "continuity, S3, encrypted"
TARGET = "benchmark_restored"


def main() -> None:
    """Measure, print the tables, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=700)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with bench_server() as server, object_sink(place() / "store") as (store, store_pid):
        database = database_of(server, asked.megabytes)
        meter, environment = Meter(server=server.pid, store=store_pid), variables(server, database)
        dump = place() / "plain.dump"
        meter.run([server.binaries / "pg_dump", "--format=custom", f"--file={dump}"], environment)
        meter.run([sys.executable, "-c", UPLOAD, store, dump, BUCKET, "plain.dump"], environment)

        def downloaded(jobs: int) -> Cost:
            fresh_database(server)
            fetched = meter.run([sys.executable, "-c", DOWNLOAD, store, BUCKET, "plain.dump", dump], environment)
            argv = [server.binaries / "pg_restore", f"--dbname={TARGET}", f"--jobs={jobs}", "--exit-on-error", dump]
            return fetched + meter.run(argv, environment)

        steps: dict[str, list[dict[str, float]]] = {PLAIN: [], ENCRYPTED: []}
        subjects = {
            PLAIN: describe(place() / "s3", server, database, store=store),
            ENCRYPTED: describe(place() / "s3-encrypted", server, database, store=store, encrypted=True),
        }
        for subject in subjects.values():
            meter.run(subject.argv("backup", "--no-drill"), subject.variables)

        def restored(name: str) -> Cost:
            subject = subjects[name]
            argv = [sys.executable, "-m", "benchmarks.restored", subject.environment, subject.newest_point()]
            with (place() / "steps.json").open("w+") as told:
                cost = meter.run(argv, subject.variables, output=told)
                told.seek(0)
                steps[name].append(json.load(told))
            return replace(cost, seconds=cost.seconds - steps[name][-1]["analyze"] - steps[name][-1]["drop"])

        costs = interleaved(
            {
                THEIRS: lambda: downloaded(1),
                THEIRS_PARALLEL: lambda: downloaded(2),
                PLAIN: lambda: restored(PLAIN),
                ENCRYPTED: lambda: restored(ENCRYPTED),
            },
            rounds=asked.rounds,
        )
        dump.unlink()
        for subject in subjects.values():
            shutil.rmtree(subject.folder)
    print(f"\n{machine()}, PostgreSQL {server.major}; blottr of {asked.megabytes} MB\n")
    print(cost_table(costs), "\n")
    for name, each in steps.items():
        told = ", ".join(f"{step} {statistics.median(one[step] for one in each):.1f} s" for step in each[0])
        print(f"{name}: {told}")
        print(f"{name}: {times_faster(costs[THEIRS], costs[name]):.2f} times as fast as {THEIRS}")
    title = f"Restore of {asked.megabytes} MB, PostgreSQL {server.major}, {machine().split(', P')[0]}"
    print(draw_walls(costs, title=title, name="restore", ours=list(subjects)))


def fresh_database(server: PostgresServer) -> None:
    """Make an empty database to restore into, in the place of a former one."""
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(TARGET)))
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(TARGET)))
        connection.execute("checkpoint")


if __name__ == "__main__":
    main()
