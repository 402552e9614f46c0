"""Plans to take a constraint of a table out of force, and to put it back exactly. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from continuity.domain.dependencies import ObjectKind, Schema, SchemaObject
from continuity.domain.identifiers import nearest, parse_identifier, quoted
from continuity.domain.live import LiveState
from continuity.domain.plan import Facts, PlannedStep
from continuity.errors import UnsafeOperation

TAKE_OUT, PUT_IN = "take the constraint out of force", "put the constraint back in force"
"""The kinds of the two steps. Each is the inverse of the other."""

ROWS_INDEXED_PER_SECOND = 500_000
"""For an estimate of how long an index is rebuilt: half of what one core did with a unique index on integers."""

_TAKEN_OUT = {ObjectKind.FOREIGN_KEY, ObjectKind.CHECK, ObjectKind.PRIMARY_KEY, ObjectKind.UNIQUE, ObjectKind.EXCLUSION}
_HAS_INDEX = {ObjectKind.PRIMARY_KEY, ObjectKind.UNIQUE, ObjectKind.EXCLUSION}


@dataclass(frozen=True, kw_only=True)
class ConstraintState:
    """A constraint as the catalog has it: all that it takes to make the very same one again."""

    oid: int
    table_oid: int
    schema: str
    table: str
    name: str
    kind: str
    definition: str
    """As the server writes it, but for NOT VALID."""
    valid: bool
    comment: str = ""
    broken_by: str = ""
    """A query, as the server's own words make it, that counts what breaks it; "" where only the index itself can tell."""
    referenced: tuple[str, ...] = ()
    """Schema and name of the table that a foreign key refers to."""
    partitioned: bool = False
    inherited: bool = False
    replica_identity: bool = False
    clustered: bool = False
    index_comment: str = ""
    index_options: tuple[str, ...] = ()
    tablespace: str = ""

    @property
    def has_index(self) -> bool:
        """Whether putting it back means building its index."""
        return ObjectKind(self.kind) in _HAS_INDEX

    @property
    def validated_later(self) -> bool:
        """Whether it is put back without a look at the rows first, which are then read without holding anybody up."""
        return not self.has_index and not self.partitioned

    @property
    def identity(self) -> str:
        """Its exact name."""
        return f"{self.kind} {quoted(self.name)} on {quoted(self.schema, self.table)}"

    def same(self, other: "ConstraintState") -> bool:
        """Whether another one, of whatever OID, says the same."""
        return (self.name, self.definition, self.valid) == (other.name, other.definition, other.valid)


def find_constraint(schema: Schema, table: SchemaObject, name: str) -> SchemaObject:
    """Return a constraint of a table by its name, as PostgreSQL writes names.

    Raises:
        ConfigurationRefused: it is no name.
        UnsafeOperation: there is none of this name, or it can not be taken out; what stands against it is named.

    """
    wanted = ".".join(parse_identifier(name))
    known = {each.name: each for each in schema.objects.values() if each.table == table.id.oid and each.kind in _TAKEN_OUT}
    found = known.get(wanted)
    if found is None:
        near = nearest(wanted, sorted(known))
        raise UnsafeOperation(
            f"there is no constraint {quoted(wanted)} on {table}",
            detail="Nothing was changed.",
            hint=f"Did you mean {quoted(near)}?" if near else f"Known: {', '.join(sorted(known)) or 'none'}.",
        )
    needing = [str(schema.objects[need.dependent]) for need in schema.needed_by.get(found.id, ()) if not need.within]
    if needing:
        raise UnsafeOperation(
            f"{needing[0]} needs {found}",
            detail="\n".join([*(f"✗ {each} needs it" for each in sorted(set(needing))), "Nothing was changed."]),
            hint="It cannot be without this; take that out of force first.",
        )
    return found


def constraint_steps(live: LiveState, state: ConstraintState) -> tuple[PlannedStep, ...]:
    """Plan to take a constraint out of force. Its step records all that putting it back takes.

    Raises:
        UnsafeOperation: it is another table's, or the replica identity of its own.

    """
    if state.inherited:
        raise UnsafeOperation(f"{state.identity} comes from a parent", detail="Nothing was changed.", hint="Name it there.")
    if state.replica_identity:
        raise UnsafeOperation(
            f"{state.identity} is the replica identity of its table: replication could not tell rows apart without it",
            detail="Nothing was changed.",
            hint="Choose another one first: ALTER TABLE … REPLICA IDENTITY.",
        )
    arguments = live.arguments | {"constraint": constraint_facts(state), "statements": [_statement(state)]}
    return (PlannedStep(name="take the constraint out", kind=TAKE_OUT, target=state.identity, arguments=arguments),)


def constraint_facts(state: ConstraintState) -> dict[str, object]:
    """Return a constraint as a step records it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(state).items()}


def constraint_of(facts: Facts) -> ConstraintState:
    """Read a constraint from what a step has recorded."""
    recorded = facts["constraint"]
    lists = {name: tuple(recorded[name]) for name in ("referenced", "index_options")}
    return ConstraintState(**{**recorded, **lists})


def constraint_notes(table: SchemaObject, state: ConstraintState) -> Iterator[str]:
    """Tell what taking it out, and putting it back, means for those who use the table."""
    rows = f"{'' if table.exact else 'about '}{table.rows:,} rows" if table.rows >= 0 else "rows that are not known"
    yield f"meanwhile nothing refuses rows that break it: {state.definition}"
    yield "every statement of it runs in a transaction: nothing is left half done"
    if state.has_index:
        seconds = max(table.rows, 0) / ROWS_INDEXED_PER_SECOND
        yield f"its index goes too: queries that use it are slower, and an undo builds it anew from {rows}, which holds the"
        yield f"lock for about {seconds:.1f} s (an estimate)"
    elif state.validated_later:
        yield f"an undo adds it NOT VALID, and then reads {rows} while everybody goes on reading and writing"
    else:
        yield f"an undo reads {rows} under its lock, since the table is partitioned"


def put_in_step(name: str, facts: Facts) -> PlannedStep:
    """Plan the inverse of taking a constraint out, from what that recorded."""
    return _inverse(name, PUT_IN, facts)


def take_out_step(name: str, facts: Facts) -> PlannedStep:
    """Plan the inverse of putting a constraint back."""
    return _inverse(name, TAKE_OUT, facts)


def _inverse(name: str, kind: str, facts: Facts) -> PlannedStep:
    back = ": put back"
    other = name.removesuffix(back) if name.endswith(back) else name + back
    return PlannedStep(name=other, kind=kind, target=constraint_of(facts).identity, arguments=dict(facts))


def _statement(state: ConstraintState) -> str:
    return f"alter table {quoted(state.schema, state.table)} drop constraint {quoted(state.name)}"
