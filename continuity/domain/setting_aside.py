"""How objects are set aside without dropping or copying anything: what moves, what is renamed, and the statements. Pure.

Tables, views, sequences, functions and types move to a quarantine schema; columns, which cannot move, are renamed in
place; triggers and rules are disabled and renamed. Each is known by its OID, so that its name never decides.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from continuity.domain.identifiers import beside, quoted
from continuity.domain.plan import Facts, PlanHash
from continuity.domain.swap import LONGEST_NAME_BYTES

_SET_ASIDE = re.compile(r".*_quarantine_[0-9a-f]{8}", re.DOTALL)


def quarantine_mark(mark: PlanHash) -> str:
    """Return the word by which everything that a run sets aside is known, and that a person types to drop it."""
    return f"quarantine_{mark[:8]}"


def quarantine_name(name: str, mark: PlanHash) -> str:
    """Name what stands for `name` while it is set aside: a schema's quarantine, or a column, trigger or rule in place."""
    suffix = f"_{quarantine_mark(mark)}"
    if len((name + suffix).encode()) <= LONGEST_NAME_BYTES:
        return name + suffix
    # Two long names that differ at their ends only must not become one.
    return beside(name, f"_{hashlib.sha256(name.encode()).hexdigest()[:6]}{suffix}")


def is_set_aside(*names: str) -> bool:
    """Whether one of an object's names says that it is set aside."""
    return any(_SET_ASIDE.fullmatch(name) for name in names)


class Action(StrEnum):
    """How an object is set aside."""

    MOVE = "move"
    RENAME = "rename"
    DISABLE = "disable"


@dataclass(frozen=True, kw_only=True)
class Lifted:
    """A NOT NULL that a column loses while it is set aside, since rows are written without it."""

    oid: int
    number: int
    schema: str
    table: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """One object and how it is set aside, by identity: `catalog`, `oid`, `number` say which, all else what it is called."""

    action: Action
    kind: str
    catalog: str
    oid: int
    number: int = 0
    schema: str
    table: str = ""
    """Name of the table whose column, trigger or rule it is."""
    table_oid: int = 0
    name: str
    to: str
    """The schema that it moves to, or its name meanwhile."""
    arguments: str = ""
    """Of a function: the types by which it is told from others of the name."""
    owner: str = ""
    enabled: str = ""
    clones: tuple[tuple[int, str], ...] = ()
    lifted: tuple[Lifted, ...] = ()

    @property
    def identity(self) -> str:
        """Its exact name, as long as it is in use."""
        name = quoted(self.schema, self.table, self.name) if self.number else quoted(self.schema, self.name)
        if self.action is Action.DISABLE:
            name = f"{quoted(self.name)} on {quoted(self.schema, self.table)}"
        return f"{self.kind} {name}{f'({self.arguments})' if self.arguments else ''}"


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """Everything that one step sets aside, in order: dependents first."""

    mark: str
    schemas: Mapping[str, str] = field(default_factory=dict)
    """From each schema out of which something moves to its quarantine."""
    changes: tuple[Change, ...]
    locks: tuple[tuple[int, str, str], ...]
    """Tables that are locked first: OID, schema and name while in use."""

    @property
    def owners(self) -> dict[str, list[str]]:
        """Return, for each quarantine, the owners of its tables: foreign keys are checked in their name."""
        found: dict[str, set[str]] = {quarantine: set() for quarantine in self.schemas.values()}
        for change in self.changes:
            if change.action is Action.MOVE and change.owner:
                found[change.to].add(change.owner)
        return {quarantine: sorted(owners) for quarantine, owners in found.items()}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement: `{}` in its text stands for a name, whose parts the adapter quotes."""

    text: str
    names: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return self.text.format(*(quoted(*name) for name in self.names))


def aside_statements(aside: SetAside) -> Iterator[Statement]:
    """Return what sets everything aside, in order."""
    for quarantine, owners in aside.owners.items():
        yield Statement(text="create schema {}", names=((quarantine,),))
        if owners:
            places = ", ".join("{}" for _ in owners)
            yield Statement(text=f"grant usage on schema {{}} to {places}", names=((quarantine,), *((each,) for each in owners)))
    for change in aside.changes:
        yield from _aside(change)


def _aside(change: Change) -> Iterator[Statement]:
    own, table = (change.schema, change.name), (change.schema, change.table)
    match change.action:
        case Action.MOVE:
            yield Statement(text=f"alter {_noun(change)} set schema {{}}", names=(own, (change.to,)))
        case Action.RENAME:
            yield Statement(text="alter table {} rename column {} to {}", names=(table, (change.name,), (change.to,)))
            for each in change.lifted:
                names = ((each.schema, each.table), (change.to,))
                yield Statement(text="alter table {} alter column {} drop not null", names=names)
        case Action.DISABLE:
            yield Statement(text=f"alter table {{}} disable {change.kind} {{}}", names=(table, (change.name,)))
            yield Statement(text=f"alter {change.kind} {{}} on {{}} rename to {{}}", names=((change.name,), table, (change.to,)))


def back_statements(aside: SetAside) -> Iterator[Statement]:
    """Return what puts everything back, in the opposite order; the quarantines go last, by a statement of their own."""
    for change in reversed(aside.changes):
        yield from _back(change)


def _back(change: Change) -> Iterator[Statement]:
    table = (change.schema, change.table)
    match change.action:
        case Action.MOVE:
            yield Statement(text=f"alter {_noun(change)} set schema {{}}", names=((change.to, change.name), (change.schema,)))
        case Action.RENAME:
            yield Statement(text="alter table {} rename column {} to {}", names=(table, (change.to,), (change.name,)))
            # Heirs first, each by itself: a parent's statement then finds nothing left to do in them.
            for each in reversed(change.lifted):
                names = ((each.schema, each.table), (change.name,))
                yield Statement(text="alter table only {} alter column {} set not null", names=names)
        case Action.DISABLE:
            yield Statement(text=f"alter {change.kind} {{}} on {{}} rename to {{}}", names=((change.to,), table, (change.name,)))
            if word := _ENABLE.get(change.enabled):
                yield Statement(text=f"alter table {{}} {word} {change.kind} {{}}", names=(table, (change.name,)))


def drop_statement(change: Change) -> Statement:
    """Return what drops an object that is set aside; of a function only the server knows its name by then."""
    match change.action:
        case Action.MOVE:
            return Statement(text=f"drop {change.kind} {{}}", names=((change.to, change.name),))
        case Action.RENAME:
            return Statement(text="alter table {} drop column {}", names=((change.schema, change.table), (change.to,)))
        case Action.DISABLE:
            return Statement(text=f"drop {change.kind} {{}} on {{}}", names=((change.to,), (change.schema, change.table)))


_ENABLE = {"O": "enable", "R": "enable replica", "A": "enable always"}


def _noun(change: Change) -> str:
    """Return the noun of ALTER with a place for the name; of a function also the types, which the server has written."""
    if change.catalog != "pg_proc":
        return f"{change.kind} {{}}"
    arguments = change.arguments.replace("{", "{{").replace("}", "}}")
    return f"routine {{}}({arguments})"


class Position(Enum):
    """Where an object is, by what the catalog says of its OID."""

    IN_USE = auto()
    ASIDE = auto()
    ELSEWHERE = auto()


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the catalog says of an object now."""

    schema: str
    name: str
    table: str = ""
    enabled: str = ""


