"""Peak memory of a backup and of a fetch, by the size of the database: it has to stay flat.

    python -m benchmarks.memory [--megabytes 100 700 3000]

The figure is the largest resident set of any single process: `continuity`, or a PostgreSQL tool that it runs.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.bench_server import bench_server, database_of, place
from benchmarks.figures import machine, save
from benchmarks.measuring import Meter
from benchmarks.object_sink import object_sink
from benchmarks.subject import describe

LIMIT_MEGABYTES = 200


def main() -> None:
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 700, 3000])
    sizes = parser.parse_args().megabytes
    peaks: dict[str, list[float]] = {}
    with bench_server() as server, object_sink(place() / "store") as (store, store_pid):
        meter = Meter(server=server.pid, store=store_pid)
        for megabytes in sizes:
            database = database_of(server, megabytes)
            for name, address in (("S3", store), ("directory", "")):
                subject = describe(place() / f"memory-{name}", server, database, store=address, encrypted=True)
                backed_up = meter.run(subject.argv("backup", "--no-drill"), subject.variables)
                argv = [sys.executable, "-m", "benchmarks.fetched", subject.environment, subject.newest_point()]
                fetched = meter.run(argv, subject.variables)
                peaks.setdefault(f"backup, {name}, encrypted", []).append(backed_up.peak_bytes / 1e6)
                peaks.setdefault(f"fetch and verify, {name}, encrypted", []).append(fetched.peak_bytes / 1e6)
                shutil.rmtree(subject.folder)
    print(f"\n{machine()}, PostgreSQL {server.major}\n")
    print(f"| peak MB | {' | '.join(f'{size} MB' for size in sizes)} | more at the largest |")
    print("|---|" + "---|" * (len(sizes) + 1))
    for name, each in peaks.items():
        print(f"| {name} | {' | '.join(f'{peak:.0f}' for peak in each)} | {each[-1] - each[0]:+.0f} |")
    print(_draw(sizes, peaks))


def _draw(sizes: Sequence[int], peaks: Mapping[str, Sequence[float]]) -> Path:
    figure, axes = plt.subplots(figsize=(8, 3.2))
    for name, each in peaks.items():
        axes.plot(sizes, each, "o-", label=name)
    axes.axhline(LIMIT_MEGABYTES, color="#d62828", linewidth=1, label=f"limit, {LIMIT_MEGABYTES} MB")
    axes.set_xlabel("MB of database")
    axes.set_ylabel("MB, peak of a process")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return save(figure, "memory")


if __name__ == "__main__":
    main()
