"""What a map names, in a database on disk: a map of millions of files is compared with a bucket in flat memory."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from continuity.adapters.vault import Source
from continuity.domain.media_replica import MediaObject, is_content_digest

PAGE_ROWS = 500


_WANTED = """
create table wanted
(name text primary key, place text, key text, version text, etag text, bytes integer, there integer, held integer)
without rowid"""
_COLUMNS = "name, key, version, wanted.etag, bytes, coalesce(known.etag, wanted.etag) from wanted left join known using (place)"


class Kept:
    """A source whose bytes are kept in a file while they pass."""

    def __init__(self, source: Source, target: BinaryIO) -> None:
        self._source = source
        self._target = target

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, and keep them."""
        data = self._source.read(size)
        self._target.write(data)
        return data


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An object that has to be under a name; `expected` is the ETag that its verified copy in the replica has."""

    name: str
    media: MediaObject
    expected: str


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An object as a bucket lists it."""

    name: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Left:
    """How much is left to do, or to find."""

    objects: int
    size_bytes: int


class Worklist:
    """The lines of a map by the name that each has in a bucket, and which of them are there. A context manager."""

    def __init__(
        self, folder: Path, place_of: Callable[[MediaObject], str], name_of: Callable[[MediaObject], str] | None = None
    ) -> None:
        """`place_of` is an object's key in the replica, `name_of` that in the bucket compared: by default the same."""
        file = folder / "worklist.sqlite"
        file.unlink(missing_ok=True)
        self._database = sqlite3.connect(file, isolation_level=None)
        self._place_of = place_of
        self._name_of = name_of or place_of
        # It is made anew by every run: what a crash does to it is nobody's loss.
        for statement in (
            "pragma journal_mode = off",
            "pragma synchronous = off",
            "pragma cache_size = -8000",
            _WANTED,
            "create index wanted_place on wanted (place)",
            "create table known (place text primary key, etag text) without rowid",
        ):
            self._database.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    def fill(self, lines: Iterable[bytes]) -> None:
        """Take the lines of a map."""
        rows = (
            (self._name_of(each), self._place_of(each), each.key, each.version, each.etag, each.size_bytes)
            for each in map(MediaObject.of, lines)
        )
        self._database.execute("begin")
        self._database.executemany("insert or ignore into wanted values (?, ?, ?, ?, ?, ?, 0, 0)", rows)
        self._database.execute("commit")

    def know(self, etags: Iterable[tuple[str, str]]) -> None:
        """Take the ETags of verified copies in the replica where they are not their source's, by place."""
        self._database.execute("begin")
        self._database.executemany("insert or replace into known values (?, ?)", etags)
        self._database.execute("commit")

    def find(self, page: Sequence[Listed]) -> tuple[list[Listed], list[tuple[Listed, Wanted]]]:
        """Mark what of a listing's page is as wanted; return what is not wanted at all, and what is there otherwise."""
        if not page:
            return [], []
        # Not by range of names: the store's order of keys need not be ours.
        marks = ",".join("?" * len(page))
        rows = self._database.execute(f"select {_COLUMNS} where name in ({marks})", [each.name for each in page])
        wanted = {row[0]: row for row in rows}
        strangers, others, there = [], [], []
        for listed in page:
            row = wanted.get(listed.name)
            if row is None:
                strangers.append(listed)
            elif listed.size_bytes == row[4] and listed.etag in {row[3], row[5]}:
                there.append(listed.name)
            else:
                others.append((listed, _wanted(row)))
        self.mark(there)
        return strangers, others

    def hold(self, page: Iterable[Listed]) -> None:
        """Mark what of the replica's listing has the wanted bytes, so that it can be copied from there."""
        self._database.executemany(
            "update wanted set held = 1 where place = ?1 and bytes = ?2"
            " and (etag = ?3 or exists (select 1 from known where known.place = ?1 and known.etag = ?3))",
            ((each.name, each.size_bytes, each.etag) for each in page),
        )

    def mark(self, names: Iterable[str]) -> None:
        """Mark what is there."""
        self._database.executemany("update wanted set there = 1 where name = ?", ((name,) for name in names))

    def forget(self) -> None:
        """Mark nothing as there any more."""
        self._database.execute("update wanted set there = 0")

    def left(self, *, held: bool = False) -> Left:
        """Count what is not there, or of that what is held by the replica."""
        found = self._database.execute(
            "select count(*), coalesce(sum(bytes), 0) from wanted where there = 0 and held >= ?", (held,)
        ).fetchone()
        return Left(objects=found[0], size_bytes=found[1])

    def to_do(self, *, held: bool = False) -> Iterator[Wanted]:
        """Return what is not there, or of that what the replica holds, in the order of the names; marking meanwhile is safe."""
        last = ""
        while True:
            with closing(
                self._database.execute(
                    f"select {_COLUMNS} where there = 0 and held >= ? and name > ? order by name limit ?", (held, last, PAGE_ROWS)
                )
            ) as cursor:
                page = cursor.fetchall()
            if not page:
                return
            last = page[-1][0]
            yield from map(_wanted, page)


def _wanted(row: Sequence[object]) -> Wanted:
    name, key, version, etag, size_bytes, expected = row
    media = MediaObject(key=str(key), version=str(version), etag=str(etag), size_bytes=int(str(size_bytes)))
    return Wanted(name=str(name), media=media, expected=str(expected))


def etag_line(place: str, etag: str) -> bytes:
    """Write down the ETag of a verified copy."""
    return json.dumps({"place": place, "etag": etag}, separators=(",", ":")).encode() + b"\n"


def read_etag_lines(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Read ETags back."""
    for line in lines:
        found: Mapping[str, str] = json.loads(line)
        yield found["place"], found["etag"]


def may_be_the_same(listed: Listed, wanted: Wanted) -> bool:
    """Whether an object of another ETag may all the same have the wanted bytes: ETags need not tell the content."""
    both_tell = is_content_digest(listed.etag) and is_content_digest(wanted.media.etag)
    return listed.size_bytes == wanted.media.size_bytes and not both_tell
