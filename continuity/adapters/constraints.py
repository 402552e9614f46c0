"""Reads constraints with all that it takes to make them again, drops them, and makes them again."""

import logging
from collections.abc import Sequence

import psycopg
from psycopg import sql

from continuity.adapters.brief_locks import Held, Limits, change_briefly
from continuity.adapters.postgres import Connection, connect, fetch_value, translated
from continuity.domain.constraints import ConstraintState
from continuity.errors import UnsafeOperation

logger = logging.getLogger(__name__)


def read_constraint(connection: Connection, table_oid: int, name: str) -> ConstraintState | None:
    """Read a constraint of a table by name, or return None. Changes nothing."""
    with translated(f"constraint {name}"), connection.transaction():
        connection.execute("set local search_path = ''")
        row = connection.execute(_CONSTRAINT, {"table": table_oid, "name": name}).fetchone()
    if row is None:
        return None
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return ConstraintState(**values)  # type: ignore[arg-type]


def read_table_name(connection: Connection, oid: int) -> tuple[str, str] | None:
    """Return schema and name of a table by its OID, or None where it is gone."""
    row = connection.execute(
        "select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where c.oid = %s", (oid,),
    ).fetchone()  # fmt: skip
    return (row["nspname"], row["relname"]) if row else None


def take_out(dsn: str, database: str, state: ConstraintState, *, limits: Limits) -> Held:
    """Drop a constraint, in one transaction that compares its OID and what it says. Running it twice is refused.

    Raises:
        UnsafeOperation: it is another one now, or its table cannot be locked. Nothing was changed.
        DatabaseError: the server refused. Nothing was changed.

    """

    def act(connection: Connection) -> None:
        found = read_constraint(connection, state.table_oid, state.name)
        if found is None or found.oid != state.oid or not found.same(state):
            raise UnsafeOperation(
                f"{state.identity} is not as recorded (OID {state.oid})", detail="Nothing was changed.", hint="Make a new plan."
            )
        connection.execute(sql.SQL("alter table {} drop constraint {}").format(_table(state), sql.Identifier(state.name)))

    held = change_briefly(dsn, database, _tables(state), act, limits=limits)
    logger.info("took out constraint=%s locked_seconds=%.3f tries=%d", state.name, held.seconds, held.tries)
    return held


def put_in(dsn: str, database: str, state: ConstraintState, *, limits: Limits) -> Held:
    """Make a dropped constraint again. One that need not build an index is added first, and then validated without a lock.

    Killed in between, the next call validates what it finds. What breaks it is counted before, and again should it come
    meanwhile: then the constraint is dropped once more.

    Raises:
        UnsafeOperation: rows break it; how many is told. Or its table cannot be locked. It is out of force, as it was.
        DatabaseError: the server refused.

    """
    refuse_broken(dsn, database, state)
    with connect(dsn, database) as connection:
        added = read_constraint(connection, state.table_oid, state.name) is not None
    held = Held(seconds=0.0, tries=0)
    if not added:
        held = _add(dsn, database, state, limits)
    if state.valid and state.validated_later:
        _validate(dsn, database, state, limits)
    logger.info("put in constraint=%s locked_seconds=%.3f tries=%d", state.name, held.seconds, held.tries)
    return held


def refuse_broken(dsn: str, database: str, state: ConstraintState) -> None:
    """Count what breaks a constraint, where a query can tell.

    Raises:
        UnsafeOperation: something does.

    """
    if not (state.broken_by and state.valid):
        return
    with connect(dsn, database, settings={"search_path": ""}) as connection, translated(state.identity):
        found = int(fetch_value(connection, sql.SQL(state.broken_by)))
    if found:
        raise _broken(state, found)


def _broken(state: ConstraintState, found: int | None) -> UnsafeOperation:
    what = "groups of equal rows" if state.has_index else "rows"
    many = f"{found:,} {what}" if found is not None else "rows"
    return UnsafeOperation(
        f"{many} of {state.schema}.{state.table} break {state.identity}: {state.definition}",
        detail="They have come, or were changed, while it was out of force. Nothing was changed.",
        hint="Mend these rows, then undo again.",
    )


def _add(dsn: str, database: str, state: ConstraintState, limits: Limits) -> Held:
    later = state.validated_later or not state.valid

    def act(connection: Connection) -> None:
        if state.tablespace:
            connection.execute(sql.SQL("set local default_tablespace = {}").format(state.tablespace))
        # The definition is the server's own, with every name quoted and qualified.
        add = sql.SQL("alter table {} add constraint {} " + state.definition.replace("{", "{{").replace("}", "}}"))
        not_valid = sql.SQL(" not valid" if later else "")
        try:
            connection.execute(add.format(_table(state), sql.Identifier(state.name)) + not_valid)
        except psycopg.errors.IntegrityError as error:
            raise _broken(state, None) from error
        for statement in _furnish(state):
            connection.execute(statement)

    return change_briefly(dsn, database, _tables(state), act, limits=limits, long_work=not later)


