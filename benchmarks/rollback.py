"""An emergency on the embedded stack, by the command line: hold, warm and cold rollback, and what engine and journal cost.

    python -m benchmarks.rollback [--megabytes 100 3000] [--rounds 3]

Every figure is of the whole command, from the return key. The engine's own cost is the run's time without its steps' effects.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.figures import OURS, THEIRS, machine, save
from deployments.local.sample_cluster import application_login, deploy_sample, sample_images
from deployments.local.samples import picture_keys, put_pictures
from deployments.local.server_account import reachable_temporary_directory
from deployments.local.stack import APPLICATIONS, load_application, start_stack, stop_stack
from deployments.local.throwaway import throwaway_directory

COMMAND = Path(sys.executable).with_name("continuity")
LIMIT_SECONDS = 3600
PICTURES = 2_000
"""Of more rows than these the files are missing: putting hundreds of thousands takes longer than all that is measured."""


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """What one rollback took, in seconds: until the application was healthy, to the end of all checks, and the engine's share."""

    healthy: float
    whole: float
    engine: float


@dataclass(frozen=True, kw_only=True)
class Emergency:
    """What one round took, in seconds: until the first step acted, the hold, and each rollback."""

    megabytes: int
    first_action: float
    hold: float
    release: float
    warm: RolledBack
    cold: RolledBack


def main() -> None:
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 3000])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    found: list[Emergency] = []
    for megabytes in asked.megabytes:
        with throwaway_directory(reachable_temporary_directory(), stop_stack) as directory:
            variables = _bring_up(directory, megabytes)
            for _ in range(asked.rounds):
                found.append(_round(variables, megabytes))
                print(found[-1], flush=True)
    print(f"\n{machine()}\n")
    print("| MB | first action s | hold s | release s | rollback | healthy after s | end of all checks s | of it engine s |")
    print("|---|---|---|---|---|---|---|---|")
    for megabytes in asked.megabytes:
        rounds = [each for each in found if each.megabytes == megabytes]
        shared = " | ".join(
            f"{median(getattr(each, name) for each in rounds):.2f}" for name in ("first_action", "hold", "release")
        )
        for name in ("warm", "cold"):
            ways: list[RolledBack] = [getattr(each, name) for each in rounds]
            told = " | ".join(f"{median(getattr(each, part) for each in ways):.2f}" for part in ("healthy", "whole", "engine"))
            print(f"| {megabytes} | {shared} | {name} | {told} |")
    print(_draw(found, asked.megabytes))


def _bring_up(directory: Path, megabytes: int) -> dict[str, str]:
    stack = start_stack(directory, report=print, with_prefect=False, images=sample_images())
    load_application(stack.postgres, APPLICATIONS / "blottr", megabytes=megabytes, database="blottr")
    variables = os.environ | stack.variables
    os.environ.update(stack.variables)
    put_pictures(stack.urls["media"], picture_keys(stack.postgres.dsn("blottr"))[:PICTURES])
    deploy_sample(stack.cluster, application_login(stack.postgres, stack.directory, "blottr"))
    return variables


def _round(variables: dict[str, str], megabytes: int) -> Emergency:
    _run(variables, "backup", "blottr", "--no-drill")
    # A drill that keeps its database makes the point warm; the one after it keeps none, and proves the next point cold.
    _run(variables, "drill", "blottr", "--keep")
    hold, held = _timed(variables, "hold", "blottr")
    first_action = _first_action(variables, held["run"], hold)
    release, _ = _timed(variables, "release", "blottr")
    warm, cold = _roll_back(variables), _roll_back(variables)
    return Emergency(
        megabytes=megabytes,
        first_action=first_action,
        hold=hold,
        release=release,
        warm=warm,
        cold=cold,
    )


def _roll_back(variables: dict[str, str]) -> RolledBack:
    plan = _run(variables, "rollback", "blottr")["plan"]
    seconds, said = _timed(variables, "rollback", "blottr", "--approve", plan["hash"])
    entries = _entries(variables, said["run"])
    acting = 0.0
    begun: dict[str, datetime] = {}
    for entry in entries:
        at = datetime.fromisoformat(entry["at"])
        if entry["kind"] == "intent":
            begun[entry["step"]] = at
        elif entry["kind"] == "done" and entry["step"] in begun:
            acting += (at - begun[entry["step"]]).total_seconds()
    whole = _between(entries[0], entries[-1])
    healthy = next(entry for entry in entries if entry["kind"] == "done" and "health" in entry["step"])
    return RolledBack(healthy=seconds - _between(healthy, entries[-1]), whole=seconds, engine=whole - acting)


def _between(one: dict[str, Any], other: dict[str, Any]) -> float:
    return (datetime.fromisoformat(other["at"]) - datetime.fromisoformat(one["at"])).total_seconds()


def _first_action(variables: dict[str, str], run: str, hold_seconds: float) -> float:
    """Return the seconds from the return key to the first step's intent: the whole less what came after it."""
    entries = _entries(variables, run)
    first = next(entry for entry in entries if entry["kind"] in {"intent", "done"})
    return hold_seconds - _between(first, entries[-1])


def _entries(variables: dict[str, str], run: str) -> list[dict[str, Any]]:
    done = subprocess.run([COMMAND, "watch", run, "--json"], env=variables, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _timed(variables: dict[str, str], *words: str) -> tuple[float, dict[str, Any]]:
    started = time.monotonic()
    said = _run(variables, *words)
    return time.monotonic() - started, said


def _run(variables: dict[str, str], *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [COMMAND, *words, "--json"], env=variables, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    if done.returncode not in {0, 4}:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _draw(found: Sequence[Emergency], sizes: Sequence[int]) -> Path:
    figure, axes = plt.subplots(figsize=(8, 0.5 * 4 * len(sizes) + 1.3))
    labels, healthy, checked = [], [], []
    for size in sizes:
        rounds = [each for each in found if each.megabytes == size]
        for name in ("warm", "cold"):
            ways: list[RolledBack] = [getattr(each, name) for each in rounds]
            labels.append(f"{name} rollback, {size:,} MB")
            healthy.append(median(each.healthy for each in ways))
            checked.append(median(each.whole for each in ways) - healthy[-1])
        for name in ("hold", "release"):
            labels.append(f"{name}, {size:,} MB")
            healthy.append(median(getattr(each, name) for each in rounds))
            checked.append(0.0)
    bars = axes.barh(labels, healthy, color=OURS, label="until the application is healthy, or held")
    axes.barh(labels, checked, left=healthy, color=THEIRS, label="the checks after that, while it serves")
    axes.bar_label(bars, fmt="%.1f s", padding=3)
    axes.set_xlabel("seconds from the return key, median")
    axes.set_title("An emergency on the embedded stack", loc="left")
    axes.legend(frameon=False)
    axes.invert_yaxis()
    return save(figure, "rollback")


if __name__ == "__main__":
    main()
