"""Tables and plots of what was measured."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.measuring import Cost, median

mpl.use("svg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).parents[1] / "docs/images"
OURS, THEIRS = "#2a6f97", "#b0b0b0"
CORES = os.cpu_count() or 1


def machine() -> str:
    """Describe this machine in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{CORES} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def cost_table(costs: Mapping[str, Sequence[Cost]]) -> str:
    """Return a Markdown table of medians. The floor is all CPU of a run, spread over all cores without a gap."""
    lines = [
        "| variant | wall s, each round | median s | CPU s: programs | PostgreSQL | store | floor s | wall / floor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rounds in costs.items():
        wall, floor = median(rounds, lambda cost: cost.seconds), median(rounds, floor_seconds)
        each = ", ".join(f"{cost.seconds:.1f}" for cost in rounds)
        cpu = [median(rounds, part) for part in (_programs, _server, _store)]
        shown = " | ".join(f"{seconds:.1f}" for seconds in cpu)
        lines.append(f"| {name} | {each} | {wall:.1f} | {shown} | {floor:.1f} | {wall / floor:.2f} |")
    return "\n".join(lines)


def floor_seconds(cost: Cost) -> float:
    """Return the wall time if every core had worked on this run alone, all the time."""
    return (cost.cpu_seconds + cost.server_cpu_seconds + cost.store_cpu_seconds) / CORES


def _programs(cost: Cost) -> float:
    return cost.cpu_seconds


def _server(cost: Cost) -> float:
    return cost.server_cpu_seconds


def _store(cost: Cost) -> float:
    return cost.store_cpu_seconds


def draw_walls(costs: Mapping[str, Sequence[Cost]], *, title: str, name: str, ours: Sequence[str]) -> Path:
    """Draw a bar for each variant's median, a dot for each round, and a line at its CPU floor."""
    figure, axes = plt.subplots(figsize=(8, 0.6 * len(costs) + 1.3))
    for place, (variant, rounds) in enumerate(reversed(costs.items())):
        wall = median(rounds, lambda cost: cost.seconds)
        axes.barh(place, wall, color=OURS if variant in ours else THEIRS, height=0.6)
        axes.plot([cost.seconds for cost in rounds], [place] * len(rounds), "o", color="black", markersize=3)
        floor = median(rounds, floor_seconds)
        axes.plot([floor, floor], [place - 0.3, place + 0.3], color="#d62828", linewidth=1.5)
    axes.set_yticks(range(len(costs)), list(reversed(costs)))
    axes.set_xlabel(f"seconds of wall time; dots: rounds; red: all CPU of the run / {CORES} cores")
    axes.set_title(title, fontsize=10)
    axes.set_xlim(left=0)
    return save(figure, name)


def save(figure: plt.Figure, name: str) -> Path:
    """Write a plot among the images of the documentation."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    path = IMAGES / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
