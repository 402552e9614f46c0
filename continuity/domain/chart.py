"""Durations over time against an objective, as a drawing of places: where each point stands, whatever draws it.

The scale is logarithmic: a drill of four seconds and an objective of four hours are both on it, and the space between them
is what is left. Points are drawn, not bars, since the length of a bar on such a scale would lie.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from continuity.domain.reports import duration

TICKS_SECONDS = (1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400)
HEIGHT, TOP, BOTTOM = 190, 18, 162
"""Pixels from the top: of the whole, of the upper and of the lower end of the scale."""
LEFT_PERCENT, RIGHT_PERCENT = 15.0, 97.0
MOST_POINTS = 90


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Something that took its time: when, how long, and whether it came to what it was for."""

    at: datetime
    seconds: float
    good: bool
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A level of the scale with its label; `down` is in pixels."""

    down: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """One duration at its place: `across` in per cent of the width, `down` in pixels."""

    across: float
    down: float
    good: bool
    told: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing, and the same in words: `told` is all of it for who cannot see it."""

    kind: ClassVar[str] = "chart"
    title: str
    told: str
    points: tuple[Point, ...]
    grid: tuple[Line, ...]
    objective: Line | None
    first: str
    last: str
    height: int = HEIGHT


def chart_durations(timed: Sequence[Timed], *, title: str, objective: timedelta | None) -> Chart | None:
    """Draw the newest durations, oldest on the left; None where there are none."""
    shown = sorted(timed, key=lambda each: each.at)[-MOST_POINTS:]
    if not shown:
        return None
    limit = objective.total_seconds() if objective else None
    values = [each.seconds for each in shown] + ([limit] if limit else [])
    ticks = _ticks(min(values), max(values))
    first, last = shown[0].at, shown[-1].at
    points = tuple(
        Point(
            across=_across(each.at, first, last),
            down=_down(each.seconds, ticks),
            good=each.good,
            told=f"{_day(each.at)}: {_duration(each.seconds)}, {each.name}",
        )
        for each in shown
    )
    return Chart(
        title=title,
        told=_told(shown, objective),
        points=points,
        grid=tuple(Line(down=_down(tick, ticks), label=_duration(tick)) for tick in ticks),
        objective=Line(down=_down(limit, ticks), label=f"objective {_duration(limit)}") if limit else None,
        first=_day(first),
        last=_day(last) if last > first else "",
    )


def _ticks(least: float, most: float) -> list[int]:
    """Choose the levels from the last one below all values to the first one above them; at least two."""
    low = max((tick for tick in TICKS_SECONDS[:-1] if tick <= least), default=TICKS_SECONDS[0])
    high = min((tick for tick in TICKS_SECONDS if tick >= most and tick > low), default=TICKS_SECONDS[-1])
    return [tick for tick in TICKS_SECONDS if low <= tick <= high]


def _down(seconds: float, ticks: Sequence[int]) -> float:
    low, high = math.log(ticks[0]), math.log(ticks[-1])
    # What lies beyond the scale is drawn at its end: its own words say how long it was.
    place = (math.log(min(max(seconds, ticks[0]), ticks[-1])) - low) / (high - low)
    return round(BOTTOM - place * (BOTTOM - TOP), 1)


def _across(at: datetime, first: datetime, last: datetime) -> float:
    if last == first:
        return (LEFT_PERCENT + RIGHT_PERCENT) / 2
    return round(LEFT_PERCENT + (RIGHT_PERCENT - LEFT_PERCENT) * ((at - first) / (last - first)), 2)


def _told(shown: Sequence[Timed], objective: timedelta | None) -> str:
    longest = max(shown, key=lambda each: each.seconds)
    bad = sum(not each.good for each in shown)
    said = f"{len(shown)} from {_day(shown[0].at)} to {_day(shown[-1].at)}, the longest {_duration(longest.seconds)}"
    said += f", {bad} of them not proven" if bad else ""
    return said + (f"; the objective is {duration(objective)}" if objective else "")


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 and seconds != int(seconds) else duration(timedelta(seconds=seconds))  # noqa: PLR2004 -- a digit more where it says something


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"
