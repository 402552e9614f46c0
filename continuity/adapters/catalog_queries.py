"""The questions put to pg_catalog: one query for each kind of entry, those about relations in a module of their own.

Each returns `name` and `properties` (jsonb of text). Objects of extensions and of the system are left out.
"""

from typing import LiteralString

from continuity.adapters.catalog_relations import RELATIONS
from continuity.adapters.catalog_terms import USER_SCHEMA, comment, grants, not_of_extension, owner
from continuity.domain.catalog import Kind

_OTHERS: dict[Kind, LiteralString] = {
    Kind.DATABASE: (
        "select 'database' as name, jsonb_build_object('owner', "
        + owner("d.datdba")
        + ", 'grants', "
        + grants("d.datacl", "'d'", "d.datdba")
        + ", 'comment', coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), ''),"
        " 'encoding', pg_catalog.pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,"
        " 'connection limit', d.datconnlimit::text, 'settings', coalesce((select jsonb_agg(jsonb_build_array("
        "coalesce(r.rolname::text, ''), to_jsonb(s.setconfig)) order by r.rolname nulls first)::text from"
        " pg_catalog.pg_db_role_setting s left join pg_catalog.pg_roles r on r.oid = s.setrole"
        " where s.setdatabase = d.oid), '[]')) as properties"
        " from pg_catalog.pg_database d where d.datname = current_database()"
    ),
    Kind.SCHEMA: (
        "select quote_ident(n.nspname) as name, jsonb_build_object('owner', "
        + owner("n.nspowner")
        + ", 'grants', "
        + grants("n.nspacl", "'n'", "n.nspowner")
        + ", 'comment', "
        + comment("pg_namespace", "n.oid")
        + ") as properties"
        " from pg_catalog.pg_namespace n where " + USER_SCHEMA + " and " + not_of_extension("pg_namespace", "n.oid")
    ),
    Kind.EXTENSION: (
        "select quote_ident(e.extname) as name, jsonb_build_object('version', e.extversion, 'schema', n.nspname)"
        " as properties from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace"
    ),
    Kind.TYPE: (
        "select format('%I.%I', n.nspname, t.typname) as name, jsonb_build_object('owner', " + owner("t.typowner") + ","
        " 'grants', " + grants("t.typacl", "'T'", "t.typowner") + ", 'comment', " + comment("pg_type", "t.oid") + ","
        " 'kind', t.typtype::text, 'not null', t.typnotnull::text, 'default', coalesce(t.typdefault, ''),"
        " 'labels', coalesce((select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)"
        " from pg_catalog.pg_enum e where e.enumtypid = t.oid), ''),"
        " 'base', case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) else '' end,"
        " 'subtype', coalesce((select pg_catalog.format_type(r.rngsubtype, null) from pg_catalog.pg_range r"
        " where r.rngtypid = t.oid), '')) as properties"
        " from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace"
        " left join pg_catalog.pg_class c on c.oid = t.typrelid"
        " where (t.typtype in ('e', 'd', 'r', 'b') and t.typelem = 0 or t.typtype = 'c' and c.relkind = 'c') and "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_type", "t.oid")
    ),
    Kind.ROUTINE: (
        "select format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as name,"
        " jsonb_build_object('owner', "
        + owner("p.proowner")
        + ", 'grants', "
        + grants("p.proacl", "'f'", "p.proowner")
        + ", 'comment', "
        + comment("pg_proc", "p.oid")
        + ", 'kind', p.prokind::text, 'definition',"
        " case when p.prokind = 'a' then (select format('%s %s %s %s', g.aggtransfn, g.aggfinalfn,"
        " pg_catalog.format_type(g.aggtranstype, null), g.agginitval) from pg_catalog.pg_aggregate g where g.aggfnoid = p.oid)"
        " else pg_catalog.pg_get_functiondef(p.oid) end) as properties"
        " from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where "
        + USER_SCHEMA
        + " and "
        + not_of_extension("pg_proc", "p.oid")
        # Constructors of range types come with their type.
        + " and not exists (select from pg_catalog.pg_depend i where i.deptype = 'i' and"
        " i.classid = 'pg_proc'::pg_catalog.regclass and i.objid = p.oid)"
    ),
    Kind.DEFAULT_PRIVILEGE: (
        "select format('%s of %I in %s', d.defaclobjtype, r.rolname, coalesce(quote_ident(n.nspname), 'every schema'))"
        " as name, jsonb_build_object('grants', coalesce((select string_agg(coalesce(quote_ident(g.rolname), 'PUBLIC') || '='"
        " || a.privilege_type || case when a.is_grantable then '*' else '' end, ', ' order by g.rolname, a.privilege_type)"
        " from pg_catalog.aclexplode(d.defaclacl) a left join pg_catalog.pg_roles g on g.oid = a.grantee), '')) as properties"
        " from pg_catalog.pg_default_acl d join pg_catalog.pg_roles r on r.oid = d.defaclrole"
        " left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace"
    ),
    Kind.PUBLICATION: (
        "select quote_ident(p.pubname) as name, jsonb_build_object('owner', "
        + owner("p.pubowner")
        + ", 'comment', "
        + comment("pg_publication", "p.oid")
        + ", 'publishes', format('all %s insert %s update %s delete %s truncate %s',"
        " p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate), 'tables', coalesce((select string_agg("
        "format('%I.%I', t.schemaname, t.tablename), ', ' order by t.schemaname, t.tablename)"
        " from pg_catalog.pg_publication_tables t"
        " where t.pubname = p.pubname), '')) as properties from pg_catalog.pg_publication p"
    ),
    Kind.EVENT_TRIGGER: (
        "select quote_ident(e.evtname) as name, jsonb_build_object('owner', " + owner("e.evtowner") + ", 'event', e.evtevent,"
        " 'function', e.evtfoid::pg_catalog.regprocedure::text, 'enabled', e.evtenabled::text, 'tags',"
        " coalesce(array_to_string(e.evttags, ', '), ''), 'comment', "
        + comment("pg_event_trigger", "e.oid")
        + ") as properties from pg_catalog.pg_event_trigger e where "
        + not_of_extension("pg_event_trigger", "e.oid")
    ),
    Kind.LARGE_OBJECT: (
        "select m.oid::text as name, jsonb_build_object('owner', "
        + owner("m.lomowner")
        + ", 'grants', "
        + grants("m.lomacl", "'L'", "m.lomowner")
        + ", 'comment', "
        + comment("pg_largeobject", "m.oid")
        + ") as properties from pg_catalog.pg_largeobject_metadata m"
    ),
    # What is named and owned but not taken apart: its presence, owner and comment are compared.
    Kind.OTHER: (
        "select format('%s %s', o.type, o.identity) as name, jsonb_build_object('owner', coalesce(o.owner, ''), 'comment',"
        " coalesce(pg_catalog.obj_description(o.oid, o.catalog), ''), 'definition', o.definition) as properties from ("
        " select i.type, i.identity, s.oid, 'pg_statistic_ext'::name as catalog, " + owner("s.stxowner") + " as owner,"
        " pg_catalog.pg_get_statisticsobjdef(s.oid) as definition, 'pg_statistic_ext'::pg_catalog.regclass as class"
        " from pg_catalog.pg_statistic_ext s, pg_catalog.pg_identify_object('pg_statistic_ext'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_ts_config', " + owner("s.cfgowner") + ", '', 'pg_ts_config'::regclass"
        " from pg_catalog.pg_ts_config s, pg_catalog.pg_identify_object('pg_ts_config'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_ts_dict', " + owner("s.dictowner") + ", coalesce(s.dictinitoption,"
        " ''), 'pg_ts_dict'::regclass"
        " from pg_catalog.pg_ts_dict s, pg_catalog.pg_identify_object('pg_ts_dict'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_collation', " + owner("s.collowner") + ", format('%s %s %s',"
        " s.collprovider, s.collisdeterministic, s.collcollate), 'pg_collation'::regclass"
        " from pg_catalog.pg_collation s, pg_catalog.pg_identify_object('pg_collation'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_operator', " + owner("s.oprowner") + ", s.oprcode::text,"
        " 'pg_operator'::regclass"
        " from pg_catalog.pg_operator s, pg_catalog.pg_identify_object('pg_operator'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_opclass', " + owner("s.opcowner") + ", '', 'pg_opclass'::regclass"
        " from pg_catalog.pg_opclass s, pg_catalog.pg_identify_object('pg_opclass'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_cast', null, s.castcontext::text, 'pg_cast'::regclass"
        " from pg_catalog.pg_cast s, pg_catalog.pg_identify_object('pg_cast'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_language', " + owner("s.lanowner") + ", s.lanpltrusted::text,"
        " 'pg_language'::regclass"
        " from pg_catalog.pg_language s, pg_catalog.pg_identify_object('pg_language'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_conversion', " + owner("s.conowner") + ", s.conproc::text,"
        " 'pg_conversion'::regclass"
        " from pg_catalog.pg_conversion s, pg_catalog.pg_identify_object('pg_conversion'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_foreign_server', " + owner("s.srvowner") + ", '',"
        " 'pg_foreign_server'::regclass"
        " from pg_catalog.pg_foreign_server s, pg_catalog.pg_identify_object('pg_foreign_server'::regclass, s.oid, 0) i"
        " union all select i.type, i.identity, s.oid, 'pg_subscription', " + owner("s.subowner") + ", '',"
        " 'pg_subscription'::regclass from (select oid, subowner from pg_catalog.pg_subscription where subdbid = (select oid"
        " from pg_catalog.pg_database where datname = current_database())) s,"
        " pg_catalog.pg_identify_object('pg_subscription'::regclass, s.oid, 0) i"
        # Built-in objects have oids below 16384 (PostgreSQL manual, "OID assignment").
        ") o where o.oid >= 16384 and not exists (select from pg_catalog.pg_depend x where x.deptype in ('e', 'i')"
        " and x.classid = o.class and x.objid = o.oid)"
    ),
}

QUERIES: dict[Kind, LiteralString] = {kind: (RELATIONS | _OTHERS)[kind] for kind in Kind}
"""The query of each kind, in the order in which entries stand in a manifest."""
