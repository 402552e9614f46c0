"""HTTP services in the background: started, waited for, found again by a later command, and stopped.

Each keeps `<name>.json` (port, pid, start time) and `<name>.log` in the state directory, and listens on 127.0.0.1 only.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from continuity.errors import ContinuityError
from deployments.local import processes
from deployments.local.processes import LOCALHOST, ProcessIdentity, ServiceRecord

logger = logging.getLogger(__name__)

PROBE_SECONDS = 5
OK = 200


@dataclass(frozen=True, kw_only=True)
class Service:
    """How to run a program that serves HTTP; `{port}` in `command` stands for the port that it is given.

    It serves when `ready_path` answers 200. `environment` is all that it gets beside the bare necessities.
    """

    name: str
    command: tuple[str, ...]
    ready_path: str
    ready_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunningService:
    """A service that has answered."""

    name: str
    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        """Give its address, without a slash at the end."""
        return f"http://{LOCALHOST}:{self.port}"


def start_service(state_directory: Path, service: Service) -> RunningService:
    """Start a service and wait until it answers; one that runs is returned as it is. Its port stays the same.

    Raises:
        ContinuityError: it ended, or did not answer in time; it is stopped, and the detail is the end of its log.

    """
    with processes.exclusive(state_directory):
        path, log = state_directory / f"{service.name}.json", state_directory / f"{service.name}.log"
        record = processes.read_record(path)
        started = time.monotonic()
        if record and record.process and processes.is_running(record.process):
            port, process = record.port, record.process
        else:
            port = record.port if record and processes.is_free(record.port) else processes.free_port()
            command = [part.replace("{port}", str(port)) for part in service.command]
            given = {name: value.replace("{port}", str(port)) for name, value in service.environment.items()}
            environment = processes.bare_environment() | given
            process = processes.launch(command, log=log, environment=environment)
            processes.write_record(path, ServiceRecord(port=port, process=process))
        try:
            _await_answer(service, port, process, log)
        except ContinuityError:
            processes.stop(process)
            raise
        logger.info("serving name=%s port=%d seconds=%.1f", service.name, port, time.monotonic() - started)
        return RunningService(name=service.name, port=port, pid=process.pid, log=log)


def stop_service(state_directory: Path, name: str) -> None:
    """Stop a service: SIGTERM, and SIGKILL 10 s later. Does nothing when it does not run, or its pid is another's now.

    Raises:
        ContinuityError: it outlived SIGKILL.

    """
    if not state_directory.is_dir():
        return
    with processes.exclusive(state_directory):
        path = state_directory / f"{name}.json"
        record = processes.read_record(path)
        if record and record.process:
            processes.stop(record.process)
            processes.write_record(path, record.stopped())
            logger.info("stopped name=%s port=%d", name, record.port)


def _await_answer(service: Service, port: int, process: ProcessIdentity, log: Path) -> None:
    deadline = time.monotonic() + service.ready_seconds
    while not _answers(port, service.ready_path):
        if not processes.is_running(process):
            message = f"{service.name} ended before it served port {port}"
            raise ContinuityError(message, detail=processes.last_lines(log), hint=f"Read {log}.")
        if time.monotonic() > deadline:
            message = f"{service.name} does not answer on port {port} after {service.ready_seconds:g} s"
            raise ContinuityError(message, detail=processes.last_lines(log), hint=f"Read {log}.", transient=True)
        time.sleep(0.1)
    # The port may have gone to a stranger, who has answered, while our own process failed to get it.
    if not processes.is_running(process):
        message = f"{service.name} ended, and another program answers on port {port}"
        raise ContinuityError(message, detail=processes.last_lines(log), hint="Repeat the command.", transient=True)


def _answers(port: int, path: str) -> bool:
    # Straight to this machine: urllib would ask the proxy of the environment.
    connection = HTTPConnection(LOCALHOST, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
