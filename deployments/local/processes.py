"""Background processes that outlive the command: who they are, how they are started and stopped.

A process is known by its pid and its start time, so that a pid which the system has given to
somebody else meanwhile is never signalled.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from continuity.errors import ConfigurationRefused, ContinuityError
from deployments.local.server_account import Identity, identity_of

LOCALHOST = "127.0.0.1"
GENTLE = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
LOG_LINES_SHOWN = 12

# Children of this very process have to be waited for, or they stay behind as zombies.
_children: set[int] = set()


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """One process, for as long as it lives; `started` is opaque and never the same for two holders of one pid."""

    pid: int
    started: str


@dataclass(frozen=True, kw_only=True)
class ServiceRecord:
    """What is remembered of a background service between two commands; the port stays when the process is gone."""

    port: int
    process: ProcessIdentity | None = None
    facts: dict[str, str] = field(default_factory=dict)

    def stopped(self) -> "ServiceRecord":
        """Give the record without its process."""
        return replace(self, process=None)


def read_record(path: Path) -> ServiceRecord | None:
    """Read a record, or None when there is none.

    Raises:
        ConfigurationRefused: the file is not a record.

    """
    try:
        read: dict[str, Any] = json.loads(path.read_text())
        process = ProcessIdentity(**read["process"]) if read["process"] else None
        return ServiceRecord(port=int(read["port"]), process=process, facts=dict(read["facts"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        message = f"{path} is not a record of a background process"
        raise ConfigurationRefused(message, hint="Stop the process that it was about, and remove the file.") from error


def write_record(path: Path, record: ServiceRecord) -> None:
    """Write a record in one go: a reader sees the former one or this one."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(record), indent=2) + "\n")
    draft.replace(path)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Make the directory, and hold it against a second command that starts or stops the same; waits for its turn.

    Raises:
        ConfigurationRefused: this process may not write there.

    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / ".lock").open("a")
    except OSError as error:
        message = f"{directory} cannot be written to: {error}"
        raise ConfigurationRefused(message, hint="Choose a directory of your own.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def identify(pid: int) -> ProcessIdentity | None:
    """Say who holds a pid now; None when nobody does, or only a zombie."""
    if pid in _children and _reaped(pid):
        _children.discard(pid)
        return None
    started = _start_on_linux(pid) if sys.platform == "linux" else _start_by_ps(pid)
    return ProcessIdentity(pid=pid, started=started) if started else None


def is_running(process: ProcessIdentity) -> bool:
    """Tell whether this very process is alive."""
    return identify(process.pid) == process


def launch(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    identity: Identity | None = None,
) -> ProcessIdentity:
    """Start a process that survives this one: own session, output appended to `log`, started in `/`.

    Raises:
        ContinuityError: the program is missing, cannot be run, or ended at once.

    """
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        try:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=dict(environment),
                start_new_session=True,
                **(identity or identity_of(None)),
            )
        except (OSError, subprocess.SubprocessError) as error:
            message = f"{command[0]} cannot be started: {error}"
            raise ContinuityError(message) from error
    # It outlives this process on purpose: Popen would warn of that, so it is told that all is over; we wait ourselves.
    child.returncode = 0
    _children.add(child.pid)
    if (process := identify(child.pid)) is None:
        message = f"{Path(command[0]).name} ended at once"
        raise ContinuityError(message, detail=last_lines(log), hint=f"Read {log}.")
    return process


def stop(process: ProcessIdentity, signals: Sequence[tuple[signal.Signals, float]] = GENTLE) -> None:
    """End a process by the given signals, each with the seconds that it is waited for. Does nothing when it is gone.

    Raises:
        ContinuityError: the process outlived the last signal.

    """
    for number, patience_seconds in signals:
        deadline = time.monotonic() + patience_seconds
        if is_running(process):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        while is_running(process) and time.monotonic() < deadline:
            time.sleep(0.02)
    if is_running(process):
        message = f"process {process.pid} does not end"
        raise ContinuityError(message, hint=f"Look at it with: ps -fp {process.pid}")


def bare_environment() -> dict[str, str]:
    """Give a child what it needs to run and to find its libraries; none of the caller's settings, and no secret."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ}


def free_port() -> int:
    """Give a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port now; connections of a former one that linger do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
        return True


def last_lines(log: Path, count: int = LOG_LINES_SHOWN) -> str:
    """Give the end of a log, for the detail of an error."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return f"{log} does not exist"


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def _start_on_linux(pid: int) -> str:
    # proc(5): field 3 is the state, field 22 the start in clock ticks since boot; field 2, the name, may hold
    # blanks and brackets.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in {"Z", "X"} else f"{boot}/{fields[19]}"


def _start_by_ps(pid: int) -> str:
    found = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True, text=True, check=False, timeout=10, env={"LC_ALL": "C"},
    )  # fmt: skip
    state, _, started = found.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()
