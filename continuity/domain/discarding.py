"""Decides whether a replaced database may be dropped: old enough, closed, nobody on it, and no longer the only copy. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from continuity.domain.application import ApplicationName
from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.recovery_point import PointState
from continuity.domain.run import EntryKind, History, RunId
from continuity.errors import UnsafeOperation

DROP_REPLACED = "drop the replaced database"


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """The database that a run has swapped away, by identity."""

    name: str
    oid: int
    system_identifier: str


@dataclass(frozen=True, kw_only=True)
class ReplacedState:
    """What the server says of a replaced database; `name` is what its OID is called now, or "" where it is gone."""

    system_identifier: str
    name: str
    open: bool = False
    size_bytes: int = 0
    sessions: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()


def replaced_by(run: RunId, history: History) -> tuple[Replaced, datetime]:
    """Return the database that a run has swapped away, and when.

    Raises:
        UnsafeOperation: it has swapped none, or has not ended.

    """
    swapped = next((each for each in history.entries if each.kind is EntryKind.DONE and "replaced" in each.facts), None)
    if swapped is None:
        raise UnsafeOperation(f"{run} has replaced no database", detail="Nothing was changed.", hint="There is nothing to drop.")
    if history.end is None:
        raise UnsafeOperation(
            f"{run} has not ended", detail="Nothing was changed.", hint=f"Finish it: `continuity resume {run}`."
        )
    facts = swapped.facts
    replaced = Replaced(name=facts["replaced"], oid=facts["live_oid"], system_identifier=facts["system_identifier"])
    return replaced, swapped.at


def plan_discard(
    application: ApplicationName,
    run: RunId,
    replaced: Replaced,
    state: ReplacedState,
    points: Sequence[PointState],
    *,
    since: datetime,
    keep: timedelta,
    now: datetime,
) -> Plan:
    """Plan to drop what a run has replaced.

    Raises:
        UnsafeOperation: something speaks for keeping it; all of it is named.

    """
    reasons = tuple(_reasons(replaced, state, points, since=since, keep=keep, now=now))
    if reasons:
        raise UnsafeOperation(
            f"database {replaced.name} is kept: {reasons[0]}",
            detail="\n".join([*(f"✗ {reason}" for reason in reasons), "Nothing was changed."]),
            hint="Mend what is marked above, or wait; then run the same command again.",
        )
    return Plan(
        application=application,
        verb=Verb.DISCARD,
        created=now,
        targets={
            "cluster": f"system identifier {replaced.system_identifier}",
            "database": f"{replaced.name} (OID {replaced.oid}), replaced by {run} on {since:%Y-%m-%d %H:%M:%S} UTC, closed",
        },
        steps=(
            PlannedStep(name=DROP_REPLACED, kind=DROP_REPLACED, target=f"database {replaced.name}", arguments=asdict(replaced)),
        ),
        options={"run": run},
    )


def _reasons(
    replaced: Replaced,
    state: ReplacedState,
    points: Sequence[PointState],
    *,
    since: datetime,
    keep: timedelta,
    now: datetime,
) -> Iterator[str]:
    if state.system_identifier != replaced.system_identifier:
        yield f"this is cluster {state.system_identifier}, it was on {replaced.system_identifier}"
        return
    if not state.name:
        yield "it is gone already"
        return
    if state.name != replaced.name:
        yield f"it is {state.name} now (OID {replaced.oid}): another run has swapped since"
    if (age := now - since) < keep:
        yield f"it was replaced {days(age)} ago, and is kept for {days(keep)} (`[rollback] keep_replaced_days`)"
    if state.open:
        yield "it is open: somebody may be using it"
    if state.sessions:
        yield f"sessions are on it: {', '.join(state.sessions[:5])}"
    if state.slots:
        yield f"logical slots are on it: {', '.join(state.slots)}"
    if state.prepared:
        yield f"prepared transactions are open in it: {', '.join(state.prepared)}"
    newer = [point for point in points if point.proven and point.distrusted is None and point.manifest.snapshot.taken > since]
    if not newer:
        yield "no proven point is newer than the swap: it may be the only copy of what was written last"


def days(span: timedelta) -> str:
    """Write a span as people count it."""
    return f"{span.total_seconds() / 86400:.1f} days"
