"""Programs run as argv lists with a deadline; what they say is kept as text that is safe to show."""

import os
import subprocess
from collections.abc import Mapping, Sequence
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


def run(argv: Sequence[str | Path], *, environment: Mapping[str, str], timeout_seconds: float) -> Ended:
    """Run a program to its end.

    Raises:
        ConfigurationRefused: it is not there.
        TimeoutError: it did not end in time; it has been killed.

    """
    try:
        done = subprocess.run(
            list(map(str, argv)),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigurationRefused(f"{argv[0]} is not on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{Path(str(argv[0])).name} did not end within {timeout_seconds:.0f} s") from error
    return Ended(code=done.returncode, said=safe_text(done.stdout + done.stderr))
