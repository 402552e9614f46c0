"""First contact with a database never seen: look at it, and write down what is needed to protect it."""

import os
import re
import shlex
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from continuity.adapters.application_files import NAME
from continuity.adapters.credentials import Access, access_of
from continuity.adapters.discovery import Discovered, discover
from continuity.adapters.new_files import PRIVATE, NewFile, write_new_files
from continuity.adapters.postgres import connect, libpq_environment
from continuity.adapters.sealing import new_identity
from continuity.adapters.vaults import open_vault
from continuity.errors import ConfigurationRefused
from continuity.settings import DSN_VARIABLE
from continuity.steps.descriptions import application_text, environment_text

LONGEST_NAME = 40
IGNORE_EVERYTHING = "# Nothing in this folder belongs into a repository.\n*\n"


@dataclass(frozen=True, kw_only=True)
class Contact:
    """What a first contact came to."""

    application: str
    found: Discovered
    environment: Path
    key: Path
    passfile: Path | None
    vault_url: str
    files: tuple[Path, ...]
    next_commands: tuple[str, ...]


def meet_database(dsn: str, *, output: Path | None = None, name: str = "", vault_url: str = "") -> Contact:
    """Discover a database, make a key pair, and write the files that protect it. Reads the database, changes it not.

    The folder `private` holds the key and the password, for this user alone. A file that exists is never overwritten.

    Raises:
        ConfigurationRefused: no database is named, or the application's name or the vault's address is none.
        DatabaseError: the database cannot be reached.
        UnsafeOperation: one of the files exists; nothing was changed.

    """
    dsn = dsn or os.environ.get(DSN_VARIABLE, "")
    if not dsn:
        raise ConfigurationRefused("no database is named", hint=f"Give --dsn postgresql://USER@HOST/NAME, or set {DSN_VARIABLE}.")
    if name and not re.fullmatch(NAME, name):
        raise ConfigurationRefused(
            f"{name!r} is no name of an application", hint="Use up to 40 lower-case letters, digits and hyphens, a letter first."
        )
    if vault_url:
        open_vault(vault_url)  # Refuses an address that is none, before anything is asked of anybody.
    libpq_environment(dsn, database="")  # Refuses what PostgreSQL's tools cannot be told: the first backup would fail on it.
    with connect(dsn) as connection:
        found, access = discover(connection), access_of(connection, dsn)
    name = name or application_name(found.name)
    folder = output or Path.cwd() / f"continuity-{name}"
    return _write(found, access, name, folder.absolute(), vault_url)


def _write(found: Discovered, access: Access, name: str, folder: Path, vault_url: str) -> Contact:
    private, environment = folder / "private", folder / "environment.toml"
    application = folder / "applications" / name / "application.toml"
    key, passfile = private / "age.key", private / "pgpass" if access.password else None
    vault = folder / "vault"
    private_key, public_key = new_identity()
    values: dict[str, dict[str, Any]] = {
        "": {"applications": "applications"},
        "database": {"dsn": access.dsn(passfile=passfile)},
        "vault": {"url": vault_url or vault.as_uri(), "recipients": (public_key,), "identity_file": str(key.relative_to(folder))},
    }
    files = [
        NewFile(path=private / ".gitignore", text=IGNORE_EVERYTHING, mode=PRIVATE),
        NewFile(path=key, text=_key_text(private_key, public_key, name), mode=PRIVATE),
        NewFile(path=application, text=application_text(found, name)),
        NewFile(path=environment, text=environment_text(found, values, key=key), mode=PRIVATE),
    ]
    if passfile is not None:
        files.append(NewFile(path=passfile, text=access.passfile_lines(), mode=PRIVATE))
    write_new_files(files)
    if not vault_url:
        vault.mkdir(mode=0o700, exist_ok=True)
    return Contact(
        application=name,
        found=found,
        environment=environment,
        key=key,
        passfile=passfile,
        vault_url=vault_url or vault.as_uri(),
        files=tuple(file.path for file in files),
        next_commands=(
            f"export CONTINUITY_ENVIRONMENT={shlex.quote(str(environment))}",
            f"continuity check {name}",
            f"continuity backup {name}",
        ),
    )


def _key_text(private_key: str, public_key: str, name: str) -> str:
    return (
        f"# Opens every recovery point of {name} that is made with this recipient.\n"
        "# Whoever has it can read the database; without it nobody can restore. Losing it is losing every point:\n"
        "# keep a copy offline, away from this machine and from the vault.\n"
        f"# public key: {public_key}\n{private_key}\n"
    )


def application_name(database: str) -> str:
    """Return a name for an application after its database's: lower case, without accents, hyphens for what is left."""
    plain = unicodedata.normalize("NFKD", database).encode("ascii", "ignore").decode().lower()
    name = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME].strip("-")
    return name if re.fullmatch(NAME, name) else f"app-{name}"[:LONGEST_NAME].strip("-")
