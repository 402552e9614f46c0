"""The files of a first contact: what was found is written down, what is optional stands there as a comment."""

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import dedent, wrap
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefinedType

from continuity.adapters.discovery import Discovered
from continuity.settings import Environment

WIDTH = 110


def application_text(found: Discovered, name: str) -> str:
    """Describe the application."""
    extensions, roles = (", ".join(map(quoted, names)) or "none" for names in (found.extensions, found.roles))
    facts = (
        f"Found on first contact: PostgreSQL {found.version}, {found.size_bytes / 1e6:,.1f} MB, {found.tables} tables."
        f" Extensions: {extensions}. Roles that own things or are granted something: {roles}."
        " All structure is read anew by every backup; only what nobody can discover is written here."
    )
    return "\n".join(
        [
            *_comment(facts),
            f"name = {quoted(name)}",
            "",
            "[database]",
            f"name = {quoted(found.name)}",
            *_migration_lines(found),
            "",
            "# [media]                        # the bucket with the application's files, if there is one",
            '# bucket = "…"',
            '# prefix = ""                    # only keys below it belong to the application',
            "",
            "# [objectives]",
            "# recovery_point_hours = 24      # how much may be lost",
            "# recovery_time_hours = 4        # how long recovery may take",
            "",
            *_comment("Business rules (SQL that returns the keys of what breaks one) go into rules.toml beside this file."),
            "",
        ]
    )


def _migration_lines(found: Discovered) -> Iterator[str]:
    if not found.migrations:
        yield from _comment("SQL that returns the newest migration's name; no table of a migration tool known here was found.")
        yield '# migration_head = "select max(version) from schema_migrations"'
        return
    for place, each in enumerate(sorted(found.migrations, key=lambda each: not each.head)):
        yield from _comment(f"The newest migration, by the table of {each.tools}; now {quoted(each.head or 'none')}.")
        yield ("# " if place else "") + f"migration_head = {quoted(each.query)}"


def environment_text(found: Discovered, values: Mapping[str, Mapping[str, Any]], *, key: Path) -> str:
    """Describe the environment: the values given, and every other setting as a comment with its default and meaning.

    `values` are those of each section; `key` is where the private key stands.
    """
    notes = {
        "database": _role_notes(found),
        "vault": [
            *_comment(
                f"Dumps are encrypted for `recipients` before they leave the process. The private key is {key}:"
                " LOSING EVERY PRIVATE KEY IS LOSING EVERY POINT. Keep a copy of it offline, away from this machine.",
            )
        ],
    }
    lines = [*_comment("Where things are. Written once by `continuity init`; edit it freely. Commented lines show the defaults.")]
    lines += [f"{name} = {_toml(value)}" for name, value in values[""].items()]
    for name, field in Environment.model_fields.items():
        if section := _section(field.annotation):
            lines += _table(name, section, values.get(name, {}), notes.get(name, []))
    return "\n".join([*lines, ""])


def _table(name: str, section: type[BaseModel], given: Mapping[str, Any], notes: Sequence[str] = ()) -> Iterator[str]:
    """Write a section with its settings, and after them the sections within it."""
    about = (section.__doc__ or "").split("\n\n", maxsplit=1)[0].replace("\n", " ")
    yield from ("", *_comment(about), *notes)
    yield f"[{name}]" if given else f"# [{name}]"
    yield from _settings(section, given)
    for inner, field in section.model_fields.items():
        if within := _section(field.annotation):
            yield from _table(f"{name}.{inner}", within, given.get(inner, {}))


def _section(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a setting is, optional ones too."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _settings(section: type[BaseModel], given: Mapping[str, Any]) -> Iterator[str]:
    said = meanings(section)
    for name, field in section.model_fields.items():
        if _section(field.annotation):
            continue
        yield from _comment(said[name])
        if name in given:
            yield f"{name} = {_toml(given[name])}"
        else:
            yield f"# {name} = {_toml(field.default)}"


def meanings(section: type[BaseModel]) -> dict[str, str]:
    """Return what each setting means, from the text below it. Pydantic would read the source at every start of every command."""
    [described] = ast.parse(dedent(inspect.getsource(section))).body
    lines = described.body if isinstance(described, ast.ClassDef) else []
    return {
        line.target.id: below.value.value
        for line, below in pairwise(lines)
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _role_notes(found: Discovered) -> list[str]:
    bypass = " bypassrls" if found.secured_tables else ""
    owners = ", ".join(map(quoted, found.owners))
    is_superuser = ", a superuser" if found.superuser else ""
    return [
        *_comment(f"The role here is {quoted(found.role)}{is_superuser}. The least that does:"),
        f"#   backup    create role continuity_backup login{bypass} in role pg_read_all_data;",
        *(
            [f"#             and SELECT on the {found.large_objects} large objects, which pg_read_all_data does not cover"]
            if found.large_objects
            else []
        ),
        f"#   drill     a role with CREATEDB and membership in the owners {owners}; name it in [drill] dsn",
        "#   rollback  the same, and pg_signal_backend; name it in [rollback] dsn",
        *_comment("A password belongs in a passfile (mode 0600), or in CONTINUITY_DATABASE_DSN, which overrides this line."),
    ]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(" ".join(text.split()), WIDTH)]


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple() | list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{quoted(name)} = {_toml(each)}' for name, each in value.items())}}}"
        case None | PydanticUndefinedType():
            return '"…"'
        case _:
            return quoted(str(value))


def quoted(text: str) -> str:
    """Return a text as a TOML string on one line: JSON's escapes are TOML's, but for DEL, which TOML wants escaped too."""
    return re.sub("[\x7f-\x9f\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