def _furnish(state: ConstraintState) -> Sequence[sql.Composed]:
    """Return what gives a constraint, and its index, all that their definition does not tell."""
    name, index = sql.Identifier(state.name), sql.Identifier(state.schema, state.name)
    statements = []
    if state.comment:
        statements.append(sql.SQL("comment on constraint {} on {} is {}").format(name, _table(state), state.comment))
    if state.index_options:
        options = sql.SQL(", ".join(state.index_options))
        statements.append(sql.SQL("alter index {} set ({})").format(index, options))
    if state.index_comment:
        statements.append(sql.SQL("comment on index {} is {}").format(index, state.index_comment))
    if state.clustered:
        statements.append(sql.SQL("alter table {} cluster on {}").format(_table(state), name))
    return statements


def _validate(dsn: str, database: str, state: ConstraintState, limits: Limits) -> None:
    """Read the rows while everybody goes on; one that breaks it, and came since they were counted, takes it out again."""
    statement = sql.SQL("alter table {} validate constraint {}").format(_table(state), sql.Identifier(state.name))
    with connect(dsn, database) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.IntegrityError as error:
            broken: psycopg.Error = error
        else:
            return
        found = read_constraint(connection, state.table_oid, state.name)
    if found is not None:
        take_out(dsn, database, found, limits=limits)
    refuse_broken(dsn, database, state)
    raise _broken(state, None) from broken


def _table(state: ConstraintState) -> sql.Identifier:
    return sql.Identifier(state.schema, state.table)


def _tables(state: ConstraintState) -> list[tuple[str, str]]:
    own = (state.schema, state.table)
    other = (state.referenced[0], state.referenced[1]) if state.referenced else own
    return sorted({own, other})


# A foreign key is broken by rows without a partner; MATCH FULL also by those that are null in part (manual, CREATE TABLE).
_CONSTRAINT = """
    select k.oid::int8 as oid, k.conrelid::int8 as table_oid, n.nspname as schema, c.relname as table, k.conname as name,
           case k.contype when 'f' then 'foreign key' when 'c' then 'check constraint' when 'p' then 'primary key'
             when 'u' then 'unique constraint' when 'x' then 'exclusion constraint' end as kind,
           regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), ' NOT VALID$', '') as definition, k.convalidated as valid,
           coalesce(pg_catalog.obj_description(k.oid, 'pg_constraint'), '') as comment,
           case k.contype
             when 'c' then format('select count(*) from %%s%%I.%%I where not (%%s)', case when k.connoinherit then 'only ' else ''
               end, n.nspname, c.relname, pg_catalog.pg_get_expr(k.conbin, k.conrelid))
             when 'f' then (
               select format('select count(*) from %%s%%I.%%I t'
                 ' where (%%s) and not exists (select from %%s%%I.%%I r where %%s)%%s',
                 case when c.relkind = 'p' then '' else 'only ' end, n.nspname, c.relname,
                 string_agg(format('t.%%I is not null', a.attname), ' and ' order by p.number),
                 case when rc.relkind = 'p' then '' else 'only ' end, rn.nspname, rc.relname,
                 string_agg(format('r.%%I operator(%%I.%%s) t.%%I', ra.attname, opn.nspname, op.oprname, a.attname), ' and '
                   order by p.number),
                 case when k.confmatchtype = 'f' then format(' or (%%s) and not (%%s)',
                   string_agg(format('t.%%I is null', a.attname), ' or ' order by p.number),
                   string_agg(format('t.%%I is null', a.attname), ' and ' order by p.number)) else '' end)
               from unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality as p(own, other, operator, number)
               join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.own
               join pg_catalog.pg_attribute ra on ra.attrelid = k.confrelid and ra.attnum = p.other
               join pg_catalog.pg_operator op on op.oid = p.operator
               join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace)
             when 'x' then ''
             else (
               select format('select count(*) from (select from %%s%%I.%%I where %%s group by %%s having count(*) > 1) t',
                 case when c.relkind = 'p' then '' else 'only ' end, n.nspname, c.relname,
                 case when pg_catalog.pg_get_constraintdef(k.oid) like '%%NULLS NOT DISTINCT%%' then 'true'
                   else string_agg(format('%%I is not null', a.attname), ' and ' order by p.number) end,
                 string_agg(format('%%I', a.attname), ', ' order by p.number))
               from unnest(k.conkey) with ordinality as p(own, number)
               join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.own)
           end as broken_by,
           case when rc.oid is null then '{}'::text[] else array[rn.nspname, rc.relname]::text[] end as referenced,
           c.relkind = 'p' as partitioned, k.coninhcount > 0 as inherited,
           coalesce(i.indisreplident or (i.indisprimary and c.relreplident = 'd' and exists (
             select from pg_catalog.pg_publication_rel pr where pr.prrelid = c.oid)), false) as replica_identity,
           coalesce(i.indisclustered, false) as clustered,
           coalesce(pg_catalog.obj_description(i.indexrelid, 'pg_class'), '') as index_comment,
           coalesce(ic.reloptions, '{}') as index_options, coalesce(ts.spcname, '') as tablespace
    from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_class rc on k.contype = 'f' and rc.oid = k.confrelid
    left join pg_catalog.pg_namespace rn on rn.oid = rc.relnamespace
    left join pg_catalog.pg_index i on k.contype in ('p', 'u', 'x') and i.indexrelid = k.conindid
    left join pg_catalog.pg_class ic on ic.oid = i.indexrelid
    left join pg_catalog.pg_tablespace ts on ts.oid = ic.reltablespace
    where k.conrelid = %(table)s and k.conname = %(name)s and k.contype in ('f', 'c', 'p', 'u', 'x')
"""
