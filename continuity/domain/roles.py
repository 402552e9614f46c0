"""The roles of a server, as `pg_dumpall --globals-only` writes them: which statements make the ones that are missing. Pure."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_NAME = r'"(?:[^"]|"")*"|[^\s;"]+'
_MAKES = re.compile(rf"(?:CREATE ROLE|ALTER ROLE|COMMENT ON ROLE) (?P<role>{_NAME})(?P<rest>.*)", re.DOTALL)
_GRANTS = re.compile(rf"GRANT (?P<role>{_NAME}) TO (?P<member>{_NAME})", re.DOTALL)
_LOGIN = re.compile(r"\bLOGIN\b")


@dataclass(frozen=True, kw_only=True)
class RoleStatements:
    """What makes the roles that a server lacks: statements in their order, and which of the roles sign in by password."""

    roles: tuple[str, ...]
    statements: tuple[str, ...]
    sign_in: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Memberships in roles that belong to something else, and are not made: "member in role"."""

    def without_password(self, known: Collection[str]) -> tuple[str, ...]:
        """Name the roles that sign in and whose password is not at hand: dumps hold none unless they were told to."""
        return tuple(role for role in self.sign_in if role not in known)


def needed_roles(globals_sql: str, roles: Collection[str]) -> tuple[str, ...]:
    """Return the roles that a database needs, and those that act as one of them: what owns a table rarely signs in itself."""
    granted = [match for each in split_statements(globals_sql) if (match := _GRANTS.match(each))]
    needed = set(roles)
    while more := {_unquoted(each["member"]) for each in granted if _unquoted(each["role"]) in needed} - needed:
        needed |= more
    return tuple(sorted(needed))


def role_statements(globals_sql: str, missing: Collection[str], needed: Collection[str]) -> RoleStatements:
    """Choose from a dump of all roles what makes the missing ones, with their attributes, settings, comments and memberships.

    Memberships are chosen by the member, those of roles that are there already are not touched; and by the role: one that is not
    `needed` belongs to another application, and need not be there. Settings of a role within one database belong to the
    database, and come back with it.
    """
    chosen: list[str] = []
    left_out: list[str] = []
    sign_in: list[str] = []
    for statement in split_statements(globals_sql):
        made, granted = _MAKES.match(statement), _GRANTS.match(statement)
        if made and _unquoted(made["role"]) in missing and " IN DATABASE " not in made["rest"]:
            chosen.append(statement)
            if statement.startswith("ALTER ROLE") and _LOGIN.search(made["rest"]) and " PASSWORD " not in made["rest"]:
                sign_in.append(_unquoted(made["role"]))
        elif granted and (member := _unquoted(granted["member"])) in missing:
            role = _unquoted(granted["role"])
            if role in needed or role.startswith("pg_"):
                chosen.append(statement)
            else:
                left_out.append(f"{member} in {role}")
    return RoleStatements(
        roles=tuple(sorted(missing)), statements=tuple(chosen), sign_in=tuple(sign_in), left_out=tuple(left_out)
    )


def split_statements(text: str) -> Iterator[str]:
    """Split what pg_dumpall has written into statements; comments and psql's own commands are left out.

    A statement ends with the line on which a semicolon stands outside of all quotes.
    """
    statement = ""
    for line in text.splitlines():
        if not statement and (not line.strip() or line.startswith(("--", "\\"))):
            continue
        statement += line if not statement else f"\n{line}"
        if line.rstrip().endswith(";") and statement.count("'") % 2 == 0 and statement.count('"') % 2 == 0:
            yield statement.rstrip()
            statement = ""


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
