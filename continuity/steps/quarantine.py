"""The steps that set tables and columns aside, and put them back: each the other's inverse, and exact."""

from continuity.adapters.brief_locks import Limits
from continuity.adapters.dependencies import read_schema
from continuity.adapters.postgres import Connection, connect, fetch_value
from continuity.adapters.quarantine import put_back, read_places, refuse_rows_without_value, refuse_unless_there, set_aside
from continuity.adapters.swap import system_identifier
from continuity.domain.application import Application
from continuity.domain.dependencies import Schema
from continuity.domain.plan import Facts
from continuity.domain.quarantine import PUT_BACK, SET_ASIDE, aside_arguments
from continuity.domain.setting_aside import Position, positions, set_aside_of
from continuity.errors import UnsafeOperation
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation, Retry
from continuity.steps.step import Probe, Step, World

_THRICE = Retry(attempts=3, first_wait_seconds=1.0, longest_wait_seconds=10.0)
"""Waiting for locks is done within an attempt; this is for a server that restarts."""


def read_dependencies(application: Application, environment: Environment) -> Schema:
    """Read what depends on what in the protected database. Changes nothing."""
    with connect(environment.rollback_dsn, application.database.name) as connection:
        return read_schema(connection)


def limits_of(environment: Environment) -> Limits:
    """Return how long locks may be waited for."""
    rules = environment.rollback
    return Limits(lock_timeout_milliseconds=rules.lock_timeout_milliseconds, patience_seconds=rules.lock_patience_seconds)


def is_planned_database(connection: Connection, facts: Facts) -> bool:
    """Whether this session is on the very database that was planned for: a swap gives its name to another."""
    oid = fetch_value(connection, "select oid::int8 from pg_catalog.pg_database where datname = current_database()")
    return bool(oid == facts["live_oid"] and system_identifier(connection) == facts["system_identifier"])


def refuse_other_database(connection: Connection, facts: Facts) -> None:
    """Make sure that this session is on the database that was planned for.

    Raises:
        UnsafeOperation: it is another one.

    """
    if not is_planned_database(connection, facts):
        raise UnsafeOperation(
            f"database {facts['live']} is not the one with OID {facts['live_oid']} any more: it was swapped, or made anew",
            detail="Nothing was changed.",
            hint="What was set aside is in the former database; undo the run that has swapped it first.",
        )


def _where(world: World, facts: Facts) -> Position | None:
    """Return where all of it is; None where it is in no one place, or in another database."""
    aside = set_aside_of(facts)
    with connect(world.environment.rollback_dsn, facts["live"]) as connection:
        found = positions(aside, read_places(connection, aside)) if is_planned_database(connection, facts) else set()
    return found.pop() if len(found) == 1 else None


def _facts(world: World, arguments: Facts) -> Facts:
    """Decide once more by the schema as it is now: a view that came since the plan would be left behind."""
    with connect(world.environment.rollback_dsn, arguments["live"]) as connection:
        refuse_other_database(connection, arguments)
        schema = read_schema(connection)
    now = aside_arguments(arguments, schema, arguments["wanted"], with_dependents=arguments["with dependents"])
    changed = [name for name in ("set aside", "stays") if now[name] != arguments[name]]
    if changed:
        then = set(arguments["statements"]) ^ set(now["statements"]) | set(arguments["stays"]) ^ set(now["stays"])
        raise UnsafeOperation(
            "the schema has changed since the plan was made",
            detail="\n".join([*sorted(then), "Nothing was changed."]),
            hint="Make a new plan, and look at it.",
        )
    return arguments


def _is_aside(world: World, facts: Facts) -> Probe:
    return {Position.ASIDE: Probe.DONE, Position.IN_USE: Probe.NOT_DONE}.get(_where(world, facts), Probe.FOREIGN)  # type: ignore[arg-type]


def _is_back(world: World, facts: Facts) -> Probe:
    return {Position.IN_USE: Probe.DONE, Position.ASIDE: Probe.NOT_DONE}.get(_where(world, facts), Probe.FOREIGN)  # type: ignore[arg-type]


def _set_aside(world: World, facts: Facts) -> Facts:
    comment = (
        f"Set aside by {world.run}. Put back: `continuity undo {world.run}`."
        f" Drop for good: `continuity discard {world.run}`."
    )  # fmt: skip
    dsn = world.environment.rollback_dsn
    held = set_aside(dsn, facts["live"], set_aside_of(facts), comment=comment, limits=limits_of(world.environment))
    return {"locked seconds": round(held.seconds, 3), "tries": held.tries}


def _put_back(world: World, facts: Facts) -> Facts:
    held, left = put_back(world.environment.rollback_dsn, facts["live"], set_aside_of(facts), limits=limits_of(world.environment))
    noted = [f"schema {each} holds something that was not set aside, and stays" for each in left]
    return {"locked seconds": round(held.seconds, 3), "tries": held.tries, "noted": noted}


def _undo_setting_aside(world: World, facts: Facts) -> None:
    """Put back what was set aside; what never happened is left alone."""
    if _still_to_undo(world, facts, done=Position.ASIDE, undone=Position.IN_USE):
        _put_back(world, facts)


def _undo_putting_back(world: World, facts: Facts) -> None:
    if _still_to_undo(world, facts, done=Position.IN_USE, undone=Position.ASIDE):
        _set_aside(world, facts)


def _still_to_undo(world: World, facts: Facts, *, done: Position, undone: Position) -> bool:
    where = _where(world, facts)
    if where not in {done, undone}:
        _refuse_unless_all(world.environment, facts, done)
    return where is done


def _refuse_unless_all(environment: Environment, facts: Facts, wanted: Position) -> None:
    aside = set_aside_of(facts)
    with connect(environment.rollback_dsn, facts["live"]) as connection:
        refuse_other_database(connection, facts)
        refuse_unless_there(connection, aside, wanted)


def refuse_unless_put_back(environment: Environment, facts: Facts) -> None:
    """Make sure that what was set aside is all there and can be put back. Changes nothing.

    Raises:
        UnsafeOperation: it is not, or rows have come without a value that they need; everything is named.

    """
    _refuse_unless_all(environment, facts, Position.ASIDE)
    refuse_rows_without_value(environment.rollback_dsn, facts["live"], set_aside_of(facts))


QUARANTINE_SCHEMA = Step(kind=SET_ASIDE, facts=_facts, probe=_is_aside, do=_set_aside, undo=_undo_setting_aside, retry=_THRICE)
PUT_SCHEMA_BACK = Step(kind=PUT_BACK, probe=_is_back, do=_put_back, undo=_undo_putting_back, retry=_THRICE)

READ_SCHEMA = Operation(name="read what depends on what", run=read_dependencies, retry=PATIENT)
CHECK_PUT_BACK = Operation(name="check that it can be put back", run=refuse_unless_put_back, retry=PATIENT)
