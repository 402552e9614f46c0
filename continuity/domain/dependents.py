"""Decides what goes when tables and columns are set aside, in which order, and what outside depends on it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from continuity.domain.dependencies import Need, ObjectId, ObjectKind, Schema, SchemaObject
from continuity.domain.identifiers import mentions
from continuity.domain.order import dependents_first
from continuity.domain.setting_aside import is_set_aside
from continuity.errors import UnsafeOperation


class Treatment(StrEnum):
    """What becomes of an object when what it needs is set aside."""

    MOVE = "moves along"
    RENAME = "is renamed along"
    DISABLE = "is disabled"
    STAY = "stays in force"


_MOVES = {
    ObjectKind.TABLE, ObjectKind.FOREIGN_TABLE, ObjectKind.VIEW, ObjectKind.MATERIALIZED_VIEW, ObjectKind.SEQUENCE,
    ObjectKind.FUNCTION, ObjectKind.PROCEDURE, ObjectKind.AGGREGATE, ObjectKind.TYPE,
}  # fmt: skip
_TREATMENTS = dict.fromkeys(_MOVES, Treatment.MOVE) | {
    ObjectKind.COLUMN: Treatment.RENAME,
    ObjectKind.GENERATED_COLUMN: Treatment.RENAME,
    ObjectKind.TRIGGER: Treatment.DISABLE,
    ObjectKind.RULE: Treatment.DISABLE,
}
"""Of what is asked for, and of what depends on it; every other kind stays: PostgreSQL refers to all of it by OID."""


@dataclass(frozen=True, kw_only=True)
class Dependent:
    """An object outside that needs what goes, and what becomes of it."""

    object: SchemaObject
    needs: SchemaObject
    treatment: Treatment

    def __str__(self) -> str:
        return f"{self.object} needs {self.needs}"


@dataclass(frozen=True, kw_only=True)
class MayRefer:
    """A function whose text speaks of what goes. PostgreSQL records nothing of it, so nobody can be sure."""

    function: SchemaObject
    mentioned: SchemaObject
    triggers: tuple[SchemaObject, ...] = ()

    def __str__(self) -> str:
        runs = f", and runs by {', '.join(map(str, self.triggers))}" if self.triggers else ""
        return f"{self.function} may refer to {self.mentioned}: its text mentions it{runs}"


@dataclass(frozen=True, kw_only=True)
class Going:
    """What is set aside: `acted` in order, dependents first; `stays` needs it and stays in force."""

    acted: tuple[tuple[SchemaObject, Treatment], ...]
    wanted: tuple[SchemaObject, ...]
    dependents: tuple[Dependent, ...] = ()
    may_refer: tuple[MayRefer, ...] = ()

    @property
    def outside(self) -> tuple[str, ...]:
        """Name everything outside that depends on it, or may."""
        return (*map(str, self.dependents), *map(str, self.may_refer))


def decide_going(schema: Schema, names: Sequence[str], *, with_dependents: bool) -> Going:
    """Decide what is set aside with the tables and columns of these names. The order is computed from the dependencies.

    Raises:
        ConfigurationRefused: a name is none.
        UnsafeOperation: something outside depends on it (without `with_dependents`), or it cannot be set aside at all;
            everything is named.

    """
    wanted = tuple(dict.fromkeys(schema.find(name) for name in names))
    going, dependents = _closure(schema, wanted)
    acted = {**{each.id: each for each in wanted}, **{each.id: each for each in _partitions(schema, going)}}
    acted |= {each.object.id: each.object for each in dependents if each.treatment is not Treatment.STAY}
    # What is a part of a table that goes needs no action of its own.
    acted = {
        key: each
        for key, each in acted.items()
        if not (each.table and ObjectId("pg_class", each.table) in acted) or _TREATMENTS[each.kind] is Treatment.MOVE
    }
    if reasons := tuple(_impossible(schema, wanted, tuple(acted.values()), going)):
        raise _refused("reasons against it", reasons, "Ask for what is named instead, or change the schema.")
    found = Going(
        wanted=wanted,
        acted=tuple((each, _TREATMENTS[each.kind]) for each in dependents_first(schema, acted)),
        dependents=tuple(dependents),
        may_refer=tuple(_may_refer(schema, acted.values(), going)),
    )
    if found.outside and not with_dependents:
        raise _refused(
            "objects outside depend on it, or may",
            found.outside,
            "--with-dependents includes them, and shows what becomes of each.",
        )
    return found


def _refused(what: str, reasons: Sequence[str], hint: str) -> UnsafeOperation:
    many = f"{len(reasons)} {what}, the first: " if len(reasons) > 1 else ""
    return UnsafeOperation(
        many + reasons[0], detail="\n".join([*(f"✗ {reason}" for reason in reasons), "Nothing was changed."]), hint=hint
    )


def _closure(schema: Schema, wanted: Sequence[SchemaObject]) -> tuple[set[ObjectId], list[Dependent]]:
    """Follow the dependencies from what is wanted: what goes with it, and what outside needs it, each once."""
    going: set[ObjectId] = set()
    parts = {each.id for each in wanted}
    dependents: dict[ObjectId, Dependent] = {}
    waiting = sorted(parts)
    while waiting:
        needed = waiting.pop(0)
        if needed in going:
            continue
        going.add(needed)
        own = list(schema.parts(needed))
        by_dependent: dict[ObjectId, list[Need]] = {}
        for need in schema.needed_by.get(needed, ()):
            by_dependent.setdefault(need.dependent, []).append(need)
        for key, needs in by_dependent.items():
            dependent = schema.objects[key]
            if _belongs(dependent, needs, going):
                own.append(key)
            elif key not in dependents and not _is_aside(schema, dependent):
                treatment = _treatment(schema, dependent)
                dependents[key] = Dependent(object=dependent, needs=schema.objects[needed], treatment=treatment)
                waiting += [key] if treatment is not Treatment.STAY else []
        parts.update(own)
        waiting += own
    left = [each for key, each in dependents.items() if key not in parts and not _inside(each.object, going)]
    return going, sorted(left, key=lambda each: (each.object.kind.value, each.object.identity))


def _is_aside(schema: Schema, each: SchemaObject) -> bool:
    """Whether an earlier run has set an object aside, or its table: nobody uses it, and it needs by OID what goes now."""
    home = schema.relation(each.table) if each.table else each
    return is_set_aside(home.schema, home.name, each.name)


def _treatment(schema: Schema, dependent: SchemaObject) -> Treatment:
    """Decide what becomes of an object outside. A column whose type is a table's row, and what a view has, stay as they are."""
    on_view = dependent.table and schema.relation(dependent.table).kind is ObjectKind.VIEW
    if on_view or dependent.kind in {ObjectKind.COLUMN, ObjectKind.SEQUENCE}:
        return Treatment.STAY
    return _TREATMENTS.get(dependent.kind, Treatment.STAY)


