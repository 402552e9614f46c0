"""Directories that go with the process that made them; when it was killed, the next of their kind removes them."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "continuity-throwaway-"
OWNER = ".owner"


@contextmanager
def throwaway_directory(parent: Path, dispose: Callable[[Path], None]) -> Iterator[Path]:
    """Make a directory that everybody may enter; `dispose` ends what runs in it, then it is removed.

    Does the same at the start for the directories of this account whose process is gone.
    """
    for abandoned in _abandoned(parent):
        dispose(abandoned)
        shutil.rmtree(abandoned, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    directory.chmod(0o755)
    draft = directory / f"{OWNER}.new"
    with draft.open("w") as owner:
        # The name appears when the lock is held: a neighbour never sees it unlocked before this process is gone.
        fcntl.flock(owner, fcntl.LOCK_EX)
        draft.rename(directory / OWNER)
        try:
            yield directory
        finally:
            dispose(directory)
            shutil.rmtree(directory)


def _abandoned(parent: Path) -> Iterator[Path]:
    for directory in parent.glob(f"{PREFIX}*"):
        try:
            found = directory.lstat()
            # Anybody may write in a temporary directory: believe only what this account has made.
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            with (directory / OWNER).open("r+") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield directory
        except (FileNotFoundError, BlockingIOError):
            continue
