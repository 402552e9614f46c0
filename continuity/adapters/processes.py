"""Tells one process of one machine from all others, and whether it is still there (Linux, proc(5))."""

import hashlib
import os
import re
import secrets
import socket
from getpass import getuser
from pathlib import Path

from continuity.domain.lease import Holder

_PROC = Path("/proc")
_MARK = re.compile(r"(?P<machine>[0-9a-f]{8})\.(?P<pid>\d+)\.(?P<start>\d+)\.[0-9a-f]{8}")
_START_FIELD = 19  # starttime, counted from the field after the command's name (proc_pid_stat(5))


def this_process() -> Holder:
    """Describe this process."""
    pid = os.getpid()
    return Holder(machine=_machine(), host=socket.gethostname(), pid=pid, process=_start_of(pid) or "", actor=_actor())


def is_gone(holder: Holder) -> bool:
    """Whether the process is certainly gone: of another machine nothing is known, so it counts as there."""
    return _is_here(holder) and _start_of(holder.pid) != holder.process


def is_at_work(holder: Holder) -> bool:
    """Whether the process certainly runs: on this machine, and not stopped by a signal."""
    return _is_here(holder) and _start_of(holder.pid) == holder.process and _stat(holder.pid)[:1] not in (["T"], ["t"])


def mark() -> str:
    """Return a name of its own that tells by which process it was made: machine, number, start, and a random part."""
    pid = os.getpid()
    return f"{_machine_digest()}.{pid}.{_start_of(pid) or 'unknown'}.{secrets.token_hex(4)}"


def marks_gone_process(name: str) -> bool:
    """Whether a mark was certainly made by a process that is gone; any other name tells nothing, so no."""
    match = _MARK.fullmatch(name)
    return match is not None and match["machine"] == _machine_digest() and _start_of(int(match["pid"])) != match["start"]


def left_behind(folder: Path, prefix: str, suffix: str = "") -> list[Path]:
    """Return what processes that are certainly gone have left in a folder, by the mark between prefix and suffix."""
    found = folder.glob(f"{prefix}*{suffix}")
    return [path for path in found if marks_gone_process(path.name.removeprefix(prefix).removesuffix(suffix))]


def _machine_digest() -> str:
    return hashlib.sha256(_machine().encode()).hexdigest()[:8]


def _is_here(holder: Holder) -> bool:
    # Without the kernel's word on the start time nothing is certain.
    return holder.machine == _machine() and bool(holder.process)


def _machine() -> str:
    """Name this boot of this machine and its process namespace: a pid means something only there."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return f"{socket.gethostname()}-unknown-boot"
    return f"{boot}/{namespace}"


def _start_of(pid: int) -> str | None:
    fields = _stat(pid)
    return fields[_START_FIELD] if len(fields) > _START_FIELD and fields[0] not in {"Z", "X"} else None


def _stat(pid: int) -> list[str]:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _actor() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # no such user in a container; Python 3.13 raises OSError
        return f"uid {os.getuid()}"