def needed_outside(schema: Schema, keys: Iterable[ObjectId]) -> tuple[str, ...]:
    """Name what needs one of these objects or its parts, and is itself none of them."""
    going, waiting = set[ObjectId](), sorted(key for key in keys if key in schema.objects)
    needs: list[Need] = []
    while waiting:
        key = waiting.pop()
        if key in going:
            continue
        going.add(key)
        waiting += schema.parts(key)
        for need in schema.needed_by.get(key, ()):
            if need.within or _inside(schema.objects[need.dependent], going):
                waiting.append(need.dependent)
            else:
                needs.append(need)
    left = {need.dependent: need for need in needs if need.dependent not in going}
    named = [(schema.objects[key], schema.objects[need.needed]) for key, need in left.items()]
    return tuple(sorted(f"{each} needs {needed}" for each, needed in named if not _inside(each, going)))


def _belongs(dependent: SchemaObject, needs: Iterable[Need], going: set[ObjectId]) -> bool:
    """Whether an object goes by itself with what it needs. A generated column is data of its own, so it is named."""
    if _inside(dependent, going):
        return True
    if dependent.kind in {ObjectKind.GENERATED_COLUMN, ObjectKind.PUBLICATION}:
        return False
    return any(need.within for need in needs)


def _inside(each: SchemaObject, going: set[ObjectId]) -> bool:
    return bool(each.table) and ObjectId("pg_class", each.table) in going


