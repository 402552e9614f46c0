"""The questions put to pg_catalog about what depends on what. Names are quoted by the server, and always qualified.

Each query of `OBJECTS` returns columns named like the fields of `SchemaObject`, and its identity as `catalog`, `oid`,
`number`.
"""

from typing import LiteralString

from continuity.adapters.catalog_terms import USER_SCHEMA

_RELATION: LiteralString = "format('%I.%I', n.nspname, c.relname)"


def _extension(catalog: LiteralString, oid: LiteralString) -> LiteralString:
    return (
        "exists (select from pg_catalog.pg_depend x where x.deptype = 'e' and x.classid = '"
        + catalog
        + "'::pg_catalog.regclass and x.objid = "
        + oid
        + ") as extension"
    )


def _on(table: LiteralString) -> LiteralString:
    return (
        " join pg_catalog.pg_class c on c.oid = " + table + " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where "
        + USER_SCHEMA
    )  # fmt: skip


_RELATIONS: LiteralString = (
    "select 'pg_class' as catalog, c.oid::int8 as oid, 0 as number, case c.relkind when 'r' then 'table' when 'p' then 'table'"
    " when 'f' then 'foreign table' when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'"
    " else 'index' end as kind, " + _RELATION + " as identity, n.nspname as schema, c.relname as name,"
    ' coalesce(i.indrelid, 0)::int8 as "table", pg_catalog.pg_get_userbyid(c.relowner) as owner,'
    " case when c.relkind in ('r', 'm') then c.reltuples::int8 else -1 end as rows, c.relispartition as partition, "
    + _extension("pg_class", "c.oid")
    + " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    " left join pg_catalog.pg_index i on i.indexrelid = c.oid where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I') and "
    + USER_SCHEMA
)
_COLUMNS: LiteralString = (
    "select 'pg_class' as catalog, c.oid::int8 as oid, a.attnum as number, case when a.attgenerated = '' then 'column'"
    " else 'generated column' end as kind, format('%I.%I.%I', n.nspname, c.relname, a.attname) as identity, '' as schema,"
    ' a.attname as name, c.oid::int8 as "table", a.attnotnull as not_null, a.attinhcount > 0 as inherited,'
    " a.attidentity <> '' or (a.atthasdef and a.attgenerated = '') or coalesce(t.typdefault is not null and t.typtype = 'd',"
    " false) as fills_itself, t.typtype = 'd' and t.typnotnull as never_null"
    " from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid"
    + _on("a.attrelid")
    + " and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f')"
)
_DEFAULTS: LiteralString = (
    "select 'pg_attrdef' as catalog, d.oid::int8 as oid, 0 as number, 'default of' as kind,"
    " format('%I.%I.%I', n.nspname, c.relname, a.attname) as identity, c.oid::int8 as \"table\""
    " from pg_catalog.pg_attrdef d join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum"
    + _on("d.adrelid")
    + " and a.attgenerated = ''"
)
_CONSTRAINTS: LiteralString = (
    "select 'pg_constraint' as catalog, k.oid::int8 as oid, 0 as number, case k.contype when 'f' then 'foreign key'"
    " when 'c' then 'check constraint' when 'p' then 'primary key' when 'u' then 'unique constraint'"
    " when 'x' then 'exclusion constraint' else 'constraint' end as kind,"
    " format('%I on ', k.conname) || " + _RELATION + ' as identity, k.conname as name, c.oid::int8 as "table"'
    " from pg_catalog.pg_constraint k" + _on("k.conrelid") + " and k.conparentid = 0 and k.contype <> 't'"
)
_TRIGGERS: LiteralString = (
    "select 'pg_trigger' as catalog, t.oid::int8 as oid, 0 as number, 'trigger' as kind,"
    " format('%I on ', t.tgname) || " + _RELATION + ' as identity, t.tgname as name, c.oid::int8 as "table",'
    " t.tgenabled::text as enabled, t.tgfoid::int8 as runs, coalesce((select jsonb_agg(jsonb_build_array(p.oid::int8,"
    " p.tgenabled::text) order by p.oid) from pg_catalog.pg_trigger p where p.tgparentid = t.oid), '[]') as clones"
    " from pg_catalog.pg_trigger t" + _on("t.tgrelid") + " and not t.tgisinternal and t.tgparentid = 0"
)
_RULES: LiteralString = (
    "select 'pg_rewrite' as catalog, r.oid::int8 as oid, 0 as number, 'rule' as kind,"
    " format('%I on ', r.rulename) || " + _RELATION + ' as identity, r.rulename as name, c.oid::int8 as "table",'
    " r.ev_enabled::text as enabled from pg_catalog.pg_rewrite r" + _on("r.ev_class") + " and r.rulename <> '_RETURN'"
)
_POLICIES: LiteralString = (
    "select 'pg_policy' as catalog, p.oid::int8 as oid, 0 as number, 'policy' as kind,"
    " format('%I on ', p.polname) || " + _RELATION + ' as identity, p.polname as name, c.oid::int8 as "table"'
    " from pg_catalog.pg_policy p" + _on("p.polrelid")
)
# A body of SQL that PostgreSQL has parsed (PostgreSQL 14, "BEGIN ATOMIC") has its dependencies recorded.
_FUNCTIONS: LiteralString = (
    "select 'pg_proc' as catalog, p.oid::int8 as oid, 0 as number, case p.prokind when 'p' then 'procedure'"
    " when 'a' then 'aggregate' else 'function' end as kind,"
    " format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as identity,"
    " n.nspname as schema, p.proname as name, pg_catalog.pg_get_userbyid(p.proowner) as owner,"
    " pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments, case when p.prosqlbody is null and p.prokind <> 'a'"
    " and l.lanname not in ('c', 'internal') then p.prosrc else '' end as body, "
    + _extension("pg_proc", "p.oid")
    + " from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang"
    " join pg_catalog.pg_namespace n on n.oid = p.pronamespace where " + USER_SCHEMA
)
_TYPES: LiteralString = (
    "select 'pg_type' as catalog, t.oid::int8 as oid, 0 as number, 'type' as kind,"
    " format('%I.%I', n.nspname, t.typname) as identity, n.nspname as schema, t.typname as name,"
    " pg_catalog.pg_get_userbyid(t.typowner) as owner, "
    + _extension("pg_type", "t.oid")
    + " from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace"
    " left join pg_catalog.pg_class c on c.oid = t.typrelid where (t.typrelid = 0 or c.relkind = 'c')"
    " and not exists (select from pg_catalog.pg_type e where e.typarray = t.oid) and " + USER_SCHEMA
)
# A table in a publication: who subscribes knows it by its name.
_PUBLISHED: LiteralString = (
    "select 'pg_publication_rel' as catalog, r.oid::int8 as oid, 0 as number, 'publication' as kind,"
    " format('%I of ', p.pubname) || " + _RELATION + " as identity, p.pubname as name from pg_catalog.pg_publication_rel r"
    " join pg_catalog.pg_publication p on p.oid = r.prpubid" + _on("r.prrelid")
)

