"""How long it takes to stand a database up again on an empty server, against its size, and what was predicted beforehand.

    python -m benchmarks.recovery [--megabytes 100 300 700] [--rounds 3]

The figure is of the whole command, from the return key to the proof. The prediction is the plan's own, from the point's drill.
"""

import argparse
import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.bench_server import SETTINGS, bench_server, database_of, place
from benchmarks.figures import OURS, THEIRS, machine, save
from benchmarks.subject import Subject, describe
from deployments.local.postgres import start_postgres, stop_postgres

LIMIT_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """One recovery: what the plan said, and what it took, in seconds."""

    megabytes: int
    predicted: float
    taken: float


def main() -> None:
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 300, 700])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    found: list[Recovery] = []
    with bench_server() as server:
        for megabytes in asked.megabytes:
            subject = describe(place() / "recovery", server, database_of(server, megabytes))
            _run(subject, "backup")
            found += [_recover(subject, megabytes) for _ in range(asked.rounds)]
            shutil.rmtree(subject.folder)
    print(f"\n{machine()}, PostgreSQL {server.major}; blottr, {asked.rounds} rounds\n")
    print("| MB | predicted s | taken s, each round | median s | off by |")
    print("|---|---|---|---|---|")
    for megabytes in asked.megabytes:
        rounds = [each for each in found if each.megabytes == megabytes]
        taken, predicted = median(each.taken for each in rounds), median(each.predicted for each in rounds)
        told = ", ".join(f"{each.taken:.1f}" for each in rounds)
        print(f"| {megabytes} | {predicted:.1f} | {told} | {taken:.1f} | {(predicted - taken) / taken:+.0%} |")
    print(_draw(found, asked.megabytes))


def _recover(subject: Subject, megabytes: int) -> Recovery:
    """Recover on a server that has nothing, and throw it away."""
    folder = place() / "empty-server"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o755)
    try:
        fresh = start_postgres(folder, durable=True, settings=SETTINGS)
        elsewhere = {**subject.variables, "CONTINUITY_DATABASE_DSN": fresh.dsn("postgres")}
        plan = _run(subject, "recover", variables=elsewhere)["plan"]
        started = time.monotonic()
        _run(subject, "recover", "--approve", plan["hash"], variables=elsewhere)
        return Recovery(megabytes=megabytes, predicted=plan["seconds"], taken=time.monotonic() - started)
    finally:
        stop_postgres(folder)
        shutil.rmtree(folder)


def _run(subject: Subject, verb: str, *words: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
    argv = list(map(str, subject.argv(verb, *words)))
    done = subprocess.run(
        argv, env=variables or subject.variables, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    if done.returncode not in {0, 4}:
        raise RuntimeError(f"{verb} ended with {done.returncode}: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _draw(found: list[Recovery], sizes: list[int]) -> object:
    figure, axes = plt.subplots(figsize=(8, 4))
    axes.plot(
        sizes,
        [median(each.predicted for each in found if each.megabytes == size) for size in sizes],
        color=THEIRS,
        marker="o",
        label="predicted",
    )
    axes.scatter(
        [each.megabytes for each in found], [each.taken for each in found], color=OURS, label="taken, each round", zorder=3
    )
    axes.set_xlabel("database, MB")
    axes.set_ylabel("seconds")
    axes.set_ylim(bottom=0)
    axes.set_title("Recovery on an empty server, from the return key to the proof", loc="left")
    axes.legend(frameon=False)
    return save(figure, "recovery")


if __name__ == "__main__":
    main()
