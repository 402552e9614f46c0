"""What a program cost: wall time, CPU of its own, of the PostgreSQL server and of the store, and peak memory."""

import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO

WATCH_SECONDS = 0.02
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run took. The CPU seconds are those of the programs, of PostgreSQL's processes, and of the store."""

    seconds: float
    cpu_seconds: float
    server_cpu_seconds: float = 0.0
    store_cpu_seconds: float = 0.0
    peak_bytes: int = 0
    """Largest resident memory of any single process of the programs."""

    def __add__(self, other: "Cost") -> "Cost":
        """Return what two runs took, one after the other."""
        return Cost(
            seconds=self.seconds + other.seconds,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            server_cpu_seconds=self.server_cpu_seconds + other.server_cpu_seconds,
            store_cpu_seconds=self.store_cpu_seconds + other.store_cpu_seconds,
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
        )


@dataclass(frozen=True, kw_only=True)
class Meter:
    """Measures programs; `server` and `store` are the process ids whose CPU is told apart."""

    server: int
    store: int = 0

    def run(self, argv: Sequence[str | Path], environment: Mapping[str, str], *, output: IO[str] | None = None) -> Cost:
        """Run a program to its end; its stdout goes to `output`.

        Raises:
            RuntimeError: it did not end with 0; the message is the end of what it said.

        """
        before = family_cpu_seconds(self.server), family_cpu_seconds(self.store)
        started = time.monotonic()
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(list(map(str, argv)), env=dict(environment), stdout=output or said, stderr=said)
            with _watched(process.pid) as peak:
                _, status, usage = os.wait4(process.pid, 0)
                seconds = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                said.seek(0)
                raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {said.read().decode(errors='replace')[-2000:]}")
        return Cost(
            seconds=seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            server_cpu_seconds=family_cpu_seconds(self.server) - before[0],
            store_cpu_seconds=family_cpu_seconds(self.store) - before[1],
            peak_bytes=max(peak),
        )


@contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """Note the peaks of a process and of its children, as the kernel keeps them for each since it was executed.

    The rusage of a child will not do: it begins with the peak of the process that forked it.
    """
    peak, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(WATCH_SECONDS):
            for each in _family(pid):
                peak[0] = max(peak[0], _peak_bytes(each))

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _peak_bytes(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0


def _family(pid: int) -> list[int]:
    try:
        return [pid, *(int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task))]
    except (FileNotFoundError, ProcessLookupError):
        return []


def family_cpu_seconds(pid: int) -> float:
    """Return the CPU of a process, of its children that live, and of those that it has reaped; 0 without a process."""
    if not pid:
        return 0.0
    return sum(_ticks(each) for each in _family(pid)) / TICKS_PER_SECOND


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(pid: int) -> int:
    try:
        # The program's name, in brackets, may hold blanks (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(field) for field in fields[11:15])


def interleaved(variants: Mapping[str, Callable[[], Cost]], *, rounds: int) -> dict[str, list[Cost]]:
    """Run every variant once a round, in an order that turns, so that whatever else the machine does meets all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in variants}
    for number, order in enumerate(_orders(list(variants), rounds), start=1):
        for name in order:
            costs[name].append(variants[name]())
            took = costs[name][-1]
            print(f"round {number}/{rounds}  {name:<44} {took.seconds:6.1f} s wall  {took.cpu_seconds:6.1f} s CPU", flush=True)
    return costs


def _orders(names: list[str], rounds: int) -> Iterator[list[str]]:
    for number in range(rounds):
        shift = number % len(names)
        yield names[shift:] + names[:shift]


def times_faster(slow: Sequence[Cost], fast: Sequence[Cost]) -> float:
    """Return the median, over the rounds, of how many times faster the second is."""
    return statistics.median(one.seconds / other.seconds for one, other in zip(slow, fast, strict=True))


def median(costs: Sequence[Cost], figure: Callable[[Cost], float]) -> float:
    """Return the median of one figure."""
    return statistics.median(map(figure, costs))