def _partitions(schema: Schema, going: set[ObjectId]) -> Iterator[SchemaObject]:
    """Return the partitions that go with their table: each is a table of its own, and moves by an action of its own."""
    for key in sorted(going):
        each = schema.objects[key]
        if each.partition and not key.number and each.kind in {ObjectKind.TABLE, ObjectKind.FOREIGN_TABLE}:
            yield each


def _impossible(
    schema: Schema, wanted: Sequence[SchemaObject], acted: Sequence[SchemaObject], going: set[ObjectId]
) -> Iterator[str]:
    for each in wanted:
        if _is_aside(schema, each):
            yield f"{each} is set aside already"
    for each in acted:
        if each.extension or (each.table and schema.relation(each.table).extension):
            yield f"{each} belongs to an extension"
        if _TREATMENTS[each.kind] is Treatment.MOVE:
            for parent in schema.parents.get(each.id.oid, ()) if each.id.catalog == "pg_class" else ():
                if ObjectId("pg_class", parent) not in going:
                    yield f"{each} is a part of {schema.relation(parent)}, through which its rows would still be seen"
        elif each.id.number:
            yield from _impossible_column(schema, each)
        if any(state != each.enabled for _, state in each.clones):
            yield f"{each} is in another state on some partitions than on their table"


def _impossible_column(schema: Schema, column: SchemaObject) -> Iterator[str]:
    if column.inherited:
        parents = ", ".join(str(schema.relation(oid)) for oid in schema.parents.get(column.table, ()))
        yield f"{column} comes from {parents}: name the column there"
    if column.never_null and not column.fills_itself:
        yield f"{column} has a domain that refuses nulls and no default: no row could be written without it"
    for need in schema.needed_by.get(column.id, ()):
        key = schema.objects[need.dependent]
        if key.kind is ObjectKind.PRIMARY_KEY and key.table == column.table and column.not_null and not column.fills_itself:
            yield f"{column} is in {key}, and without a default no row could be written without it"


def _may_refer(schema: Schema, acted: Iterable[SchemaObject], going: set[ObjectId]) -> Iterator[MayRefer]:
    """Find functions that mention a table that goes, or a column together with its table.

    A column's name alone is not enough: `id` and `status` are everywhere. It is where the function runs as a trigger of
    the table.
    """
    targets = [each for each in acted if each.id.catalog == "pg_class"]
    triggers: dict[int, list[SchemaObject]] = {}
    for each in schema.objects.values():
        if each.kind is ObjectKind.TRIGGER:
            triggers.setdefault(each.runs, []).append(each)
    for each in sorted(schema.objects.values(), key=lambda each: each.identity):
        if not each.body or each.id in going or _is_aside(schema, each):
            continue
        runs_by = triggers.get(each.id.oid, []) if each.id.catalog == "pg_proc" else []
        mentioned = next((target for target in targets if _speaks_of(schema, each, target, runs_by)), None)
        if mentioned:
            outside = tuple(trigger for trigger in runs_by if not _inside(trigger, going) and trigger.id not in going)
            yield MayRefer(function=each, mentioned=mentioned, triggers=outside)


def _speaks_of(schema: Schema, function: SchemaObject, target: SchemaObject, runs_by: Iterable[SchemaObject]) -> bool:
    if not mentions(function.body, target.name):
        return False
    if not target.id.number:
        return True
    tables = {target.table, *schema.heirs(target.table)}
    if any(trigger.table in tables for trigger in runs_by):
        return True
    return any(mentions(function.body, schema.relation(table).name) for table in tables)
