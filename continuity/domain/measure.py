"""A measure: a number with its formula, its objective and what it was made of, or the reason why there is none."""

from dataclasses import dataclass
from enum import StrEnum


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

    @property
    def met(self) -> bool | None:
        """Whether the objective is met; None where there is no value or no objective."""
        if self.value is None or self.objective is None:
            return None
        return self.value >= self.objective if self.more_is_better else self.value <= self.objective
