"""Rate and peak memory of planning a media rollback, by the number of objects in the bucket: memory has to stay flat.

    python -m benchmarks.media [--objects 10000 100000 1000000]

Each plan is made by a process of its own from a recorded listing: pages of XML as S3 answers them, made as they are asked for,
so that neither a network nor a store is measured. Of ten objects one was deleted, one overwritten and one added since.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.figures import OURS, machine, save
from benchmarks.measuring import Meter
from benchmarks.recorded_listing import MOMENT, recorded_client
from continuity.adapters.directory_vault import DirectoryVault
from continuity.adapters.media_lists import read_list, store_list
from continuity.adapters.media_versions import VersionedBucket
from continuity.domain.application import ApplicationName
from continuity.domain.media_plan import Tally, summarize
from continuity.domain.media_rollback import Action, Change

LIMIT_MEGABYTES = 200


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One plan: how many objects were listed, what is to be done, and what it took."""

    objects: int
    actions: int
    seconds: float
    read_seconds: float
    list_bytes: int
    peak_bytes: int = 0


def main() -> None:
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--plan", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.plan:
        print(json.dumps(_plan(asked.plan)))
        return
    found = [_measured(objects) for objects in asked.objects]
    print(f"\n{machine()}\n")
    print("| objects | actions | plan s | objects a second | list in the vault, MB | reading it back s | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for each in found:
        print(
            f"| {each.objects:,} | {each.actions:,} | {each.seconds:.1f} | {each.objects / each.seconds:,.0f} |"
            f" {each.list_bytes / 1e6:.1f} | {each.read_seconds:.1f} | {each.peak_bytes / 1e6:.0f} |"
        )
    print(_draw(found))


def _measured(objects: int) -> Planned:
    with tempfile.TemporaryFile("w+") as told:
        keys = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
        argv = [sys.executable, "-m", "benchmarks.media", "--plan", str(objects)]
        cost = Meter(server=0).run(argv, os.environ | keys, output=told)
        told.seek(0)
        planned = Planned(objects=objects, peak_bytes=cost.peak_bytes, **json.loads(told.read()))
    print(planned, flush=True)
    return planned


def _plan(objects: int) -> dict[str, float]:
    """Do in this process what `continuity media` does to plan: list, decide, keep the list; then read the list as a run does."""
    with tempfile.TemporaryDirectory() as folder:
        vault, application, tally = DirectoryVault(Path(folder)), ApplicationName("blottr"), Tally()
        started = time.monotonic()
        histories = VersionedBucket(recorded_client(objects), "media").histories("")
        key, sha256 = store_list(vault, application, tally.decided(histories, MOMENT, Change))
        listed = summarize(tally, Change, key=key, sha256=sha256)
        planned = time.monotonic()
        actions = sum(isinstance(entry, Action) for entry in read_list(vault, key))
        read = time.monotonic()
        if (tally.seen, actions) != (objects, listed.actions):
            raise RuntimeError(f"{tally.seen} objects seen of {objects}, {actions} actions read of {listed.actions}")
        return {
            "actions": actions,
            "seconds": planned - started,
            "read_seconds": read - planned,
            "list_bytes": (Path(folder) / key).stat().st_size,
        }


def _draw(found: Sequence[Planned]) -> Path:
    figure, (rate, memory) = plt.subplots(1, 2, figsize=(9, 3.2))
    objects = [each.objects for each in found]
    rate.plot(objects, [each.objects / each.seconds for each in found], "o-", color=OURS)
    rate.set_ylabel("objects a second")
    rate.set_ylim(bottom=0)
    memory.plot(objects, [each.peak_bytes / 1e6 for each in found], "o-", color=OURS)
    memory.axhline(LIMIT_MEGABYTES, color="#d62828", linewidth=1, label=f"limit, {LIMIT_MEGABYTES} MB")
    memory.set_ylabel("MB, peak of the process")
    memory.set_ylim(bottom=0)
    memory.legend(fontsize=8)
    for axes in (rate, memory):
        axes.set_xscale("log")
        axes.set_xlabel("objects in the bucket")
    figure.suptitle("Planning a media rollback from a recorded listing", fontsize=10)
    return save(figure, "media")


if __name__ == "__main__":
    main()
