"""A PostgreSQL server of one's own, throw-away or lasting, for the demonstration, the embedded stack and the tests.

It listens on 127.0.0.1 and on a unix socket, asks for a password, and never runs as root: started by root
it runs as `postgres` or `nobody`. Its directory holds `data`, `password` (mode 0600), `server.json` and `server.log`.
"""

import logging
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from continuity.errors import ContinuityError
from deployments.local import processes
from deployments.local.postgres_binaries import PostgresBinaries, find_binaries, within_reach
from deployments.local.processes import LOCALHOST, ProcessIdentity, ServiceRecord
from deployments.local.server_account import (
    identity_of,
    reachable_temporary_directory,
    refuse_unreachable,
    unprivileged_account,
)
from deployments.local.throwaway import throwaway_directory

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
START_SECONDS = 60
PROGRAM_SECONDS = 120
# A socket's path has 107 bytes on Linux and 103 on macOS; the file is named .s.PGSQL.65535.
LONGEST_SOCKET_DIRECTORY = 85
# Manual, section 19.5: SIGINT is the fast shutdown, SIGQUIT the immediate one.
FAST = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))

SETTINGS = {
    "listen_addresses": LOCALHOST,
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "max_prepared_transactions": "10",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "log_min_messages": "warning",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
DURABLE = {"fsync": "on"}
THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A server that runs; `binaries` is the directory of its own programs, client tools of its version among them."""

    directory: Path
    port: int
    binaries: Path
    major: int
    pid: int
    socket_directory: Path

    def dsn(self, database: str) -> str:
        """Give the superuser's connection URL, with the password: never for argv, a log or a person."""
        return f"postgresql://{SUPERUSER}:{self.password()}@{LOCALHOST}:{self.port}/{quote(database, safe='')}"

    def password(self) -> str:
        """Read the superuser's password."""
        return (self.directory / "password").read_text().strip()

    def client_environment(self, database: str) -> dict[str, str]:
        """Give what psql, pg_dump and their kin need in their environment, so that no password is in their argv."""
        connection = {"PGHOST": LOCALHOST, "PGPORT": str(self.port), "PGUSER": SUPERUSER, "PGDATABASE": database}
        return _environment() | connection | {"PGPASSWORD": self.password()}


def start_postgres(directory: Path, *, durable: bool, settings: Mapping[str, str] | None = None) -> PostgresServer:
    """Start the server that lives in `directory`, made there at the first call; a running one is returned as it is.

    `settings` are added to postgresql.conf. Without `durable`, a crash of the machine loses the data.

    Raises:
        ConfigurationRefused: no PostgreSQL was found, or the server's account cannot reach the directory.
        ContinuityError: the server does not come up; the detail is the end of its log.

    """
    directory = directory.resolve()
    account = unprivileged_account()
    with processes.exclusive(directory):
        refuse_unreachable(directory, account)
        record = processes.read_record(directory / "server.json")
        if record and record.process and processes.is_running(record.process):
            return _describe(directory, record, record.process)
        data = directory / "data"
        version = data / "PG_VERSION"
        binaries = find_binaries(os.environ, major=int(version.read_text()) if version.exists() else None)
        binaries = within_reach(binaries, directory, account)
        if not version.exists():
            _initialise(data, binaries, account)
        chosen = SETTINGS | (DURABLE if durable else THROW_AWAY) | dict(settings or {})
        return _run(directory, binaries, chosen, account, former_port=record.port if record else None)


def stop_postgres(directory: Path) -> None:
    """Stop the server of `directory` and keep its data; does nothing when it does not run."""
    directory = directory.resolve()
    if not directory.is_dir():
        return
    with processes.exclusive(directory):
        record = processes.read_record(directory / "server.json")
        if record is None or record.process is None:
            return
        processes.stop(record.process, FAST)
        sockets = Path(record.facts["socket_directory"])
        if directory not in sockets.parents:
            shutil.rmtree(sockets, ignore_errors=True)
        processes.write_record(directory / "server.json", record.stopped())
        logger.info("stopped postgres directory=%s", directory)


@contextmanager
def running_postgres(*, parent: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """Run a throw-away server in a directory of its own below `parent`, by default the system's temporary one.

    Both are gone afterwards; if this process is killed, the next call with the same parent stops and removes them.
    """
    with throwaway_directory(parent or reachable_temporary_directory(), stop_postgres) as directory:
        yield start_postgres(directory, durable=False, settings=settings)


def _initialise(data: Path, binaries: PostgresBinaries, account: pwd.struct_passwd | None) -> None:
    """Make the cluster beside its place and rename it: a killed attempt leaves nothing that looks finished."""
    password = data.parent / "password"
    _write_private(password, secrets.token_urlsafe(24), account)
    draft = data.parent / "data.new"
    for locale in ("C.UTF-8", "C"):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        _hand_over(draft, account)
        made = subprocess.run(
            [
                binaries.directory / "initdb", f"--pgdata={draft}", f"--username={SUPERUSER}", f"--pwfile={password}",
                "--auth=scram-sha-256", "--encoding=UTF8", f"--locale={locale}", "--lc-messages=C", "--data-checksums",
                "--no-sync",
            ],
            capture_output=True, text=True, check=False, cwd="/", env=_environment(), timeout=PROGRAM_SECONDS,
            **identity_of(account),
        )  # fmt: skip
        if "invalid locale name" not in made.stderr:
            break
    if made.returncode != 0:
        message = f"initdb of {binaries.directory} ended with {made.returncode}"
        hint = f"Look at the free space and the owner of {data.parent}."
        raise ContinuityError(message, detail=(made.stderr or made.stdout).strip(), hint=hint)
    draft.rename(data)


def _run(
    directory: Path,
    binaries: PostgresBinaries,
    settings: dict[str, str],
    account: pwd.struct_passwd | None,
    *,
    former_port: int | None,
) -> PostgresServer:
    port = former_port if former_port and processes.is_free(former_port) else processes.free_port()
    sockets = _socket_directory(directory, account)
    lines = settings | {"port": str(port), "unix_socket_directories": str(sockets)}
    configuration = directory / "data" / "postgresql.conf"
    _write_private(configuration, "".join(f"{name} = {_quoted(value)}\n" for name, value in lines.items()), account)

    started = time.monotonic()
    log = directory / "server.log"
    command: list[str | Path] = [binaries.directory / "postgres", "-D", directory / "data"]
    process = processes.launch(command, log=log, environment=_environment(), identity=identity_of(account))
    facts = {"binaries": str(binaries.directory), "major": str(binaries.major), "socket_directory": str(sockets)}
    record = ServiceRecord(port=port, process=process, facts=facts)
    processes.write_record(directory / "server.json", record)
    server = _describe(directory, record, process)
    _await_connections(server, process, log)
    seconds = time.monotonic() - started
    logger.info("started postgres directory=%s port=%d major=%d seconds=%.1f", directory, port, server.major, seconds)
    return server


def _await_connections(server: PostgresServer, process: ProcessIdentity, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(server.dsn("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if processes.is_running(process) and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            processes.stop(process, FAST)
            message = f"the PostgreSQL server of {server.directory} does not take connections on port {server.port}"
            raise ContinuityError(message, detail=processes.last_lines(log), hint=f"Read {log}.") from error
        else:
            return


def _describe(directory: Path, record: ServiceRecord, process: ProcessIdentity) -> PostgresServer:
    return PostgresServer(
        directory=directory,
        port=record.port,
        binaries=Path(record.facts["binaries"]),
        major=int(record.facts["major"]),
        pid=process.pid,
        socket_directory=Path(record.facts["socket_directory"]),
    )


def _socket_directory(directory: Path, account: pwd.struct_passwd | None) -> Path:
    sockets = directory / "sockets"
    if len(os.fsencode(sockets)) > LONGEST_SOCKET_DIRECTORY:
        sockets = Path(tempfile.mkdtemp(prefix="continuity-", dir=reachable_temporary_directory()))
    sockets.mkdir(exist_ok=True)
    _hand_over(sockets, account)
    return sockets


def _write_private(path: Path, text: str, account: pwd.struct_passwd | None) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    _hand_over(draft, account)
    draft.replace(path)


def _hand_over(path: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _environment() -> dict[str, str]:
    return processes.bare_environment() | {"LC_ALL": "C", "TZ": "UTC"}


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
