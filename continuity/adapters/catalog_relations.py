"""The questions put to pg_catalog about relations and what belongs to them: columns, keys, indexes, triggers, policies.

Each returns `name` and `properties` (jsonb of text). Objects of extensions and of the system are left out.
"""

from typing import LiteralString

from continuity.adapters.catalog_terms import USER_SCHEMA, comment, grants, not_of_extension, owner
from continuity.domain.catalog import Kind

# Concatenation of a missing name is null; format('%I') of it is an error.
_RELATION: LiteralString = "(quote_ident(n.nspname) || '.' || quote_ident(c.relname))"
_COLUMNS_FROM: LiteralString = (
    " from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid"
    " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    " left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum"
    " left join pg_catalog.pg_collation l on l.oid = a.attcollation and a.attcollation <> (select t.typcollation"
    " from pg_catalog.pg_type t where t.oid = a.atttypid)"
    " left join pg_catalog.pg_namespace ln on ln.oid = l.collnamespace"
)
_CONSTRAINT: LiteralString = (
    "select format('%I on %s', k.conname, coalesce("
    + _RELATION
    + ", 'type ' || quote_ident(tn.nspname) || '.' || quote_ident(t.typname))) as name,"
    " jsonb_build_object('definition', pg_catalog.pg_get_constraintdef(k.oid), 'valid', k.convalidated::text,"
    " 'inherited', (k.coninhcount > 0)::text, 'comment', " + comment("pg_constraint", "k.oid") + ") as properties"
    " from pg_catalog.pg_constraint k left join pg_catalog.pg_class c on c.oid = k.conrelid"
    " left join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    " left join pg_catalog.pg_type t on t.oid = k.contypid left join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace"
    " where "
    + USER_SCHEMA.replace("n.nspname", "coalesce(n.nspname, tn.nspname)")
    + " and "
    + not_of_extension("pg_class", "coalesce(c.oid, 0)")
    + " and "
    + not_of_extension("pg_type", "coalesce(t.oid, 0)")
)

