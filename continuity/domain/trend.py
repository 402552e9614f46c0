"""Whether a recovery point is out of line with those before it: its size, its duration, the rows of its tables.

Held against the median of the points before it, so that one odd night moves nothing, and against their own spread, so that
what always varies is not said. Nothing is said on few points or tiny tables.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from continuity.domain.recovery_point import Manifest

WINDOW = 14
"""Points looked back on: two weeks of nightly backups, so that a weekly rhythm is inside."""
ENOUGH = 4
"""Below so many earlier points no judgement is made."""
FACTOR = 2.0
"""Half or double the median is out of line, unless the points always vary as much."""
SPREADS = 4.0
MAD_TO_SIGMA = 1.4826
"""Turns a median absolute deviation into a standard deviation (Rousseeuw & Croux 1993)."""
SMALL_BYTES = 1_000_000
SHORT_SECONDS = 60
SMALL_TABLE_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure of the newest point beside the median of the earlier ones; `out_of_line` says why it needs a look, or ""."""

    name: str
    value: float
    median: float | None
    out_of_line: str = ""

    @property
    def change_percent(self) -> int | None:
        """How far it is from the median, or None without one."""
        return round((self.value / self.median - 1) * 100) if self.median else None


@dataclass(frozen=True, kw_only=True)
class Trend:
    """The newest point held against those before it."""

    compared_with: int
    measures: tuple[Measure, ...] = ()

    @property
    def out_of_line(self) -> tuple[str, ...]:
        """What needs a look, in words."""
        return tuple(measure.out_of_line for measure in self.measures if measure.out_of_line)


def trend(newest: Manifest, earlier: Iterable[Manifest]) -> Trend:
    """Hold a point against the newest of the earlier ones. Stored size, content, seconds, rows, and each table that collapsed."""
    before = sorted((each for each in earlier if each.created < newest.created), key=lambda each: each.created)[-WINDOW:]
    measures = [
        _measure("size", newest.stored_bytes, [each.stored_bytes for each in before], "bytes", SMALL_BYTES),
        _measure(
            "seconds of snapshot",
            newest.snapshot.held_seconds,
            [each.snapshot.held_seconds for each in before],
            "seconds",
            SHORT_SECONDS,
        ),
        _measure("rows", _rows(newest), [_rows(each) for each in before], "rows", SMALL_TABLE_ROWS),
    ]
    return Trend(compared_with=len(before), measures=(*measures, *_tables(newest, before)))


def _rows(manifest: Manifest) -> int:
    return sum(table.rows for table in manifest.tables)


def _measure(name: str, value: float, before: Sequence[float], unit: str, small: float) -> Measure:
    if not before:
        return Measure(name=name, value=value, median=None)
    usual = median(before)
    said = ""
    if len(before) >= ENOUGH and max(value, usual) >= small and (away := _away(value, before)):
        said = f"{name}: {value:,.0f} {unit}, {away} the usual {usual:,.0f} (median of the last {len(before)} points)"
    return Measure(name=name, value=value, median=usual, out_of_line=said)


def _tables(newest: Manifest, before: Sequence[Manifest]) -> list[Measure]:
    """Find the tables whose rows are out of line; one that every earlier point has and this one lacks counts as empty."""
    now = {table.table: table.rows for table in newest.tables}
    earlier = [{table.table: table.rows for table in each.tables} for each in before]
    lasting = set.intersection(*map(set, earlier)) if earlier else set()
    measured = (
        _measure(f"rows of {table}", now.get(table, 0), [rows[table] for rows in earlier], "rows", SMALL_TABLE_ROWS)
        for table in sorted(lasting)
    )
    return [measure for measure in measured if measure.out_of_line]


def _away(value: float, before: Sequence[float]) -> str:
    """Say on which side of the usual a figure is out of line, on a scale of ratios, or nothing.

    One is added to each figure: nothing at all has a logarithm then, and tiny figures weigh less.
    """
    logs = [math.log(each + 1) for each in before]
    middle = median(logs)
    spread = MAD_TO_SIGMA * median(abs(each - middle) for each in logs)
    distance = math.log(value + 1) - middle
    if abs(distance) <= max(math.log(FACTOR), SPREADS * spread):
        return ""
    return "far below" if distance < 0 else "far above"
