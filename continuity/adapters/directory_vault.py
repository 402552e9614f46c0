"""A vault in a directory: every object is a file that appears whole, and once, by `link()`."""

import errno
import hashlib
import io
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote
from uuid import uuid4

from continuity.adapters.vault import ListedObject, Source, Versioned, never, overtaken
from continuity.adapters.vault_files import StoredFile, UnfinishedFile, exclusive, sync_directory, translated
from continuity.adapters.vault_key import PROBE_KEY, UNFINISHED, check_key, check_prefix
from continuity.errors import AlreadyStored, NotStored, UnsafeOperation, VaultError

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
LINK_ATTEMPTS = 5
REPLACING = "replacing.lock"
LONGEST_LABEL = 200


class DirectoryVault:
    """Objects below a directory that exists already; it is never made here.

    An absent disk leaves an empty place or none: making the directory would put the vault on the wrong disk.
    Directories get mode 0700, files 0600. Symbolic links below the root are refused.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.url = self.root.as_uri()

    def check_honest(self) -> None:
        """Link twice onto one name and see the second refused: some network file systems lie. Harmless if repeated."""
        with suppress(AlreadyStored):
            self.create(PROBE_KEY, b"created once\n")
        kept = self.read(PROBE_KEY)
        with self._unfinished(PROBE_KEY) as second, translated(self.root, f"link {PROBE_KEY}"):
            second.write(uuid4().bytes)
            second.seal()
            refused = not second.link(self._path(PROBE_KEY))
        if not refused or self.read(PROBE_KEY) != kept:
            raise UnsafeOperation(
                f"the file system of {self.root} replaces what exists: a second link() to {PROBE_KEY} went through",
                hint="Move the vault to a file system with honest hard links (ext4, XFS, ZFS, NFS) or to S3.",
            )

    def look(self) -> bool:
        """Ask for the probe object, and for the right to make files beside it."""
        with translated(self.root, "be used"):
            self._check_root()
            if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return any(listed.key == PROBE_KEY for listed in self.list(PROBE_KEY))

    def room_bytes(self) -> int | None:
        """Free bytes on the file system, for users other than root."""
        with translated(self.root, "tell its room"):
            found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def create(self, key: str, data: bytes) -> None:
        """Store `data` once. If it runs twice, the second call compares and succeeds."""
        try:
            with self._unfinished(key) as file:
                with translated(self.root, f"write {key}"):
                    file.write(data)
                self._publish(file, key)
        except AlreadyStored:
            if self.read(key) != data:
                raise
            return
        logger.info("created object key=%s bytes=%d", key, len(data))

    def upload(self, key: str, source: Source, *, expected_bytes: int = 0) -> int:  # noqa: ARG002 -- a file has no parts
        """Stream `source` into a file that appears at the end. If it runs twice, the second raises AlreadyStored."""
        started = time.monotonic()
        if os.path.lexists(self._path(key)):
            raise _already_stored(key)
        size_bytes = 0
        with self._unfinished(key) as file:
            while chunk := source.read(CHUNK_BYTES):
                with translated(self.root, f"write {key}"):
                    file.write(chunk)
                size_bytes += len(chunk)
            self._publish(file, key)
        logger.info("uploaded object key=%s bytes=%d seconds=%.1f", key, size_bytes, time.monotonic() - started)
        return size_bytes

    def read(self, key: str) -> bytes:
        """Return a small object whole."""
        with self.open(key) as stream:
            return stream.read()

    def read_versioned(self, key: str) -> Versioned:
        """Return a small object whole; its version is its SHA-256."""
        data = self.read(key)
        return Versioned(data=data, version=hashlib.sha256(data).hexdigest())

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        """Replace one version, one process at a time. If it runs twice, the second call finds its own bytes."""
        path = self._path(key)
        with self._unfinished(key) as file:
            with translated(self.root, f"replace {key}"):
                file.write(data)
                file.seal()
            with exclusive(self.root, self.root / UNFINISHED / REPLACING):
                found = self.read_versioned(key)
                if found.version != version and found.data != data:
                    raise overtaken(key)
                with translated(self.root, f"replace {key}"):
                    file.path.replace(path)
                    sync_directory(path.parent)
        return hashlib.sha256(data).hexdigest()

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """Stream a file from its start."""
        with io.BufferedReader(self._opened(key), CHUNK_BYTES) as stream:
            yield stream

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Every object whose key starts with `prefix`, in the order in which S3 lists them, a directory at a time."""
        check_prefix(prefix)
        self._check_root()
        return self._walk("", prefix)

    def delete(self, key: str) -> None:
        """Remove a file, and the directories that it leaves empty. If it runs twice, the second call finds nothing."""
        path = self._path(key)
        with translated(self.root, f"delete {key}"):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                self._check_root()
                return
            sync_directory(path.parent)
        with suppress(OSError):
            for parent in path.relative_to(self.root).parents[:-1]:
                (self.root / parent).rmdir()
        logger.info("deleted object key=%s", key)

    def discard_unfinished(self, prefix: str, *, before: datetime, abandoned: Callable[[str], bool] = never) -> int:
        """Remove half-written files of keys that start with `prefix`, last written to before a moment."""
        check_prefix(prefix)
        self._check_root()
        discarded = 0
        with translated(self.root, "discard unfinished files"), suppress(FileNotFoundError):
            for path in sorted((self.root / UNFINISHED).iterdir()):
                # Keep on doubt: a label that was cut short may belong to another key.
                label = path.name.rpartition(".")[0]
                gone = len(label) < LONGEST_LABEL and abandoned(unquote(label))
                if label.startswith(quote(prefix, safe="")) and (gone or path.stat().st_mtime < before.timestamp()):
                    path.unlink(missing_ok=True)
                    discarded += 1
        logger.info("discarded unfinished files prefix=%s count=%d", prefix, discarded)
        return discarded

    def _path(self, key: str) -> Path:
        path = self.root / check_key(key)
        with translated(self.root, f"look at {key}"):
            straight = path.parent.resolve() == path.parent
        if not straight:
            raise _symbolic_link(path.parent)
        return path

    @contextmanager
    def _unfinished(self, key: str) -> Iterator[UnfinishedFile]:
        """Begin a temporary file for `key`. Its temporary name is gone afterwards, whatever happens."""
        directory = self.root / UNFINISHED
        label = quote(check_key(key), safe="")[:LONGEST_LABEL]
        with translated(self.root, f"begin {key}"):
            with suppress(FileExistsError):
                directory.mkdir(mode=0o700)
            file = UnfinishedFile(directory / f"{label}.{uuid4().hex}")
        try:
            yield file
        finally:
            file.discard()

    def _publish(self, file: UnfinishedFile, key: str) -> None:
        final = self._path(key)
        with translated(self.root, f"create {key}"):
            file.seal()
            if not self._link(file, final):
                raise _already_stored(key)
            file.discard()
            try:
                sync_directory(final.parent)
            except OSError:
                # What a crash may still undo is not stored: the name goes again, and the caller hears of it.
                final.unlink(missing_ok=True)
                raise

    def _link(self, file: UnfinishedFile, final: Path) -> bool:
        for _ in range(LINK_ATTEMPTS):
            self._make_directories(final.parent)
            # Not found: a delete removed the directory just now, because it was empty.
            with suppress(FileNotFoundError):
                return file.link(final)
        return file.link(final)

    def _make_directories(self, wanted: Path) -> None:
        directory = self.root
        for part in wanted.relative_to(self.root).parts:
            parent, directory = directory, directory / part
            with suppress(FileExistsError):
                directory.mkdir(mode=0o700)
                sync_directory(parent)

    def _opened(self, key: str) -> StoredFile:
        path = self._path(key)
        with translated(self.root, f"open {key}"):
            try:
                # Without O_NONBLOCK a named pipe in the vault would hang the reader.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            except (FileNotFoundError, NotADirectoryError) as error:
                self._check_root()
                raise _not_stored(key) from error
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise _not_stored(key)
            return StoredFile(descriptor, self.root, key)

    def _walk(self, base: str, prefix: str) -> Iterator[ListedObject]:
        for key in self._names(base):
            if key.endswith("/"):
                if key != f"{UNFINISHED}/" and (key.startswith(prefix) or prefix.startswith(key)):
                    yield from self._walk(key, prefix)
            elif key.startswith(prefix) and (found := self._listed(key)):
                yield found

    def _names(self, base: str) -> Sequence[str]:
        with translated(self.root, f"list {base}"):
            try:
                entries = sorted(os.scandir(self.root / base), key=lambda entry: entry.name)
            except FileNotFoundError:
                self._check_root()
                return []
            for entry in entries:
                if entry.is_symlink():
                    raise _symbolic_link(Path(entry))
            # With its slash a directory sorts where its keys do: "a-b" before "a/b" before "a0".
            return sorted(base + entry.name + "/" * entry.is_dir() for entry in entries)

    def _listed(self, key: str) -> ListedObject | None:
        with translated(self.root, f"list {key}"), suppress(FileNotFoundError):
            found = (self.root / key).lstat()
            return ListedObject(key=key, size_bytes=found.st_size, modified=datetime.fromtimestamp(found.st_mtime, UTC))
        return None

    def _check_root(self) -> None:
        with translated(self.root, "be found"):
            self.root.stat()


def _already_stored(key: str) -> AlreadyStored:
    return AlreadyStored(f"object {key!r} exists", hint="Objects are created once: choose a new key, or keep what is there.")


def _not_stored(key: str) -> NotStored:
    return NotStored(f"the vault holds no object {key!r}", hint="List the vault to see what it holds.")


def _symbolic_link(path: Path) -> VaultError:
    return VaultError(
        f"{path} is reached through a symbolic link, and a vault follows none",
        hint="Mount the other disk at that place, or make it the vault's own root.",
    )
