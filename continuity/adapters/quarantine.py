"""Sets objects aside and puts them back, each in one transaction, by identity: names only say where a statement goes."""

import logging
from collections.abc import Iterable

from psycopg import sql

from continuity.adapters.brief_locks import Held, Limits, change_briefly
from continuity.adapters.postgres import Connection, connect, fetch_value, translated
from continuity.domain.setting_aside import (
    Action,
    Place,
    Places,
    Position,
    SetAside,
    Statement,
    aside_statements,
    back_statements,
    drop_statement,
    not_there,
    positions,
)
from continuity.errors import UnsafeOperation

logger = logging.getLogger(__name__)


def read_places(connection: Connection, aside: SetAside) -> Places:
    """Ask the catalog where everything is now, by OID."""
    oids = sorted({change.oid for change in aside.changes})
    with translated("what is set aside"):
        rows = connection.execute(_PLACES, {"oids": oids}).fetchall()
    return {
        (row["catalog"], row["oid"], row["number"]): Place(
            schema=row["schema"], name=row["name"], table=row["table"], enabled=row["enabled"]
        )
        for row in rows
    }


def set_aside(dsn: str, database: str, aside: SetAside, *, comment: str, limits: Limits) -> Held:
    """Set everything aside in one transaction; nobody but the tables' owners may use a quarantine.

    Running it twice is refused: the second time nothing is where it was.

    Raises:
        UnsafeOperation: something is not what was recorded, or cannot be locked. Nothing was changed.
        DatabaseError: the server refused. Nothing was changed.

    """

    def act(connection: Connection) -> None:
        _compare(connection, aside, Position.IN_USE)
        for quarantine in aside.schemas.values():
            if _schema_oid(connection, quarantine) is not None:
                raise UnsafeOperation(f"schema {quarantine} exists already", hint="Drop it, or undo the run that has made it.")
        execute(connection, aside_statements(aside))
        for quarantine, owners in aside.owners.items():
            _close(connection, quarantine, owners, comment)
        refuse_unless_there(connection, aside, Position.ASIDE)

    held = change_briefly(dsn, database, [(schema, name) for _, schema, name in aside.locks], act, limits=limits)
    logger.info(
        "set aside mark=%s objects=%d locked_seconds=%.3f tries=%d", aside.mark, len(aside.changes), held.seconds, held.tries
    )
    return held


def put_back(dsn: str, database: str, aside: SetAside, *, limits: Limits) -> tuple[Held, tuple[str, ...]]:
    """Put everything back in one transaction, and drop the quarantines; return those that hold something of others' and stay.

    Raises:
        UnsafeOperation: something is not where it was set aside, rows lack a value that they need, or it cannot be locked.
            Nothing was changed.
        DatabaseError: the server refused. Nothing was changed.

    """
    left: list[str] = []

    def act(connection: Connection) -> None:
        left.clear()
        _compare(connection, aside, Position.ASIDE)
        execute(connection, back_statements(aside))
        refuse_unless_there(connection, aside, Position.IN_USE)
        left.extend(quarantine for quarantine in aside.schemas.values() if not _dropped(connection, quarantine))

    refuse_rows_without_value(dsn, database, aside)
    reads = any(change.lifted for change in aside.changes)
    held = change_briefly(dsn, database, _tables_aside(aside), act, limits=limits, long_work=reads)
    logger.info(
        "put back mark=%s objects=%d locked_seconds=%.3f tries=%d", aside.mark, len(aside.changes), held.seconds, held.tries
    )
    return held, tuple(left)


def drop_aside(dsn: str, database: str, aside: SetAside, *, limits: Limits) -> Held:
    """Drop what was set aside, in one transaction and never by CASCADE: what still needs it is a refusal by the server.

    Raises:
        UnsafeOperation: something is not where it was set aside, or cannot be locked. Nothing was changed.
        DatabaseError: something still needs it, or the server refused. Nothing was changed.

    """

    def act(connection: Connection) -> None:
        refuse_unless_there(connection, aside, Position.ASIDE)
        # Tables that refer to each other have no order; without their keys they do.
        oids = [change.oid for change in aside.changes if change.action is Action.MOVE and change.catalog == "pg_class"]
        for row in connection.execute(_KEYS_WITHIN, {"oids": oids}).fetchall():
            table, name = sql.Identifier(row["schema"], row["table"]), sql.Identifier(row["name"])
            connection.execute(sql.SQL("alter table {} drop constraint {}").format(table, name))
        for change in aside.changes:
            if change.catalog == "pg_proc":
                # The types in its name may have moved too: the server knows what they are called now.
                name = fetch_value(connection, "select %s::oid::pg_catalog.regprocedure::text", change.oid)
                connection.execute(sql.SQL("drop routine " + str(name).replace("{", "{{").replace("}", "}}")))
            else:
                execute(connection, [drop_statement(change)])
        for quarantine in aside.schemas.values():
            _dropped(connection, quarantine)

    held = change_briefly(dsn, database, _tables_aside(aside), act, limits=limits)
    logger.info(
        "dropped mark=%s objects=%d locked_seconds=%.3f tries=%d", aside.mark, len(aside.changes), held.seconds, held.tries
    )
    return held


