"""Bytes on their way to the vault and back: zstd, then age, with SHA-256 on both sides, in flat memory."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Protocol

import pyrage
import zstandard

from continuity.adapters.vault import Source, Vault
from continuity.domain.recovery_point import Sha256, StoredObject
from continuity.errors import ConfigurationRefused, DamagedObject

CHUNK_BYTES = 1 << 20


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Metered:
    """A source that counts and hashes what passes, and remembers why it broke."""

    def __init__(self, source: Source, report: Callable[[int], None] | None = None) -> None:
        self._source = source
        self._report = report
        self._hash: _Hash = hashlib.sha256()
        self.size_bytes = 0
        self.failure: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, counted and hashed."""
        try:
            data = self._source.read(size)
        except BaseException as error:
            self.failure = error
            raise
        self._hash.update(data)
        self.size_bytes += len(data)
        if self._report and data:
            self._report(self.size_bytes)
        return data

    @property
    def sha256(self) -> Sha256:
        """The hash of what has passed so far."""
        return Sha256(self._hash.hexdigest())


class _Piped:
    """The output of a function that writes to a file object, as a source: the function runs in a thread of its own."""

    def __init__(self, write: Callable[[BinaryIO], None]) -> None:
        receiving, sending = os.pipe()
        self._output = os.fdopen(receiving, "rb", buffering=CHUNK_BYTES)
        self._failure: BaseException | None = None

        def run() -> None:
            try:
                with os.fdopen(sending, "wb", buffering=CHUNK_BYTES) as target:
                    write(target)
            except BaseException as error:  # noqa: BLE001 -- raised again by the reader, below
                self._failure = error

        self._thread = Thread(target=run, name="age", daemon=True)
        self._thread.start()

    def read(self, size: int, /) -> bytes:
        data = self._output.read(size)
        if not data:
            self._thread.join()
            if self._failure is not None:
                raise self._failure
        return data

    def abandon(self) -> None:
        """Let the writer go without waiting: it ends with a broken pipe, or with its own source."""
        self._output.close()

    def close(self) -> None:
        """Let the writer go, and wait for it: it sees a broken pipe when it is still at work."""
        self.abandon()
        self._thread.join()


def parse_recipients(recipients: Sequence[str]) -> tuple[pyrage.x25519.Recipient, ...]:
    """Read age public keys.

    Raises:
        ConfigurationRefused: one of them is not an age public key.

    """
    try:
        return tuple(pyrage.x25519.Recipient.from_str(text) for text in recipients)
    except pyrage.RecipientError as error:
        raise ConfigurationRefused(
            f"`[vault] recipients` holds what is no age public key: {error}", hint="They start with age1."
        ) from error


