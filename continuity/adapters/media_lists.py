"""Lists of what is to be done, and of what was done, to media: compressed JSON lines in the vault, read as streams."""

import hashlib
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.media_rollback import Act, Action, Came, Change, Left, Result, Version
from continuity.errors import AlreadyStored, DamagedObject

LEVEL = 3


def store_list(
    vault: Vault, application: ApplicationName, entries: Iterable[Action | Left], *, folder: Path | None = None
) -> tuple[str, str]:
    """Store a list under its own SHA-256, and return key and hash. Memory stays flat; the same list is stored once.

    Raises:
        VaultError: the vault refused or went away. Whatever `entries` raises passes through.

    """
    with _drafted(map(_planned, entries), folder) as (draft, sha256):
        key = f"{application}/media/lists/{sha256}.jsonl.zst"
        with suppress(AlreadyStored):
            vault.upload(key, draft)
    return key, sha256


def store_conflicts(vault: Vault, key: str, results: Iterable[Result]) -> None:
    """Store what was left to somebody else. Doing it again changes nothing."""
    with _drafted(map(_done, results), None) as (draft, _), suppress(AlreadyStored):
        vault.upload(key, draft)


@contextmanager
def _drafted(entries: Iterable[Mapping[str, Any]], folder: Path | None) -> Iterator[tuple[BinaryIO, str]]:
    """Write lines into a file without a name, and yield it from its start, with the hash of the lines."""
    digest = hashlib.sha256()
    with tempfile.TemporaryFile(dir=folder) as draft:
        with zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(draft, closefd=False) as packed:
            for entry in entries:
                line = _line(entry)
                digest.update(line)
                packed.write(line)
        draft.seek(0)
        yield draft, digest.hexdigest()


def verify_list(vault: Vault, key: str, sha256: str) -> None:
    """Read a list once and compare its hash, before anything is done that it says.

    Raises:
        NotStored: it is gone.
        DamagedObject: it is not the one that was planned.

    """
    digest = hashlib.sha256()
    for line in _lines(vault, key):
        digest.update(line)
    if digest.hexdigest() != sha256:
        raise DamagedObject(f"{key} has sha256 {digest.hexdigest()}, the plan says {sha256}", hint="Make a new plan.")


def read_list(vault: Vault, key: str) -> Iterator[Action | Left]:
    """Stream a list that was verified."""
    for line in _lines(vault, key):
        entry = json.loads(line)
        yield Left(key=entry["key"], because=entry["left"]) if "left" in entry else _action(entry)


def write_results(results: Iterable[Result]) -> bytes:
    """Write one part of what was done."""
    lines = b"".join(_line(_done(each)) for each in results)
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(lines)


def read_results(vault: Vault, key: str) -> Iterator[Result]:
    """Stream one part of what was done.

    Raises:
        DamagedObject: it is not what was written.

    """
    for line in _lines(vault, key):
        entry = json.loads(line)
        after = _version(entry["after"]) if entry["after"] else None
        yield Result(action=_action(entry), came=Came(entry["came"]), after=after, because=entry["because"])


def _lines(vault: Vault, key: str) -> Iterator[bytes]:
    with vault.open(key) as stream:
        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        try:
            yield from io.BufferedReader(reader, 1 << 20)
        except zstandard.ZstdError as error:
            raise DamagedObject(f"{key} cannot be unpacked: {error}", hint="Make a new plan.") from error


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _planned(entry: Action | Left) -> dict[str, Any]:
    if isinstance(entry, Left):
        return {"key": entry.key, "left": entry.because}
    wanted = _plain(entry.wanted) if entry.wanted else None
    return {
        "key": entry.key,
        "act": entry.act.value,
        "change": entry.change.value,
        "current": _plain(entry.current),
        "wanted": wanted,
    }


def _done(result: Result) -> dict[str, Any]:
    after = _plain(result.after) if result.after else None
    return {**_planned(result.action), "came": result.came.value, "after": after, "because": result.because}


def _plain(version: Version) -> dict[str, Any]:
    plain = {"id": version.id, "modified": version.modified.isoformat()}
    if version.marker:
        return plain | {"marker": True}
    return plain | {"bytes": version.size_bytes, "etag": version.etag} | ({"storage": version.storage} if version.storage else {})


def _action(entry: Mapping[str, Any]) -> Action:
    wanted = _version(entry["wanted"]) if entry["wanted"] else None
    return Action(
        key=entry["key"], act=Act(entry["act"]), change=Change(entry["change"]), current=_version(entry["current"]), wanted=wanted
    )


def _version(plain: Mapping[str, Any]) -> Version:
    return Version(
        id=plain["id"],
        modified=datetime.fromisoformat(plain["modified"]),
        marker=plain.get("marker", False),
        size_bytes=plain.get("bytes", 0),
        etag=plain.get("etag", ""),
        storage=plain.get("storage", ""),
    )