OBJECTS: tuple[LiteralString, ...] = (
    _RELATIONS, _COLUMNS, _DEFAULTS, _CONSTRAINTS, _TRIGGERS, _RULES, _POLICIES, _FUNCTIONS, _TYPES, _PUBLISHED,
)  # fmt: skip

STAND_FOR: LiteralString = """
    select 'pg_attrdef' as catalog, d.oid::int8 as oid, 0 as number, 'pg_class' as of_catalog, d.adrelid::int8 as of_oid,
           d.adnum::int as of_number
    from pg_catalog.pg_attrdef d join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    where a.attgenerated <> ''
    union all select 'pg_rewrite', r.oid::int8, 0, 'pg_class', r.ev_class::int8, 0 from pg_catalog.pg_rewrite r
    where r.rulename = '_RETURN'
    union all select 'pg_type', t.oid::int8, 0, 'pg_class', t.typrelid::int8, 0 from pg_catalog.pg_type t
    join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind <> 'c'
    union all select 'pg_class', t.typrelid::int8, 0, 'pg_type', t.oid::int8, 0 from pg_catalog.pg_type t
    join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind = 'c'
    union all select 'pg_type', t.typarray::int8, 0, 'pg_type', t.oid::int8, 0 from pg_catalog.pg_type t where t.typarray <> 0
    union all select 'pg_constraint', k.oid::int8, 0, 'pg_constraint', k.conparentid::int8, 0 from pg_catalog.pg_constraint k
    where k.conparentid <> 0
    union all select 'pg_constraint', k.oid::int8, 0, 'pg_type', k.contypid::int8, 0 from pg_catalog.pg_constraint k
    where k.contypid <> 0
    union all select 'pg_class', k.conindid::int8, 0, 'pg_constraint', k.oid::int8, 0 from pg_catalog.pg_constraint k
    where k.contype in ('p', 'u', 'x')
    union all select 'pg_constraint', k.oid::int8, 0, 'pg_trigger', t.oid::int8, 0 from pg_catalog.pg_constraint k
    join pg_catalog.pg_trigger t on t.tgconstraint = k.oid where k.contype = 't'
    union all select 'pg_trigger', t.oid::int8, 0, 'pg_constraint', t.tgconstraint::int8, 0 from pg_catalog.pg_trigger t
    where t.tgisinternal and t.tgparentid = 0 and t.tgconstraint <> 0
    union all select 'pg_trigger', t.oid::int8, 0, 'pg_trigger', t.tgparentid::int8, 0 from pg_catalog.pg_trigger t
    where t.tgparentid <> 0
"""
"""What the catalog lists apart, and which object a person would name for it."""

# User objects have OIDs from 16384 on (PostgreSQL manual, "OID assignment"); what an extension has is known by a flag. What
# partitions have because their table has it is read as the table's, which does not need its partitions.
DEPENDENCIES: LiteralString = """
    select d.classid::pg_catalog.regclass::text as catalog, d.objid::int8 as oid, d.objsubid as number,
           d.refclassid::pg_catalog.regclass::text as of_catalog, d.refobjid::int8 as of_oid, d.refobjsubid as of_number,
           d.deptype in ('a', 'i', 'P', 'S') as within
    from pg_catalog.pg_depend d
    where d.objid >= 16384 and d.refobjid >= 16384 and d.deptype in ('n', 'a', 'i', 'P', 'S')
      and not exists (select from pg_catalog.pg_constraint k where d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
        and k.oid = d.objid and k.conparentid <> 0)
      and not exists (select from pg_catalog.pg_trigger t where d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
        and t.oid = d.objid and t.tgparentid <> 0)
      and not exists (select from pg_catalog.pg_class c where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and c.oid = d.objid and c.relispartition and c.relkind in ('i', 'I'))
"""
IDENTITIES: LiteralString = """
    select w.catalog, w.oid, w.number, i.type || ' ' || coalesce(i.identity, '') as identity
    from unnest(%s::text[], %s::int8[], %s::int4[]) as w(catalog, oid, number),
         pg_catalog.pg_identify_object(('pg_catalog.' || w.catalog)::pg_catalog.regclass, w.oid::oid, w.number) i
    where i.type is not null
"""
PARENTS: LiteralString = """
    select i.inhrelid::int8 as child, i.inhparent::int8 as parent from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f') order by i.inhrelid, i.inhseqno
"""
