"""A measure: a number with its formula, its objective and what it was made of, or the reason why there is none."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from continuity.domain.reports import duration


class Unit(StrEnum):
    """What a measure counts in; how it is printed is the caller's business."""

    SECONDS = "s"
    FRACTION = "fraction"
    """From 0 to 1."""
    ROWS = "rows"
    HOURS = "h"
    COUNT = "count"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure over one period, real incidents and exercises apart."""

    name: str
    """mttd, mtta, mttr, rollback-success, rows-lost, rpo, rto, availability, users-affected, revenue-impact."""
    title: str
    value: float | None
    """None where the records are too few to say."""
    unit: Unit
    objective: float | None
    """What it should be; None where there is no objective."""
    more_is_better: bool
    formula: str
    """In words, as docs/measures.md explains it."""
    source: str
    """Which records, and how many."""
    records: int
    exercise: bool = False
    because: str = ""
    """Why there is no value, or what has been left out of it."""
    at_least: float | None = None
    """Of a share of few: what it is at the least, with the confidence of `domain/shares.py`. Three runs of three show little."""

    @property
    def met(self) -> bool | None:
        """Whether the objective is met; None where there is no value, no objective, or too few records to tell."""
        if self.value is None or self.objective is None:
            return None
        if not self._meets(self.value):
            return False
        return True if self.at_least is None or self._meets(self.at_least) else None

    def _meets(self, value: float) -> bool:
        return self.objective is not None and (value >= self.objective if self.more_is_better else value <= self.objective)


def amount(value: float, unit: Unit) -> str:
    """Say a value in its unit. A share has three digits: 99.9 % and 99.95 % are different promises."""
    match unit:
        case Unit.SECONDS:
            return duration(timedelta(seconds=value))
        case Unit.FRACTION:
            return f"{value * 100:.3f}".rstrip("0").rstrip(".") + " %"
        case Unit.HOURS:
            return f"{value:g} h"
        case Unit.ROWS:
            return f"{value:,.0f} rows"
        case Unit.COUNT:
            return f"{value:,.0f}"
