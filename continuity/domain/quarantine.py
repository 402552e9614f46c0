"""Plans to set tables and columns aside without dropping or copying anything: the steps that a phase's plan is made of. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from continuity.domain.dependencies import ObjectKind, Schema, SchemaObject
from continuity.domain.dependents import Going, Treatment, decide_going
from continuity.domain.identifiers import quoted
from continuity.domain.live import LiveState
from continuity.domain.plan import Facts, PlanHash, PlannedStep
from continuity.domain.setting_aside import (
    Action,
    Change,
    Lifted,
    SetAside,
    aside_statements,
    quarantine_mark,
    quarantine_name,
    set_aside_of,
)
from continuity.domain.swap import mark_of

SET_ASIDE, PUT_BACK = "quarantine the schema", "put the schema back"
"""The kinds of the two steps. Each is the inverse of the other."""

_LOCKED = {ObjectKind.TABLE}
_CONSTRAINTS = {ObjectKind.CHECK, ObjectKind.PRIMARY_KEY, ObjectKind.UNIQUE, ObjectKind.EXCLUSION, ObjectKind.FOREIGN_KEY}
_ACTIONS = {Treatment.MOVE: Action.MOVE, Treatment.RENAME: Action.RENAME, Treatment.DISABLE: Action.DISABLE}


def quarantine_steps(
    live: LiveState, schema: Schema, wanted: Sequence[str], *, with_dependents: bool, name: str = "set the schema aside"
) -> tuple[PlannedStep, ...]:
    """Plan to set tables and columns aside: one step, one transaction, metadata only, exactly reversible. None without a wish.

    `wanted` are names as PostgreSQL writes them (`public.cities`, `public.users.bio`, `public."My Table"`); the order in
    which they are given says nothing. `schema` comes from the operation `READ_SCHEMA` (`continuity/steps/quarantine.py`).
    The step's arguments name every object by OID, `statements` (the preview) and `stays` (what goes on needing it), so all
    of it is in the plan's hash. `quarantine_notes` tells the rows, which are estimates. The step's inverse is in `INVERSES`.

    Raises:
        ConfigurationRefused: a name is none.
        UnsafeOperation: a name is unknown (the nearest is told), something outside depends on it (without
            `with_dependents`), or it cannot be set aside; everything is named.

    """
    if not wanted:
        return ()
    arguments = live.arguments | aside_arguments(live.arguments, schema, wanted, with_dependents=with_dependents)
    return (PlannedStep(name=name, kind=SET_ASIDE, target=", ".join(sorted(wanted)), arguments=arguments),)


def aside_arguments(database: Facts, schema: Schema, wanted: Sequence[str], *, with_dependents: bool) -> dict[str, Any]:
    """Decide what is set aside, as the arguments of its step; `database` names it by `system_identifier` and `live_oid`.

    Raises:
        ConfigurationRefused, UnsafeOperation: as `quarantine_steps`.

    """
    going = decide_going(schema, wanted, with_dependents=with_dependents)
    identities = sorted((each.id.catalog, each.id.oid, each.id.number) for each in going.wanted)
    aside = _set_aside(schema, going, mark_of(database["system_identifier"], database["live_oid"], *identities))
    stays = [str(each) for each in going.dependents if each.treatment is Treatment.STAY]
    return {
        "wanted": sorted(wanted),
        "with dependents": with_dependents,
        "set aside": json.loads(json.dumps(asdict(aside))),
        "statements": [str(each) for each in aside_statements(aside)],
        "stays": [*stays, *_kept_constraints(schema, going), *map(str, going.may_refer)],
    }


def _kept_constraints(schema: Schema, going: Going) -> list[str]:
    """Name the constraints of renamed columns: rows that are written without these have to pass them by their defaults."""
    kept: dict[str, list[str]] = {}
    for column, treatment in going.acted:
        needs = schema.needed_by.get(column.id, ()) if treatment is Treatment.RENAME else ()
        for each in dict.fromkeys(schema.objects[need.dependent] for need in needs):
            if each.kind in _CONSTRAINTS and each.table == column.table:
                kept.setdefault(str(each), []).append(column.name)
    return sorted(f"{each}, also for rows that are written without {', '.join(names)}" for each, names in kept.items())


def quarantine_notes(schema: Schema, steps: Sequence[PlannedStep]) -> tuple[str, ...]:
    """Tell for people what the steps come to: rows of each table, what stays in force, what may refer to what goes."""
    return tuple(note for step in steps if step.kind == SET_ASIDE for note in _notes(schema, step.arguments))


def _notes(schema: Schema, arguments: Facts) -> Iterator[str]:
    aside = set_aside_of(arguments)
    renamed: dict[int, list[str]] = {}
    for change in aside.changes:
        if change.action is Action.RENAME:
            renamed.setdefault(change.oid, []).append(change.name)
        elif change.catalog == "pg_class":
            yield f"{change.identity}: {_rows(schema.relation(change.oid))}, all kept"
    for oid, columns in renamed.items():
        table = schema.relation(oid)
        yield f"{table}: {_rows(table)}, with all values of {', '.join(sorted(columns))}"
    for change in aside.changes:
        for each in change.lifted:
            where = quoted(each.schema, each.table)
            yield f"{change.name} of {where} is not NOT NULL meanwhile; an undo reads {where} once under its lock to set it again"
    yield from (f"stays in force: {each}" for each in arguments["stays"])
    yield f"to drop it later: `continuity discard RUN`, by its name {aside.mark}"


def _rows(relation: SchemaObject) -> str:
    if relation.rows < 0:
        return "rows are not known"
    return f"{relation.rows:,} rows" if relation.exact else f"about {relation.rows:,} rows (an estimate)"


def put_back_step(name: str, facts: Facts) -> PlannedStep:
    """Plan the inverse of a step that has set something aside, from what it recorded."""
    return PlannedStep(name=_inverse_name(name), kind=PUT_BACK, target=_target(facts), arguments=dict(facts))


def set_aside_step(name: str, facts: Facts) -> PlannedStep:
    """Plan the inverse of a step that has put something back: the same things are set aside once more."""
    return PlannedStep(name=_inverse_name(name), kind=SET_ASIDE, target=_target(facts), arguments=dict(facts))


def _inverse_name(name: str) -> str:
    back = ": put back"
    return name.removesuffix(back) if name.endswith(back) else name + back


def _target(facts: Facts) -> str:
    return ", ".join(facts["wanted"])


def _set_aside(schema: Schema, going: Going, mark: PlanHash) -> SetAside:
    changes = tuple(_change(schema, each, _ACTIONS[treatment], mark) for each, treatment in going.acted)
    schemas = {change.schema: change.to for change in changes if change.action is Action.MOVE}
    locked = {each.table or each.id.oid for each, _ in going.acted if each.id.catalog == "pg_class" or each.table}
    tables = [schema.relation(oid) for oid in sorted(locked)]
    return SetAside(
        mark=quarantine_mark(mark),
        schemas=dict(sorted(schemas.items())),
        changes=changes,
        locks=tuple((each.id.oid, each.schema, each.name) for each in tables if each.kind in _LOCKED),
    )


def _change(schema: Schema, each: SchemaObject, action: Action, mark: PlanHash) -> Change:
    table = schema.relation(each.table) if each.table and action is not Action.MOVE else None
    home = table or each
    return Change(
        action=action,
        kind=ObjectKind.COLUMN.value if action is Action.RENAME else each.kind.value,
        catalog=each.id.catalog,
        oid=each.id.oid,
        number=each.id.number,
        schema=home.schema,
        table=table.name if table else "",
        table_oid=table.id.oid if table else 0,
        name=each.name,
        to=quarantine_name(each.schema if action is Action.MOVE else each.name, mark),
        arguments=each.arguments,
        owner=each.owner if action is Action.MOVE and each.kind in {ObjectKind.TABLE, ObjectKind.FOREIGN_TABLE} else "",
        enabled=each.enabled,
        clones=each.clones,
        lifted=tuple(_lifted(schema, each)) if action is Action.RENAME else (),
    )


def _lifted(schema: Schema, column: SchemaObject) -> Iterator[Lifted]:
    """Return where the column refuses nulls and has no default, its own table first, then those that inherit it."""
    for oid in dict.fromkeys([column.table, *schema.heirs(column.table)]):
        own = next(each for each in schema.columns(oid) if each.name == column.name)
        if own.not_null and not own.fills_itself:
            table = schema.relation(oid)
            yield Lifted(oid=oid, number=own.id.number, schema=table.schema, table=table.name)