def position(change: Change, found: Place | None) -> Position:
    """Tell where an object is. One that has another name, table or state than was recorded is elsewhere, as one that is gone."""
    if found is None:
        return Position.ELSEWHERE
    seen: tuple[str, ...]
    in_use: tuple[str, ...]
    aside: tuple[str, ...]
    match change.action:
        case Action.MOVE:
            seen, in_use, aside = (found.schema, found.name), (change.schema, change.name), (change.to, change.name)
        case Action.RENAME:
            table = change.schema, change.table
            seen, in_use, aside = (found.schema, found.table, found.name), (*table, change.name), (*table, change.to)
        case Action.DISABLE:
            table = change.schema, change.table
            seen = (found.schema, found.table, found.name, found.enabled)
            in_use, aside = (*table, change.name, change.enabled), (*table, change.to, "D")
    return Position.IN_USE if seen == in_use else Position.ASIDE if seen == aside else Position.ELSEWHERE


Places = Mapping[tuple[str, int, int], Place]
"""Where objects are, by catalog, OID and number; what is gone is not in it."""


def positions(aside: SetAside, found: Places) -> set[Position]:
    """Tell where all of it is: one element, unless somebody else has acted, since all of it moves in one transaction."""
    return {position(change, found.get((change.catalog, change.oid, change.number))) for change in aside.changes}


def not_there(aside: SetAside, found: Places, wanted: Position) -> tuple[str, ...]:
    """Name what is not where it should be, and where it is."""
    lines = []
    for change in aside.changes:
        place = found.get((change.catalog, change.oid, change.number))
        if position(change, place) is not wanted:
            now = f"is {quoted(*filter(None, (place.schema, place.table, place.name)))}" if place else "is gone"
            lines.append(f"{change.identity} (OID {change.oid}) {now} now")
    return tuple(lines)


def set_aside_of(facts: Facts) -> SetAside:
    """Read what a step sets aside from its recorded facts."""
    recorded = facts["set aside"]
    return SetAside(
        mark=recorded["mark"],
        schemas=dict(recorded["schemas"]),
        changes=tuple(map(_change_of, recorded["changes"])),
        locks=tuple((oid, schema, name) for oid, schema, name in recorded["locks"]),
    )


def _change_of(recorded: Facts) -> Change:
    return Change(
        **{
            **recorded,
            "action": Action(recorded["action"]),
            "lifted": tuple(Lifted(**each) for each in recorded["lifted"]),
            "clones": tuple((oid, state) for oid, state in recorded["clones"]),
        }
    )