RELATIONS: dict[Kind, LiteralString] = {
    Kind.TABLE: (
        "select "
        + _RELATION
        + " as name, jsonb_build_object('owner', "
        + owner("c.relowner")
        + ", 'grants', "
        + grants("c.relacl", "'r'", "c.relowner")
        + ", 'comment', "
        + comment("pg_class", "c.oid")
        + ","
        " 'kind', c.relkind::text, 'persistence', c.relpersistence::text, 'row security', c.relrowsecurity::text,"
        " 'forced row security', c.relforcerowsecurity::text, 'replica identity', c.relreplident::text,"
        " 'options', coalesce((select string_agg(o, ', ' order by o) from unnest(c.reloptions) o), ''),"
        " 'partition key', coalesce(pg_catalog.pg_get_partkeydef(c.oid), ''),"
        " 'bound', coalesce(pg_catalog.pg_get_expr(c.relpartbound, c.oid), ''),"
        " 'parents', coalesce((select string_agg(format('%I.%I', pn.nspname, p.relname), ', ' order by i.inhseqno)"
        " from pg_catalog.pg_inherits i join pg_catalog.pg_class p on p.oid = i.inhparent"
        " join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace where i.inhrelid = c.oid), '')) as properties"
        " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p', 'f') and " + USER_SCHEMA + " and " + not_of_extension("pg_class", "c.oid")
    ),
    # Positions count living columns: a restore closes the gaps of dropped ones.
    Kind.COLUMN: (
        "select " + _RELATION + " || '.' || quote_ident(a.attname) as name, jsonb_build_object("
        "'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'position', (row_number() over (partition by c.oid"
        " order by a.attnum))::text, 'not null', a.attnotnull::text, 'identity', a.attidentity::text,"
        " 'generated', a.attgenerated::text, 'default', coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''),"
        " 'collation', coalesce(quote_ident(ln.nspname) || '.' || quote_ident(l.collname), ''), 'statistics target', case when"
        " coalesce(a.attstattarget, -1) < 0 then '' else a.attstattarget::text end, 'storage', a.attstorage::text,"
        " 'grants', " + grants("a.attacl", "'c'", "c.relowner") + ","
        " 'comment', coalesce(pg_catalog.col_description(c.oid, a.attnum), '')) as properties"
        + _COLUMNS_FROM
        + " where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f', 'v', 'm', 'c') and "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_class", "c.oid")
    ),
    Kind.KEY: _CONSTRAINT + " and k.contype in ('p', 'u', 'c', 'x')",
    Kind.REFERENCE: _CONSTRAINT + " and k.contype = 'f'",
    Kind.INDEX: (
        "select " + _RELATION + " as name, jsonb_build_object('definition', pg_catalog.pg_get_indexdef(c.oid),"
        " 'valid index', (i.indisvalid and i.indisready)::text, 'clustered', i.indisclustered::text,"
        " 'partitioned', (c.relkind = 'I')::text,"
        " 'replica identity', i.indisreplident::text,"
        " 'comment', " + comment("pg_class", "c.oid") + ") as properties"
        " from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_class", "i.indrelid")
    ),
    Kind.VIEW: (
        "select "
        + _RELATION
        + " as name, jsonb_build_object('owner', "
        + owner("c.relowner")
        + ", 'grants', "
        + grants("c.relacl", "'r'", "c.relowner")
        + ", 'comment', "
        + comment("pg_class", "c.oid")
        + ","
        " 'kind', c.relkind::text, 'populated', c.relispopulated::text,"
        " 'definition', pg_catalog.pg_get_viewdef(c.oid),"
        " 'options', coalesce((select string_agg(o, ', ' order by o) from unnest(c.reloptions) o), '')) as properties"
        " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('v', 'm') and " + USER_SCHEMA + " and " + not_of_extension("pg_class", "c.oid")
    ),
    Kind.SEQUENCE: (
        "select "
        + _RELATION
        + " as name, jsonb_build_object('owner', "
        + owner("c.relowner")
        + ", 'grants', "
        + grants("c.relacl", "'s'", "c.relowner")
        + ", 'comment', "
        + comment("pg_class", "c.oid")
        + ","
        " 'definition', format('%s from %s by %s in %s..%s cache %s cycle %s', pg_catalog.format_type(s.seqtypid, null),"
        " s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle),"
        " 'column', coalesce((select format('%I.%I.%I', tn.nspname, t.relname, a.attname) from pg_catalog.pg_depend d"
        " join pg_catalog.pg_class t on t.oid = d.refobjid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace"
        " join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid"
        " where d.classid = 'pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype in ('a', 'i')"
        " and d.refobjsubid > 0), '')) as properties"
        " from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_class", "c.oid")
    ),
    Kind.TRIGGER: (
        "select format('%I on %I.%I', t.tgname, n.nspname, c.relname) as name, jsonb_build_object("
        "'definition', pg_catalog.pg_get_triggerdef(t.oid), 'enabled', t.tgenabled::text,"
        " 'comment', " + comment("pg_trigger", "t.oid") + ") as properties"
        " from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where not t.tgisinternal and "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_class", "c.oid")
    ),
    Kind.RULE: (
        "select format('%I on %I.%I', r.rulename, n.nspname, c.relname) as name, jsonb_build_object("
        "'definition', pg_catalog.pg_get_ruledef(r.oid), 'enabled', r.ev_enabled::text) as properties"
        " from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where r.rulename <> '_RETURN' and "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_class", "c.oid")
    ),
    Kind.POLICY: (
        "select format('%I on %I.%I', p.polname, n.nspname, c.relname) as name, jsonb_build_object("
        "'command', p.polcmd::text, 'permissive', p.polpermissive::text, 'roles', (select string_agg(case when o = 0 then"
        " 'PUBLIC' else pg_catalog.pg_get_userbyid(o) end, ', ' order by pg_catalog.pg_get_userbyid(o))"
        " from unnest(p.polroles) o),"
        " 'using', coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), ''),"
        " 'check', coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '')) as properties"
        " from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_class", "c.oid")
    ),
}
