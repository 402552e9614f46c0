"""Decides whether what a run has set aside may be dropped: old enough, all there, not needed, and in a newer point. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.application import ApplicationName
from continuity.domain.dependencies import ObjectId, Schema
from continuity.domain.dependents import needed_outside
from continuity.domain.discarding import days
from continuity.domain.plan import Facts, Plan, PlannedStep, Verb
from continuity.domain.recovery_point import PointState
from continuity.domain.run import RunId
from continuity.domain.setting_aside import Places, Position, not_there, set_aside_of
from continuity.errors import UnsafeOperation

DROP_ASIDE = "drop what was set aside"


@dataclass(frozen=True, kw_only=True)
class AsideState:
    """What the server says of what was set aside; `schema` is None where this is another database."""

    schema: Schema | None
    places: Places


def plan_discard_aside(
    application: ApplicationName,
    run: RunId,
    facts: Facts,
    state: AsideState,
    points: Sequence[PointState],
    *,
    since: datetime,
    keep: timedelta,
    now: datetime,
) -> Plan:  # fmt: skip
    """Plan to drop what a run has set aside: moved tables with their rows, renamed columns, disabled triggers.

    Raises:
        UnsafeOperation: something speaks for keeping it; all of it is named.

    """
    aside = set_aside_of(facts)
    if reasons := tuple(_reasons(facts, state, points, since=since, keep=keep, now=now)):
        raise UnsafeOperation(
            f"{aside.mark} is kept: {reasons[0]}",
            detail="\n".join([*(f"✗ {reason}" for reason in reasons), "Nothing was changed."]),
            hint="Mend what is marked above, or wait; then run the same command again.",
        )
    kept = {name: facts[name] for name in ("system_identifier", "live", "live_oid", "wanted", "set aside")}
    dropped = [change.identity for change in aside.changes]
    return Plan(
        application=application,
        verb=Verb.DISCARD,
        created=now,
        targets={
            "database": f"{facts['live']} (OID {facts['live_oid']})",
            "set aside": f"{aside.mark}, by {run} on {since:%Y-%m-%d %H:%M:%S} UTC: {', '.join(dropped)}",
        },
        steps=(PlannedStep(name=DROP_ASIDE, kind=DROP_ASIDE, target=aside.mark, arguments={"name": aside.mark, **kept}),),
        options={"run": run},
    )


def _reasons(
    facts: Facts, state: AsideState, points: Sequence[PointState], *, since: datetime, keep: timedelta, now: datetime
) -> Iterator[str]:
    aside = set_aside_of(facts)
    if state.schema is None:
        yield f"database {facts['live']} is not the one with OID {facts['live_oid']} any more"
        return
    yield from not_there(aside, state.places, Position.ASIDE)
    keys = [ObjectId(change.catalog, change.oid, change.number) for change in aside.changes]
    yield from (f"{each}, and is in force" for each in needed_outside(state.schema, keys))
    if (age := now - since) < keep:
        yield f"it was set aside {days(age)} ago, and is kept for {days(keep)} (`[rollback] keep_replaced_days`)"
    if not any(point.proven and point.distrusted is None and point.manifest.snapshot.taken > since for point in points):
        yield "no proven point is newer: it may be the only copy"


def aside_rows(facts: Facts, schema: Schema) -> str:
    """Tell what is lost with it, in words."""
    tables = {change["oid"] for change in facts["set aside"]["changes"] if change["catalog"] == "pg_class"}
    known = [schema.objects[key] for oid in sorted(tables) if (key := ObjectId("pg_class", oid)) in schema.objects]
    rows = sum(each.rows for each in known if each.rows > 0)
    return f"what was set aside in {len(known)} tables and views of about {rows:,} rows, for good"