def load_identities(path: Path | None) -> tuple[pyrage.x25519.Identity, ...]:
    """Read age private keys from a file as age-keygen writes it; no file, no keys.

    Raises:
        ConfigurationRefused: the file cannot be read or holds no key. The message never quotes it.

    """
    if path is None:
        return ()
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        keys = tuple(pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-"))
    except (OSError, UnicodeDecodeError, pyrage.IdentityError):
        keys = ()
    if not keys:
        raise ConfigurationRefused(
            f"{path} holds no age private key that can be read", hint="Name the file that age-keygen wrote in `identity_file`."
        )
    return keys


def new_identity() -> tuple[str, str]:
    """Make an age key pair: the private key, then the public one."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def seal_into(
    vault: Vault,
    key: str,
    source: Source,
    *,
    recipients: Sequence[pyrage.x25519.Recipient] = (),
    level: int = 1,
    expected_bytes: int = 0,
    report: Callable[[int], None] | None = None,
) -> StoredObject:
    """Compress, encrypt (with recipients), hash and upload a source in one pass; `report` gets the content bytes so far.

    The suffixes `.zst` and `.age` are added to the key. Nothing appears in the vault when the source raises, and
    what it raised passes through.
    """
    content = Metered(source, report)
    compressor = zstandard.ZstdCompressor(level=level, threads=2 if expected_bytes > CHUNK_BYTES else 0, write_checksum=True)
    compressed = compressor.stream_reader(content, read_size=CHUNK_BYTES)  # type: ignore[arg-type]  # asks only for read()
    piped = _Piped(lambda target: pyrage.encrypt_io(compressed, target, list(recipients))) if recipients else None
    stored = Metered(piped or compressed)
    key = f"{key}.zst.age" if recipients else f"{key}.zst"
    try:
        size_bytes = vault.upload(key, stored, expected_bytes=expected_bytes)
    except BaseException as error:
        if piped is not None:
            # Its thread may wait for a program that says nothing (a dump behind a lock), and that is ended by our caller.
            piped.abandon()
        if isinstance(error, Exception) and content.failure is not None:
            raise content.failure from None
        raise
    if piped is not None:
        piped.close()
    return StoredObject(
        key=key,
        size_bytes=size_bytes,
        sha256=stored.sha256,
        content_bytes=content.size_bytes,
        content_sha256=content.sha256,
        encodings=("zstd", "age") if recipients else ("zstd",),
    )


def unseal_to(
    vault: Vault,
    stored: StoredObject,
    target: BinaryIO,
    *,
    identities: Sequence[pyrage.x25519.Identity] = (),
    report: Callable[[int], None] | None = None,
) -> None:
    """Fetch, verify, decrypt and decompress an object into `target`; `report` gets the stored bytes so far.

    The target must not be used before this returns: hashes are known only at the end.

    Raises:
        NotStored: the object is gone.
        DamagedObject: its bytes are not those that were written.
        ConfigurationRefused: it is encrypted and no identity fits.

    """
    if "age" in stored.encodings and not identities:
        raise ConfigurationRefused(
            f"{stored.key} is encrypted and no private key is configured", hint="Set `[vault] identity_file`."
        )
    with vault.open(stored.key) as stream:
        fetched = Metered(stream, report)
        failure, content = _decode(fetched, stored, target, identities)
        while fetched.failure is None and fetched.read(CHUNK_BYTES):
            pass  # The rest is hashed too, so that damage is told from a wrong key.
    if fetched.failure is not None:
        raise fetched.failure
    if (fetched.sha256, fetched.size_bytes) != (stored.sha256, stored.size_bytes):
        raise DamagedObject(
            f"stored object {stored.key} has sha256 {fetched.sha256} and {fetched.size_bytes} bytes,"
            f" the manifest says {stored.sha256} and {stored.size_bytes}",
            hint="Use another recovery point (`continuity points`); see docs/runbooks/backup.md, Stored bytes are bad.",
        )
    if isinstance(failure, pyrage.DecryptError):
        raise ConfigurationRefused(
            f"no private key at hand opens {stored.key}", hint="Name the identity of one of its recipients in `identity_file`."
        ) from failure
    if failure is not None:
        raise failure
    if content != stored.content_sha256:
        raise DamagedObject(
            f"the content of {stored.key} has sha256 {content}, the manifest says {stored.content_sha256}",
            hint="Use another recovery point (`continuity points`).",
        )


def _decode(
    fetched: Metered, stored: StoredObject, target: BinaryIO, identities: Sequence[pyrage.x25519.Identity]
) -> tuple[Exception | None, str]:
    piped = _Piped(lambda sink: pyrage.decrypt_io(fetched, sink, list(identities))) if "age" in stored.encodings else None
    content = hashlib.sha256()
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(piped or fetched, read_across_frames=True)  # type: ignore[arg-type]
        while data := reader.read(CHUNK_BYTES):
            content.update(data)
            target.write(data)
    except (zstandard.ZstdError, pyrage.DecryptError, OSError) as error:
        if isinstance(error, OSError) and fetched.failure is None and error.errno is not None:
            raise  # The target could not be written: that is the drill's machine, not the bytes.
        return error, ""
    finally:
        if piped is not None:
            piped.close()
    return None, content.hexdigest()
