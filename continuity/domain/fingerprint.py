"""What makes two tables equal: the number of rows and a digest that does not depend on their order."""

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """In which form a column enters the digest.

    `hash_record_extended` sees equality as the type does: numeric 1.0 = 1.00, interval '1 day' = '24 hours', -0.0 = 0.0,
    strings equal under a nondeterministic collation. Where a type's equality is coarser than its bytes, a cheap exact
    form stands in; where it has no hash at all (json, xml, point), its text does.
    """

    NATIVE = "native"
    TEXT = "text"
    OUTPUT = "output"
    BINARY_COLLATION = "C"
    FLOAT4_BYTES = "float4send"
    FLOAT8_BYTES = "float8send"
    INTERVAL_BYTES = "interval_send"


_BYTES = {"float4": Form.FLOAT4_BYTES, "float8": Form.FLOAT8_BYTES, "interval": Form.INTERVAL_BYTES}
_EXACT = frozenset(
    [
        "bool",
        "bytea",
        "char",
        "name",
        "int2",
        "int4",
        "int8",
        "oid",
        "text",
        "varchar",
        "uuid",
        "date",
        "time",
        "timetz",
        "timestamp",
        "timestamptz",
        "money",
        "inet",
        "cidr",
        "macaddr",
        "macaddr8",
        "bit",
        "varbit",
        "xid",
        "xid8",
        "cid",
        "tid",
        "pg_lsn",
    ]
)
"""Built-in types whose equality is equality of their bytes."""


@dataclass(frozen=True, kw_only=True)
class ColumnType:
    """What the choice of a form needs to know of a column. `base` is the type below any domain."""

    base: str
    builtin: bool
    unconstrained: bool
    nondeterministic: bool
    hashable: bool


def choose_form(column: ColumnType) -> Form:
    """Choose the cheapest form that is exact to the byte, or the text where nothing cheaper is.

    jsonb is hashed as it is: its equality differs from its text only in trailing zeros of numbers, and its text would
    cost three times the scan. numeric with a declared scale is exact; without one, its text is taken.
    """
    if column.base == "xml":
        # Its cast to text shows a declaration that its output, and so a dump, leaves out.
        return Form.OUTPUT
    if column.hashable and column.nondeterministic:
        return Form.BINARY_COLLATION
    if column.base in _BYTES:
        return _BYTES[column.base]
    if column.base in {"numeric", "bpchar"} and not column.unconstrained:
        return Form.NATIVE
    if column.hashable and column.builtin and (column.base in _EXACT or column.base == "jsonb"):
        return Form.NATIVE
    # An enum is hashed by its OID, which a restore does not keep.
    # Arrays, ranges, composites and extension types: equality of elements may be coarser than their bytes.
    return Form.TEXT


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Rows and digest of one table's own rows (`ONLY`: partitions and children count for themselves)."""

    table: str
    rows: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class SequencePosition:
    """Where a sequence stands. Positions are text in documents: a bigint does not fit a JSON number exactly."""

    name: str
    position: int
    called: bool
    increment: int

    def behind(self, other: "SequencePosition") -> bool:
        """Whether this sequence would hand out again what `other` has handed out."""
        if self.increment >= 0:
            return (self.position, self.called) < (other.position, other.called)
        return (-self.position, self.called) < (-other.position, other.called)
