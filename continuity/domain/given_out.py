"""What a lost side has given out since the point, and a recovered one must not: ids, and the right to be signed in. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from continuity.domain.application import Application
from continuity.domain.catalog import Kind
from continuity.domain.checks import Check
from continuity.domain.plan import PlannedStep
from continuity.domain.recovery_point import Manifest

BUMP_SEQUENCES = "bump the sequences"
REVOKE_SESSIONS = "revoke the sessions"
"""Kinds of steps; in a plan each has its kind's name."""

_RANGE = re.compile(r" in (?P<least>-?\d+)\.\.(?P<most>-?\d+) .*cycle (?P<cycles>\w+)$")


@dataclass(frozen=True, kw_only=True)
class FeedingSequence:
    """A sequence that feeds a column, and how far it may go: as far as itself and the column's type allow."""

    schema: str
    name: str
    position: int
    increment: int
    least: int
    most: int
    cycles: bool = False

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    def after(self, values: int) -> int:
        """Return where it stands when so many values were passed by."""
        return self.position + values * self.increment

    def ends_before(self, values: int) -> bool:
        """Whether it has not so many values left. One that cycles gives values out again anyway."""
        return not self.cycles and not self.least <= self.after(values) <= self.most


@dataclass(frozen=True, kw_only=True)
class GivenOut:
    """What a person asks for: how many values each sequence passes by, and whether everybody has to sign in again."""

    values: int = 0
    sessions: bool = False

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it; what was not asked for leaves no trace."""
        return ({"bump sequences": str(self.values)} if self.values else {}) | (
            {"revoke sessions": "yes"} if self.sessions else {}
        )

    @staticmethod
    def of(options: Mapping[str, str]) -> "GivenOut":
        """Return the wish that a plan records."""
        return GivenOut(values=int(options.get("bump sequences") or 0), sessions=bool(options.get("revoke sessions")))


def check_given_out(application: Application, point: Manifest, wish: GivenOut, *, swaps: bool = True) -> Iterator[Check]:
    """Say what of the wish cannot be done, before anything is restored; without a swap no database goes back at all."""
    if not swaps and wish.options():
        yield Check(name="scope", passed=False, detail="the database stays as it is", hint="Ask for another `--scope`.")
    if wish.values and (short := sequences_short_of(point, wish.values)):
        yield Check(
            name="sequences",
            passed=False,
            detail=f"{', '.join(short)} would pass the end of their range by {wish.values:,} values",
            hint="Ask for fewer (`--bump-sequences`), or none.",
        )
    if wish.sessions and not application.revoke:
        yield Check(
            name="sessions",
            passed=False,
            detail=f"nothing says where {application.name} keeps who is signed in",
            hint="Name tables or columns in `[sessions] revoke` of its application.toml.",
        )


def sequences_short_of(point: Manifest, values: int) -> tuple[str, ...]:
    """Name the sequences of a point that have not so many values left, by their own range; columns may be narrower."""
    ranges = {
        entry.name: match for entry in point.catalog if entry.kind is Kind.SEQUENCE and (match := _range_of(entry.properties))
    }
    return tuple(
        each.name
        for each in point.sequences
        if each.name in ranges
        and ranges[each.name]["cycles"] not in {"t", "true"}
        and not int(ranges[each.name]["least"]) <= each.position + values * each.increment <= int(ranges[each.name]["most"])
    )


def _range_of(properties: Mapping[str, str]) -> re.Match[str] | None:
    return _RANGE.search(properties.get("definition", ""))


def given_out_steps(
    application: Application, wish: GivenOut, on_server: Mapping[str, Any], *, shadow: str
) -> tuple[PlannedStep, ...]:
    """Plan both on a restore that is judged, and that nobody can enter yet: when it has its name, it is so already."""
    arguments = {"system_identifier": on_server["system_identifier"], "shadow": shadow}
    return (*_bumping(wish.values, arguments), *(_revoking(application.revoke, arguments) if wish.sessions else ()))


def _bumping(values: int, arguments: dict[str, Any]) -> tuple[PlannedStep, ...]:
    if not values:
        return ()
    target = f"every sequence that feeds a column, {values:,} values further"
    return (PlannedStep(name=BUMP_SEQUENCES, kind=BUMP_SEQUENCES, target=target, arguments=arguments | {"values": values}),)


def _revoking(places: Sequence[str], arguments: dict[str, Any]) -> tuple[PlannedStep, ...]:
    target = f"{', '.join(places)}: everybody has to sign in again"
    return (
        PlannedStep(name=REVOKE_SESSIONS, kind=REVOKE_SESSIONS, target=target, arguments=arguments | {"places": list(places)}),
    )
