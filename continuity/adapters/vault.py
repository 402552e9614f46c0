"""Where recovery points live: a directory or an S3 bucket behind one protocol."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from continuity.errors import Overtaken


class Source(Protocol):
    """Bytes to store: `read` returns at most `size` bytes, b"" at the end, and raises when they cannot be trusted."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


@dataclass(frozen=True, kw_only=True)
class ListedObject:
    """One object as a listing shows it."""

    key: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True, kw_only=True)
class Versioned:
    """A small object with the token of exactly these bytes; the token is opaque (S3: the ETag)."""

    data: bytes
    version: str


def never(_key: str) -> bool:
    """No key is meant."""
    return False


class Vault(Protocol):
    """Objects by key, created once. Keys are relative, `/`-separated, and stay below the vault's root."""

    url: str
    """Where this vault is, without credentials."""

    def check_honest(self) -> None:
        """Prove that the store refuses to create a key twice, and to replace a key whose ETag is another.

        Writes one small object below `probe/`, always under the same key, so that it needs no right to delete.

        Raises:
            UnsafeOperation: the store ignores `If-None-Match` or `If-Match`.
            VaultError: the store cannot be reached or refuses.

        """

    def look(self) -> bool:
        """Reach the vault without writing to it, and tell whether the object of `check_honest` is there.

        Raises:
            VaultError: the vault cannot be reached or read, or is a directory that this user may not write to.

        """

    def room_bytes(self) -> int | None:
        """Free space, or None where the store knows no limit (S3)."""

    def create(self, key: str, data: bytes) -> None:
        """Store `data` under a key that must not exist; a second call with the same bytes is a success.

        Raises:
            AlreadyStored: the key holds other bytes.
            VaultError: as above.

        """

    def upload(self, key: str, source: Source, *, expected_bytes: int = 0) -> int:
        """Stream `source` into a key and return the bytes written. Memory stays flat at any size.

        Nothing appears under the key unless `source` ended without an error. `expected_bytes` sizes the parts.

        Raises:
            AlreadyStored: the key exists.
            VaultError: as above. Whatever `source` raises passes through unchanged.

        """

    def read(self, key: str) -> bytes:
        """Return a small object whole.

        Raises:
            NotStored: there is no such key.

        """

    def read_versioned(self, key: str) -> Versioned:
        """Return a small object whole, with its version.

        Raises:
            NotStored: there is no such key.

        """

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        """Put `data` in the place of exactly that version, and return the new one. Only leases are replaced.

        A second call with the same bytes is a success: the reply to the first was lost.

        Raises:
            Overtaken: the object holds other bytes than that version's by now.
            NotStored: there is no such key.

        """

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Stream an object from its start.

        Raises:
            NotStored: there is no such key.

        """

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Every object whose key starts with `prefix`, in the order of the keys, page by page."""

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is a success."""

    def discard_unfinished(self, prefix: str, *, before: datetime, abandoned: Callable[[str], bool] = never) -> int:
        """Remove uploads below `prefix` that were begun before a moment and never finished; return how many.

        Those whose key is `abandoned` go however young they are.
        """


def overtaken(key: str) -> Overtaken:
    """Return the error that says that somebody else has written a key."""
    return Overtaken(f"object {key!r} has changed since it was read", hint="See who holds the application: `continuity status`.")
