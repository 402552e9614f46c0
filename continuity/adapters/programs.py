"""Programs run as argv lists with a deadline; what they say is kept as text that is safe to show."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from continuity.errors import ConfigurationRefused

KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program ended. A negative code is the signal that ended it."""

    code: int
    said: str


def child_environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return a child's variables: what every program needs, and what is given; nothing else that this process knows."""
    return {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ} | dict(given)


def safe_text(data: bytes) -> str:
    """Decode what a program wrote: PostgreSQL's tools write non-UTF-8 and control characters on damaged input."""
    text = data.decode("utf-8", errors="replace")
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


@dataclass(frozen=True, kw_only=True)
class Captured:
    """How a program ended, with what it wrote as it wrote it; `complaint` is its standard error, safe to show."""

    code: int
    output: bytes
    complaint: str


def run(argv: Sequence[str | Path], *, environment: Mapping[str, str], timeout_seconds: float) -> Ended:
    """Run a program to its end.

    Raises:
        ConfigurationRefused: it is not there.
        TimeoutError: it did not end in time; it has been killed.

    """
    done = capture(argv, environment=environment, timeout_seconds=timeout_seconds)
    return Ended(code=done.code, said=safe_text(done.output) + done.complaint)


def capture(
    argv: Sequence[str | Path], *, environment: Mapping[str, str], timeout_seconds: float, given: bytes = b""
) -> Captured:
    """Run a program to its end with `given` as its input, and keep what it writes byte for byte.

    Raises:
        ConfigurationRefused: it is not there.
        TimeoutError: it did not end in time; it has been killed.

    """
    try:
        done = subprocess.run(
            list(map(str, argv)),
            env=dict(environment),
            input=given,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigurationRefused(f"{argv[0]} is not on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{Path(str(argv[0])).name} did not end within {timeout_seconds:.0f} s") from error
    return Captured(code=done.returncode, output=done.stdout, complaint=safe_text(done.stderr))


KEPT_BYTES = 1 << 16
TICK_SECONDS = 0.1


def run_in_group(
    argv: Sequence[str], *, environment: Mapping[str, str], timeout_seconds: float, folder: Path | None = None
) -> Ended:
    """Run a program that others have written to its end, and whatever it has started; keep the last 64 KiB that it says.

    It runs in a process group of its own, which is killed in the end: a test must not leave anything running. `folder` is
    where it runs; by default here.

    Raises:
        ConfigurationRefused: it is not there, or may not be run.
        TimeoutError: it did not end in time; it has been killed.

    """
    until = time.monotonic() + timeout_seconds
    try:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationRefused(
            f"{argv[0]} cannot be run: {error.strerror}", hint="Install it here, or correct the command."
        ) from error
    with process:
        try:
            said = _listen(process, until)
        finally:
            # Nothing of the group may be left: then there is nobody to kill.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if said is None:
        raise TimeoutError(f"{Path(argv[0]).name} did not end within {timeout_seconds:g} s")
    return Ended(code=process.returncode, said=safe_text(said))


def _listen(process: subprocess.Popen[bytes], until: float) -> bytes | None:
    """Return the end of what a program says, once it has ended; None where its time is up."""
    assert process.stdout is not None  # noqa: S101 -- it was opened with a pipe
    pipe, said = process.stdout.fileno(), b""
    while (now := time.monotonic()) < until:
        # Looked at before the pipe: what it has said before its end is in the pipe by then.
        ended = process.poll() is not None
        if select.select([pipe], [], [], 0 if ended else min(TICK_SECONDS, until - now))[0]:
            if chunk := os.read(pipe, KEPT_BYTES):
                said = (said + chunk)[-KEPT_BYTES:]
                continue
            # It has closed its output, and may still be at work.
            time.sleep(0 if ended else min(TICK_SECONDS, until - now))
        if ended:
            return said
    return None
