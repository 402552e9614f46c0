"""Files as a directory vault needs them: sealed before they are seen, linked once, and read with our errors."""

import errno
import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from continuity.errors import VaultError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HINTS = {
    errno.ENOSPC: "Free space on the vault's file system, or let old recovery points expire, then repeat.",
    errno.EDQUOT: "Raise the quota of the vault's file system, or let old recovery points expire, then repeat.",
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f), or use a file system that takes larger files.",
    errno.EACCES: "Give the user that runs this the vault's directory (owner, mode 0700).",
    errno.EPERM: "Give the user that runs this the vault's directory; a file system without hard links holds no vault.",
    errno.EOPNOTSUPP: "Move the vault to a file system with hard links (ext4, XFS, ZFS, NFS) or to S3.",
    errno.EROFS: "Mount the vault's file system writable; the kernel's log says whether an error made it read-only.",
    errno.EIO: "The disk is failing: read the kernel's log, and copy the vault to another disk.",
    errno.ELOOP: "Replace the symbolic link by what it points to: a vault follows none.",
    errno.ENOTDIR: "A part of the key is itself an object: choose another key.",
}
_TRANSIENT = {
    errno.EAGAIN,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENOENT,
    errno.ENOTCONN,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


@contextmanager
def translated(root: Path, doing: str) -> Iterator[None]:
    """Turn what the operating system says into a VaultError. Nothing that calls a source may run inside."""
    try:
        yield
    except OSError as error:
        raise _vault_error(error, root, doing) from error


def _vault_error(error: OSError, root: Path, doing: str) -> VaultError:
    if error.errno == errno.ENOENT and not root.exists():
        return VaultError(
            f"vault directory {root} is not there",
            hint="Mount its file system; if it never existed, make it: mkdir -m 0700.",
        )
    number = error.errno or 0
    return VaultError(
        f"vault {root} cannot {doing}: {(error.strerror or str(error)).lower()}",
        detail=errno.errorcode.get(number, ""),
        hint=_HINTS.get(number, "Look at the vault's file system, then repeat."),
        transient=number in _TRANSIENT,
    )


class UnfinishedFile:
    """A temporary file: written, sealed, linked under its name, or gone. An error while writing voids it for good.

    After a failed fsync the kernel may drop the dirty pages and report the next fsync as a success, so none is repeated
    (PostgreSQL wiki, "Fsync Errors").
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        """Append all of `data`."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._open_descriptor, rest) :]

    def seal(self) -> None:
        """Bring the bytes to the disk and close: network file systems report a full disk only then."""
        os.fsync(self._open_descriptor)
        descriptor, self._descriptor = self._open_descriptor, None
        os.close(descriptor)

    def link(self, final: Path) -> bool:
        """Give the file its name; False if the name is taken.

        Over NFS a repeated request reports that the name exists which it has just made; the number of links tells
        (open(2), O_EXCL).
        """
        try:
            os.link(self.path, final)
        except FileExistsError:
            return self.path.stat().st_nlink > 1
        return True

    def discard(self) -> None:
        """Close the file and remove its temporary name. What cannot be removed stays for `discard_unfinished`."""
        with suppress(OSError):
            if self._descriptor is not None:
                os.close(self._descriptor)
        self._descriptor = None
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    @property
    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "the file is sealed")
        return self._descriptor


class StoredFile(io.FileIO):
    """A file being read, whose errors are the vault's."""

    def __init__(self, descriptor: int, root: Path, key: str) -> None:
        super().__init__(descriptor, "rb")
        self._root = root
        self._key = key

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read into `buffer`, as `io.RawIOBase` says."""
        with translated(self._root, f"read {self._key}"):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """Read to the end."""
        with translated(self._root, f"read {self._key}"):
            return super().readall()


def sync_directory(directory: Path) -> None:
    """Bring a directory's names to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(root: Path, lock: Path) -> Iterator[None]:
    """Hold a lock file against the other processes that use this vault, on this machine and over NFS 4 (flock(2))."""
    with translated(root, "lock"):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with translated(root, "lock"):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
