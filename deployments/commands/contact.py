"""First contact: the files of a database never seen, and what is still missing."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


def check(
    application: str,
    *,
    only: Annotated[tuple[str, ...], Parameter(help="backup, drill, rollback, recovery or notices; default: all of them.")] = (),
    probe: Annotated[
        bool, Parameter(negative="", help="Write one small object to the vault, to see it refuse a second.")
    ] = False,
    where: Where = HERE,
) -> int:
    """Look at everything that a backup, a drill, a rollback, a recovery and messages to people need. Changes nothing."""
    from continuity.errors import ConfigurationRefused
    from continuity.procedures.readiness import ReadyFor, look_at_everything
    from continuity.steps.operation import perform_plainly
    from deployments.telling import contact as telling

    if unknown := set(only) - set(ReadyFor):
        raise ConfigurationRefused(f"--only does not know {min(unknown)!r}", hint=f"Known: {', '.join(ReadyFor)}.")
    terminal, (protected, environment) = where.terminal(), where.load(application)
    purposes = tuple(map(ReadyFor, only)) or tuple(ReadyFor)
    ready = look_at_everything(protected, environment, purposes=purposes, probe=probe, perform=perform_plainly)
    return telling.tell_readiness(terminal, protected.name, ready, where.environment_file)


def init(
    *,
    dsn: Annotated[str, Parameter(help="Connection string; one with a password is safer in CONTINUITY_DATABASE_DSN.")] = "",
    output: Annotated[Path | None, Parameter(help="Folder for the files; default: continuity-NAME here.")] = None,
    name: Annotated[str, Parameter(help="The application's name; default: after the database's.")] = "",
    vault: Annotated[str, Parameter(help="s3://BUCKET/PREFIX or file:///FOLDER; default: a folder beside the files.")] = "",
    json: Annotated[bool, Parameter(negative="", help="One JSON document on stdout.")] = False,
) -> int:
    """Write the files for a database never seen: application, environment, key. Never overwrites one."""
    from continuity.procedures.contact import meet_database
    from deployments.console import Terminal
    from deployments.telling import contact as telling

    met = meet_database(dsn, output=output, name=name, vault_url=vault)
    return telling.tell_contact(Terminal(as_json=json), met)
