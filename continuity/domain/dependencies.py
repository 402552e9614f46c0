"""The objects of a database by exact name and identity, and which of them needs which. Pure values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from continuity.domain.identifiers import nearest, parse_identifier, quoted
from continuity.errors import UnsafeOperation


class ObjectKind(StrEnum):
    """Kinds of objects; the value is what a person reads."""

    TABLE = "table"
    FOREIGN_TABLE = "foreign table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    SEQUENCE = "sequence"
    INDEX = "index"
    COLUMN = "column"
    GENERATED_COLUMN = "generated column"
    DEFAULT = "default of"
    FOREIGN_KEY = "foreign key"
    CHECK = "check constraint"
    PRIMARY_KEY = "primary key"
    UNIQUE = "unique constraint"
    EXCLUSION = "exclusion constraint"
    CONSTRAINT = "constraint"
    TRIGGER = "trigger"
    RULE = "rule"
    POLICY = "policy"
    FUNCTION = "function"
    PROCEDURE = "procedure"
    AGGREGATE = "aggregate"
    TYPE = "type"
    PUBLICATION = "publication"
    OTHER = "object"


@dataclass(frozen=True, order=True)
class ObjectId:
    """An object's identity: the system catalog that lists it, its OID there, and for a column its number."""

    catalog: str
    oid: int
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class SchemaObject:
    """One object. `identity` is its exact name, quoted and qualified by the server itself."""

    id: ObjectId
    kind: ObjectKind
    identity: str
    schema: str = ""
    name: str = ""
    table: int = 0
    """OID of the relation that it is a part of; 0 for what stands by itself."""
    owner: str = ""
    extension: bool = False
    """Whether an extension has brought it, so that nobody else may move it."""
    rows: int = -1
    """Of a relation with rows: how many, about; -1 is not known."""
    exact: bool = False
    """Whether `rows` were counted."""
    partition: bool = False
    not_null: bool = False
    fills_itself: bool = False
    """Of a column: a row that does not name it gets a value."""
    never_null: bool = False
    """Of a column: its domain refuses nulls, whatever the table says."""
    inherited: bool = False
    enabled: str = ""
    """Of a trigger or rule: its state, as pg_trigger and pg_rewrite write it."""
    clones: tuple[tuple[int, str], ...] = ()
    """Of a trigger of a partitioned table: OID and state of each partition's own."""
    arguments: str = ""
    """Of a function: the types by which it is told from others of the name."""
    body: str = ""
    """Of a function whose dependencies PostgreSQL does not record: its text."""
    runs: int = 0
    """Of a trigger: OID of its function."""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.identity}"


@dataclass(frozen=True, kw_only=True)
class Need:
    """One object needs another. `within`: it is a part of that, and goes with it as DROP without CASCADE would take it."""

    dependent: ObjectId
    needed: ObjectId
    within: bool = False


@dataclass(frozen=True, kw_only=True)
class Schema:
    """All objects of a database that people have made, who needs whom, and which tables inherit from which."""

    objects: Mapping[ObjectId, SchemaObject]
    needs: tuple[Need, ...]
    parents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """From the OID of a table to those that it inherits from, or is a partition of."""

    @cached_property
    def needed_by(self) -> Mapping[ObjectId, tuple[Need, ...]]:
        """Return, for each object, who needs it."""
        found: dict[ObjectId, list[Need]] = {}
        for need in self.needs:
            found.setdefault(need.needed, []).append(need)
        return {needed: tuple(needs) for needed, needs in found.items()}

    @cached_property
    def _columns(self) -> Mapping[int, tuple[SchemaObject, ...]]:
        found: dict[int, list[SchemaObject]] = {}
        for each in self.objects.values():
            if each.id.number:
                found.setdefault(each.id.oid, []).append(each)
        return {oid: tuple(columns) for oid, columns in found.items()}

    @cached_property
    def _relations(self) -> Mapping[tuple[str, str], SchemaObject]:
        kinds = {ObjectKind.INDEX}
        return {
            (each.schema, each.name): each
            for each in self.objects.values()
            if each.id.catalog == "pg_class" and not each.id.number and each.kind not in kinds
        }

    def relation(self, oid: int) -> SchemaObject:
        """Return a relation by its OID."""
        return self.objects[ObjectId("pg_class", oid)]

    def columns(self, oid: int) -> tuple[SchemaObject, ...]:
        """Return the columns of a table."""
        return self._columns.get(oid, ())

    def heirs(self, oid: int) -> Iterator[int]:
        """Go through all tables that inherit from one, or are partitions of it, parents first."""
        for child, parents in self.parents.items():
            if oid in parents:
                yield child
                yield from self.heirs(child)

    def parts(self, key: ObjectId) -> Iterator[ObjectId]:
        """Go through the columns of a table; of a column, through the same one in the tables that inherit it."""
        if key.catalog != "pg_class":
            return
        if not key.number:
            yield from (column.id for column in self.columns(key.oid))
            return
        name = self.objects[key].name
        for heir in self.heirs(key.oid):
            yield from (column.id for column in self.columns(heir) if column.name == name)

    def find(self, name: str) -> SchemaObject:
        """Return the relation or column of a name as a person writes it: schema.table, or schema.table.column.

        Raises:
            ConfigurationRefused: it is no name.
            UnsafeOperation: there is none; the nearest name is told.

        """
        parts = parse_identifier(name)
        found = self._relations.get((parts[0], parts[1])) if len(parts) in (2, 3) else None
        if found and len(parts) == 2:  # noqa: PLR2004 -- schema and table
            return found
        columns = self.columns(found.id.oid) if found else ()
        if column := next((each for each in columns if each.name == parts[-1]), None):
            return column
        known = {each.identity for each in columns} or {each.identity for each in self._relations.values()}
        near = nearest(quoted(*parts), sorted(known))
        raise UnsafeOperation(
            f"there is no {'column' if columns else 'table'} {quoted(*parts)}",
            detail="Nothing was changed.",
            hint=f"Did you mean {near}?" if near else "Write schema.table or schema.table.column.",
        )
