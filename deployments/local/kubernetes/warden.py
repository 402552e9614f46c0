"""Ends the containers when the stand-in is gone, however it went: the process that reads the other end of a pipe.

The stand-in writes `+PID` when a container's process group starts and `-PID` when it has ended. At the end of the pipe,
which also SIGKILL brings, what is left is killed.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


class Warden:
    """The stand-in's end of the pipe."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        # Not in the stand-in's process group: whoever ends that one must not end its warden.
        self._process = subprocess.Popen([sys.executable, "-E", "-S", __file__], stdin=reading, start_new_session=True)
        os.close(reading)
        self._pipe = os.fdopen(writing, "wb", buffering=0)
        self._lock = threading.Lock()

    def watch(self, group: int) -> None:
        """Have a process group killed when this process is gone."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Leave a process group alone: it has ended, and its number may become another's."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        with self._lock:
            self._pipe.write(line.encode())


def main() -> None:
    """Note process groups from the standard input, and kill those that are left at its end."""
    groups: set[int] = set()
    for line in sys.stdin:
        change, number = line[0], int(line[1:])
        if change == "+":
            groups.add(number)
        else:
            groups.discard(number)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
