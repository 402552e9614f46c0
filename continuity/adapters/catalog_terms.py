"""What the questions put to pg_catalog are made of: which objects are the user's, and how owner, grants and comment are told.

Names are quoted and qualified, since the session's search_path is empty. Source: PostgreSQL manual, chapter "System Catalogs".
"""

from typing import LiteralString

USER_SCHEMA: LiteralString = "n.nspname <> 'information_schema' and n.nspname !~ '^pg_(toast|temp|catalog$|toast_temp)'"


def not_of_extension(catalog: LiteralString, oid: LiteralString) -> LiteralString:
    """Return the condition that an object belongs to no extension: `CREATE EXTENSION` brings those back."""
    return (
        "not exists (select from pg_catalog.pg_depend x where x.deptype = 'e' and x.classid = '"
        + catalog
        + "'::pg_catalog.regclass and x.objid = "
        + oid
        + ")"
    )


def grants(acl: LiteralString, kind: LiteralString, owner: LiteralString) -> LiteralString:
    """Return the expression that lists grants in words, the implied ones too, in an order of its own."""
    return (
        "coalesce((select string_agg(coalesce(quote_ident(g.rolname), 'PUBLIC') || '=' || a.privilege_type ||"
        " case when a.is_grantable then '*' else '' end || '/' || quote_ident(b.rolname), ', ' order by g.rolname,"
        " a.privilege_type, b.rolname) from pg_catalog.aclexplode(coalesce("
        + acl
        + ", pg_catalog.acldefault("
        + kind
        + ", "
        + owner
        + "))) a left join pg_catalog.pg_roles g on g.oid = a.grantee"
        " left join pg_catalog.pg_roles b on b.oid = a.grantor), '')"
    )


def owner(oid: LiteralString) -> LiteralString:
    """Return the expression that names an owner."""
    return "pg_catalog.pg_get_userbyid(" + oid + ")"


def comment(catalog: LiteralString, oid: LiteralString) -> LiteralString:
    """Return the expression that gives an object's comment."""
    return "coalesce(pg_catalog.obj_description(" + oid + ", '" + catalog + "'), '')"
