"""Reads what depends on what: the objects that people have made, by exact name and identity, and pg_depend between them.

PostgreSQL records more and smaller objects than people know: the rule inside a view, the type of a table's rows, the
triggers of a foreign key. Each of these is read as the object that a person would name. Sources: PostgreSQL manual,
"Dependency Tracking" and "System Catalogs".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from continuity.adapters.dependency_queries import DEPENDENCIES, IDENTITIES, OBJECTS, PARENTS, STAND_FOR
from continuity.adapters.postgres import Connection, translated
from continuity.domain.dependencies import Need, ObjectId, ObjectKind, Schema, SchemaObject

MOST_COUNTED = 200
SMALL_BYTES = 262_144
_COUNT_LIMIT = "2s"
_COUNT = sql.SQL(
    "select {}::int8 as oid, case when pg_catalog.pg_relation_size({}) <= {} then (select pg_catalog.count(*) from only {})"
    " end as rows"
)


def read_schema(connection: Connection) -> Schema:
    """Read all objects and dependencies in one snapshot. Takes no locks beyond those of reading the catalog.

    Rows of tables are the planner's estimates; those of small tables are counted, unless somebody holds one of them.

    Raises:
        DatabaseError: the server refused.

    """
    with translated("the dependencies"), connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local search_path = ''")
        objects = {each.id: each for each in _objects(connection)}
        stand_for = {_id(row): _id(row, "of_") for row in connection.execute(STAND_FOR).fetchall()}
        rows = connection.execute(DEPENDENCIES).fetchall()
        known = _Known(objects, stand_for)
        unknown = {_id(row) for row in rows if known.find(_id(row)) is None and known.find(_id(row, "of_"))}
        objects |= {each.id: each for each in _others(connection, unknown)}
        needs = {(known.find(_id(row)), known.find(_id(row, "of_")), row["within"]) for row in rows}
        parents: dict[int, tuple[int, ...]] = {}
        for row in connection.execute(PARENTS).fetchall():
            parents[row["child"]] = (*parents.get(row["child"], ()), row["parent"])
        counted = _counted(connection, objects.values())
    for each in counted:
        objects[each.id] = each
    return Schema(
        objects=objects,
        needs=tuple(
            Need(dependent=dependent, needed=needed, within=within)
            for dependent, needed, within in sorted(needs, key=str)
            if dependent and needed and dependent != needed
        ),
        parents=parents,
    )


class _Known:
    """Finds the object that a person would name for what the catalog lists."""

    def __init__(self, objects: Mapping[ObjectId, SchemaObject], stand_for: Mapping[ObjectId, ObjectId]) -> None:
        self._objects = objects
        self._stand_for = stand_for

    def find(self, key: ObjectId) -> ObjectId | None:
        """Return it, or None for what the system or a dropped column is."""
        seen = {key}
        while key in self._stand_for and self._stand_for[key] not in seen:
            key = self._stand_for[key]
            seen.add(key)
        if key in self._objects:
            return key
        # Of a view's column it is the view that is needed.
        whole = ObjectId(key.catalog, key.oid)
        if key.number and whole != key:
            return self.find(whole)
        return None


def _id(row: Mapping[str, Any], prefix: str = "") -> ObjectId:
    return ObjectId(row[f"{prefix}catalog"], row[f"{prefix}oid"], row[f"{prefix}number"])


def _objects(connection: Connection) -> Iterator[SchemaObject]:
    for query in OBJECTS:
        for row in connection.execute(query).fetchall():
            values = {name: value for name, value in row.items() if name not in {"catalog", "oid", "number", "kind"}}
            if "clones" in values:
                values["clones"] = tuple((oid, state) for oid, state in values["clones"])
            yield SchemaObject(id=_id(row), kind=ObjectKind(row["kind"]), **values)


def _others(connection: Connection, keys: Iterable[ObjectId]) -> Iterator[SchemaObject]:
    """Name what has no query of its own, with the server's words."""
    wanted = sorted(keys)
    columns = [[each.catalog for each in wanted], [each.oid for each in wanted], [each.number for each in wanted]]
    for row in connection.execute(IDENTITIES, columns).fetchall() if wanted else ():
        yield SchemaObject(id=_id(row), kind=ObjectKind.OTHER, identity=row["identity"])


def _counted(connection: Connection, objects: Iterable[SchemaObject]) -> list[SchemaObject]:
    """Count the rows of small tables in one statement, and let the estimates stand where that takes too long."""
    tables = [each for each in objects if each.kind is ObjectKind.TABLE and each.rows < MOST_COUNTED * 100]
    if not tables or len(tables) > MOST_COUNTED:
        return []
    each_table = sql.SQL(" union all ").join(
        _COUNT.format(each.id.oid, each.id.oid, SMALL_BYTES, sql.Identifier(each.schema, each.name)) for each in tables
    )
    try:
        with connection.transaction():
            connection.execute(sql.SQL("set local statement_timeout = {}").format(_COUNT_LIMIT))
            connection.execute("set local row_security = off")
            counted = {row["oid"]: row["rows"] for row in connection.execute(each_table).fetchall()}
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
        return []
    return [replace(each, rows=counted[each.id.oid], exact=True) for each in tables if counted[each.id.oid] is not None]