def _tables_aside(aside: SetAside) -> list[tuple[str, str]]:
    """Return the tables to lock by the names that they have while they are set aside."""
    moved = {change.oid: (change.to, change.name) for change in aside.changes if change.action is Action.MOVE}
    return [moved.get(oid, (schema, name)) for oid, schema, name in aside.locks]


def refuse_rows_without_value(dsn: str, database: str, aside: SetAside) -> None:
    """Count the rows that have come without a value of a column that has to have one again.

    Raises:
        UnsafeOperation: there are some.

    """
    found: list[str] = []
    with connect(dsn, database) as connection, translated("rows that were written meanwhile"):
        for change in aside.changes:
            for each in change.lifted:
                query = sql.SQL("select pg_catalog.count(*) from only {} where {} is null").format(
                    sql.Identifier(each.schema, each.table), sql.Identifier(change.to)
                )
                if rows := fetch_value(connection, query):
                    found.append(f"{rows:,} rows of {each.schema}.{each.table} have no {change.name}, which must not be null")
    if found:
        raise UnsafeOperation(
            found[0],
            detail="\n".join([*found, "Nothing was changed."]),
            hint="Give these rows a value in the renamed column, then undo again.",
        )


def execute(connection: Connection, statements: Iterable[Statement]) -> None:
    """Execute statements one after the other; names are quoted here."""
    for each in statements:
        connection.execute(sql.SQL(each.text).format(*(sql.Identifier(*name) for name in each.names)))


def _compare(connection: Connection, aside: SetAside, wanted: Position) -> None:
    """Compare under the locks. A killed attempt may have committed just before: another look tells, so it may be tried again."""
    try:
        refuse_unless_there(connection, aside, wanted)
    except UnsafeOperation as error:
        error.transient = True
        raise


def refuse_unless_there(connection: Connection, aside: SetAside, wanted: Position) -> None:
    """Make sure that every object is where it should be.

    Raises:
        UnsafeOperation: one is not; each is named.

    """
    found = read_places(connection, aside)
    if positions(aside, found) <= {wanted}:
        return
    lines = not_there(aside, found, wanted)
    raise UnsafeOperation(
        lines[0],
        detail="\n".join([*lines, "Nothing was changed."]),
        hint="Somebody else has acted on it: find out who, and make a new plan.",
    )


def _schema_oid(connection: Connection, name: str) -> int | None:
    oid = fetch_value(connection, "select oid::int8 from pg_catalog.pg_namespace where nspname = %s", name)
    return None if oid is None else int(oid)


def _close(connection: Connection, quarantine: str, owners: list[str], comment: str) -> None:
    """Take away what default privileges have granted, and say in the schema's comment what it is."""
    rows = connection.execute(_OTHERS, {"schema": quarantine, "owners": owners}).fetchall()
    for row in rows:
        grantee = sql.SQL("public") if row["role"] is None else sql.Identifier(row["role"])
        connection.execute(sql.SQL("revoke all on schema {} from {}").format(sql.Identifier(quarantine), grantee))
    connection.execute(sql.SQL("comment on schema {} is {}").format(sql.Identifier(quarantine), comment))


def _dropped(connection: Connection, quarantine: str) -> bool:
    """Drop a quarantine that nothing is left in; what others have put there is not ours to drop."""
    oid = _schema_oid(connection, quarantine)
    if oid is None:
        return True
    inside = "select 1 from pg_catalog.pg_depend where refclassid = 'pg_catalog.pg_namespace'::regclass and refobjid = %s limit 1"
    if fetch_value(connection, inside, oid):
        return False
    connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(quarantine)))
    return True


_PLACES = """
    select 'pg_class' as catalog, c.oid::int8 as oid, 0 as number, n.nspname as schema, c.relname as name, '' as "table",
           '' as enabled
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = any(%(oids)s::oid[])
    union all
    select 'pg_class', c.oid::int8, a.attnum, n.nspname, a.attname, c.relname, ''
    from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where a.attrelid = any(%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
    union all
    select 'pg_proc', p.oid::int8, 0, n.nspname, p.proname, '', ''
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.oid = any(%(oids)s::oid[])
    union all
    select 'pg_type', t.oid::int8, 0, n.nspname, t.typname, '', ''
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where t.oid = any(%(oids)s::oid[])
    union all
    select 'pg_trigger', t.oid::int8, 0, n.nspname, t.tgname, c.relname, t.tgenabled::text
    from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace where t.oid = any(%(oids)s::oid[])
    union all
    select 'pg_rewrite', r.oid::int8, 0, n.nspname, r.rulename, c.relname, r.ev_enabled::text
    from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace where r.oid = any(%(oids)s::oid[])
"""

_OTHERS = """
    select distinct r.rolname as role from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
    left join pg_catalog.pg_roles r on r.oid = a.grantee
    where n.nspname = %(schema)s and a.grantee <> n.nspowner and (r.rolname is null or r.rolname <> all(%(owners)s))
"""

_KEYS_WITHIN = """
    select n.nspname as schema, c.relname as table, k.conname as name from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where k.contype = 'f' and k.conparentid = 0 and k.conrelid = any(%(oids)s::oid[]) and k.confrelid = any(%(oids)s::oid[])
"""
