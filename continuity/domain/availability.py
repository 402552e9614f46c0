"""How much of the time the application has served, as far as somebody has watched. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from continuity.domain.measure import Measure, Unit
from continuity.domain.reports import duration
from continuity.domain.spans import Span, covered_seconds, in_utc, merge

AVAILABILITY = 0.999
SHORTEST_WATCH = timedelta(days=1)
"""Of less nothing is said: a thousandth of a day is a minute and a half, about as long as one bad answer lasts."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """When the application's health was watched, and when it was found out of service. All times are aware."""

    spans: tuple[Span, ...] = ()
    outages: tuple[tuple[datetime, datetime | None], ...] = ()
    """From and to; None while it lasts. They may overlap, and stand in any order."""


def watched_by(looks: Iterable[datetime], outages: Sequence[tuple[datetime, datetime | None]], *, patience: timedelta) -> Watched:
    """Return when somebody watched who has looked at these moments: between two that are no further apart than `patience`."""
    moments = sorted(each.astimezone(UTC) for each in looks)
    spans = [Span(began=one, ended=next_one) for one, next_one in pairwise(moments) if next_one - one <= patience]
    return Watched(spans=merge(spans), outages=tuple(outages))


def availability(watched: Watched, period: Span) -> Measure:
    """Measure the share of the watched time in which the application served. `period` ends with the present, at the latest.

    A watch that died with the application has not seen it serve: an outage counts in full, also where nobody watched.
    """
    outages, said = _outages(watched.outages, period.ended)
    down = merge(part for each in outages if (part := each.within(period)))
    seen = covered_seconds([*map(in_utc, watched.spans), *down], within=period)
    enough = seen >= SHORTEST_WATCH.total_seconds()
    if not enough:
        least = duration(SHORTEST_WATCH)
        said.insert(0, f"watched for {duration(timedelta(seconds=seen))}, it takes {least}" if seen else "nobody has watched")
    down_seconds = sum(each.seconds for each in down)
    lasted = f", {duration(timedelta(seconds=down_seconds))} in all" if down else ""
    return Measure(
        name="availability",
        title="availability",
        value=1 - down_seconds / seen if enough else None,
        unit=Unit.FRACTION,
        objective=AVAILABILITY,
        more_is_better=True,
        formula="1 - time out of service / time watched; where outages overlap they count once",
        source=f"history of health: {len(down)} outages{lasted}, watched for {duration(timedelta(seconds=seen))}",
        records=len(down),
        because="; ".join(said),
    )


def _outages(outages: Sequence[tuple[datetime, datetime | None]], until: datetime) -> tuple[list[Span], list[str]]:
    spans, still_open, contradicting = [], 0, 0
    for began, ended in ((began.astimezone(UTC), ended and ended.astimezone(UTC)) for began, ended in outages):
        if ended is not None and ended < began:
            contradicting += 1
            continue
        if began < until:
            still_open += ended is None
            spans.append(Span(began=began, ended=ended or until))
    said = [f"{still_open} still open, counted until now"] if still_open else []
    said += [f"{contradicting} that end before they begin, left out"] if contradicting else []
    return spans, said
