"""Files that are written once: all of them or none, and never over one that is there."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from continuity.errors import ConfigurationRefused, UnsafeOperation

FOR_ALL, PRIVATE = 0o644, 0o600


@dataclass(frozen=True, kw_only=True)
class NewFile:
    """A file to write. `mode` is set as the file is made, before there is anything in it to read."""

    path: Path
    text: str = field(repr=False)
    mode: int = FOR_ALL


def write_new_files(files: Sequence[NewFile]) -> None:
    """Write files that must not exist yet, folders included. If it fails, those that it has written go again.

    Raises:
        UnsafeOperation: one of them exists; nothing was changed.
        ConfigurationRefused: a folder or file cannot be made; nothing is left of what was.

    """
    if there := [str(new.path) for new in files if os.path.lexists(new.path)]:
        raise UnsafeOperation(
            f"{there[0]} exists, and is never overwritten",
            detail="\n".join(there) + "\nNothing was changed.",
            hint="Edit what is there, or give --output another folder.",
        )
    made: list[Path] = []
    try:
        for new in files:
            new.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if new.mode == PRIVATE else 0o755)
            descriptor = os.open(new.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, new.mode)
            made.append(new.path)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(new.text)
                stream.flush()
                os.fsync(stream.fileno())
    except BaseException as error:
        for path in made:
            with suppress(OSError):
                path.unlink()
        if isinstance(error, FileExistsError):
            raise UnsafeOperation(f"{error.filename} exists, and is never overwritten", hint="Give another --output.") from error
        if isinstance(error, OSError):
            raise ConfigurationRefused(
                f"{error.filename or made[-1:]} cannot be written: {error.strerror}",
                detail="What was written before it is removed again.",
                hint="Give --output a folder that you may write to.",
            ) from error
        raise
