"""The structure of a database as flat entries, so that two databases are compared by a difference of dictionaries."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from continuity.domain.expressions import equivalent


class Kind(StrEnum):
    """Kinds of catalog entries; the value is what a finding calls them."""

    DATABASE = "database properties"
    SCHEMA = "schemas"
    EXTENSION = "extensions"
    TABLE = "tables"
    COLUMN = "columns"
    KEY = "keys and checks"
    REFERENCE = "references"
    INDEX = "indexes"
    VIEW = "views"
    SEQUENCE = "sequences"
    TYPE = "types"
    ROUTINE = "functions"
    TRIGGER = "triggers"
    RULE = "rewrite rules"
    POLICY = "row security policies"
    DEFAULT_PRIVILEGE = "default privileges"
    PUBLICATION = "publications"
    EVENT_TRIGGER = "event triggers"
    LARGE_OBJECT = "large objects"
    OTHER = "other objects"


OWNER = "owner"
GRANTS = "grants"
COMMENT = "comment"
VALID_INDEX = "valid index"
SHARED_PROPERTIES = (OWNER, GRANTS, COMMENT, VALID_INDEX)
"""Properties that have a finding of their own, so that "a lost grant" is found as that."""


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """One object: its kind, its quoted name, and its properties as text."""

    kind: Kind
    name: str
    properties: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One privilege of one grantee ("" is PUBLIC), as the `grants` property lists it."""

    grantee: str
    privilege: str
    grantable: bool
    grantor: str


_NAME = r'"(?:[^"]|"")*"|[^",=/]+'
_GRANT = re.compile(rf"(?:^|, )(?P<grantee>{_NAME})=(?P<privilege>[A-Z ]+)(?P<grantable>\*?)/(?P<grantor>{_NAME})")


def parse_grants(grants: str) -> tuple[Grant, ...]:
    """Take the `grants` property apart. PUBLIC is unquoted; a role of that name would be quoted."""
    return tuple(
        Grant(
            grantee="" if match["grantee"] == "PUBLIC" else _unquoted(match["grantee"]),
            privilege=match["privilege"],
            grantable=bool(match["grantable"]),
            grantor=_unquoted(match["grantor"]),
        )
        for match in _GRANT.finditer(grants)
    )


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One way in which a catalog departs from another; `expected` and `found` are definitions, never rows."""

    kind: Kind
    name: str
    what: str
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        if self.expected or self.found:
            return f"{self.name}: {self.what} is {_short(self.found)}, was {_short(self.expected)}"
        return f"{self.name}: {self.what}"


def compare_objects(kind: Kind, expected: Iterable[CatalogEntry], found: Iterable[CatalogEntry]) -> tuple[Difference, ...]:
    """Compare one kind's objects by presence and by every property but the shared ones."""
    return _compare(kind, expected, found, wanted=lambda name: name not in SHARED_PROPERTIES)


def compare_property(name: str, expected: Iterable[CatalogEntry], found: Iterable[CatalogEntry]) -> tuple[Difference, ...]:
    """Compare one shared property over all kinds. Objects that only one side has are another finding's business."""
    differences: list[Difference] = []
    there = {(entry.kind, entry.name): entry for entry in found}
    for entry in expected:
        other = there.get((entry.kind, entry.name))
        if other is not None:
            differences += _changed(entry, other, names=(name,))
    return tuple(differences)


def _compare(
    kind: Kind, expected: Iterable[CatalogEntry], found: Iterable[CatalogEntry], *, wanted: Callable[[str], bool]
) -> tuple[Difference, ...]:
    was = {entry.name: entry for entry in expected if entry.kind is kind}
    now = {entry.name: entry for entry in found if entry.kind is kind}
    differences = [Difference(kind=kind, name=name, what="missing") for name in was if name not in now]
    differences += [Difference(kind=kind, name=name, what="not in the recovery point") for name in now if name not in was]
    for name, entry in was.items():
        if name in now:
            names = [key for key in {**entry.properties, **now[name].properties} if wanted(key)]
            differences += _changed(entry, now[name], names=names)
    return tuple(differences)


def _changed(entry: CatalogEntry, other: CatalogEntry, *, names: Iterable[str]) -> list[Difference]:
    return [
        Difference(
            kind=entry.kind,
            name=entry.name,
            what=name,
            expected=entry.properties.get(name, "(none)"),
            found=other.properties.get(name, "(none)"),
        )
        for name in names
        if not _same(entry.kind, name, entry.properties.get(name), other.properties.get(name))
    ]


_PRINTED = frozenset({"definition", "default", "using", "check", "bound"})
"""Properties that PostgreSQL prints from a parsed tree; all others are kept to the letter, and compared so."""


def _same(kind: Kind, name: str, expected: str | None, found: str | None) -> bool:
    if expected is None or found is None or name not in _PRINTED:
        return expected == found
    # The body of a function is text, blanks and all, but for the one form that PostgreSQL parses and prints.
    if kind is Kind.ROUTINE and "BEGIN ATOMIC" not in expected:
        return expected == found
    return equivalent(expected, found)


def _short(text: str, limit: int = 120) -> str:
    flat = " ".join(text.split()) or "(empty)"
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
