"""Time that has passed between moments, whatever their zones, and what overlapping spans of it come to. Pure."""

from collections.abc import Iterable
from dataclasses import Field, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


R = TypeVar("R", bound=_Record)


@dataclass(frozen=True, kw_only=True)
class Span:
    """From a moment, up to another one. Both in UTC."""

    began: datetime
    ended: datetime

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.ended - self.began).total_seconds()

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in it; the last one does not, so that of two that touch one has it."""
        return self.began <= moment < self.ended

    def within(self, other: "Span") -> "Span | None":
        """Return the part that lies within another span; None where there is none."""
        began, ended = max(self.began, other.began), min(self.ended, other.ended)
        return Span(began=began, ended=ended) if began < ended else None


def in_utc(record: R) -> R:
    """Return a record with all its moments in UTC.

    Python subtracts and compares two moments of one zone by what the clocks on the wall showed: between them and the world
    lies an hour, twice a year.
    """
    moments = {each.name: getattr(record, each.name) for each in fields(record)}
    return replace(record, **{name: value.astimezone(UTC) for name, value in moments.items() if isinstance(value, datetime)})


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Join spans that overlap or touch; what is left lies apart, in its order."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda each: each.began):
        if merged and span.began <= merged[-1].ended:
            merged[-1] = replace(merged[-1], ended=max(merged[-1].ended, span.ended))
        else:
            merged.append(span)
    return tuple(merged)


def covered_seconds(spans: Iterable[Span], *, within: Span) -> float:
    """Return how much of a span others cover; where they overlap it counts once."""
    return sum(part.seconds for span in merge(spans) if (part := span.within(within)))
