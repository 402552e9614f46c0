"""How long simple queries take, against what they took when the recovery point was made."""

from collections.abc import Sequence
from dataclasses import dataclass

SLOWER_FACTOR = 3.0
SLOWER_SECONDS = 0.05
"""Both must be passed: three times of next to nothing is nothing, and 50 ms more of a long query is noise."""


@dataclass(frozen=True, kw_only=True)
class ProbeQuery:
    """A query that reads, given by the application or made up for a large table."""

    name: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class QueryTime:
    """How long a query took: the best of a few times, so that the plan is compared and not the cache.

    `seconds` is None where it did not end well; `trouble` then says why.
    """

    name: str
    seconds: float | None
    trouble: str = ""


def slower(then: Sequence[QueryTime], now: Sequence[QueryTime]) -> tuple[str, ...]:
    """Say which queries do not end well any more, or take clearly longer than then."""
    before = {each.name: each.seconds for each in then}
    said = []
    for each in now:
        was = before.get(each.name)
        if each.seconds is None:
            said.append(f"query {each.name!r}: {each.trouble}")
        elif was is not None and each.seconds > was * SLOWER_FACTOR and each.seconds - was > SLOWER_SECONDS:
            said.append(f"query {each.name!r} took {each.seconds * 1000:.0f} ms, {was * 1000:.0f} ms when the point was made")
    return tuple(said)
