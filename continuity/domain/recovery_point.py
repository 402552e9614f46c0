"""A recovery point: everything needed to stand the application up as it was at one moment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NewType

from continuity.domain.activity import TableActivity
from continuity.domain.application import ApplicationName
from continuity.domain.catalog import OWNER, CatalogEntry, Kind
from continuity.domain.fingerprint import Fingerprint, SequencePosition
from continuity.domain.query_times import QueryTime
from continuity.domain.verdict import Judgement, Trouble
from continuity.domain.workloads import CapturedWorkloads, FlagsState
from continuity.errors import ConfigurationRefused

RecoveryPointId = NewType("RecoveryPointId", str)  # "blottr-20261123T020000Z"
Sha256 = NewType("Sha256", str)  # 64 lower-case hexadecimal digits

_ID = re.compile(r"(?P<application>[a-z][a-z0-9-]*)-(?P<moment>\d{8}T\d{6}Z)")


def recovery_point_id(application: ApplicationName, created: datetime) -> RecoveryPointId:
    """Name a point by its application and moment, so that a retry or a duplicate run makes the same point."""
    return RecoveryPointId(f"{application}-{created.astimezone(UTC):%Y%m%dT%H%M%SZ}")


def application_of(point: str) -> ApplicationName:
    """Return the application that a point's id names.

    Raises:
        ConfigurationRefused: the text is no such id.

    """
    match = _ID.fullmatch(point)
    if match is None:
        raise ConfigurationRefused(
            f"{point!r} is not the id of a recovery point", hint="Ids look like blottr-20261123T020000Z; see `points`."
        )
    return ApplicationName(match["application"])


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object of the vault: what is stored, and what it holds once decrypted and decompressed."""

    key: str
    size_bytes: int
    sha256: Sha256
    content_bytes: int
    content_sha256: Sha256
    encodings: tuple[str, ...] = ()
    """In the order in which they were applied: "zstd", then "age"."""


@dataclass(frozen=True, kw_only=True)
class DatabaseIdentity:
    """Which database on which server this is, whatever its host name says."""

    name: str
    oid: int
    system_identifier: str
    server_version: str
    major: int


@dataclass(frozen=True, kw_only=True)
class DatabaseShape:
    """How an empty database is made that can take the dump."""

    encoding: str
    collate: str
    ctype: str
    provider: str
    icu_locale: str = ""


@dataclass(frozen=True, kw_only=True)
class DigestMethod:
    """How the digests were made; they compare only with digests made in the same way."""

    name: str
    major: int
    settings: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ReplicaCopy:
    """How much of a map's bytes the replica held when the point was made, by its own listing and by verified copies."""

    bucket: str
    missing: int
    missing_bytes: int
    copied: int
    copied_bytes: int
    because: str = ""
    """Why the first of the missing ones is not there."""

    @property
    def complete(self) -> bool:
        """Whether every version of the map can be brought back."""
        return self.missing == 0


@dataclass(frozen=True, kw_only=True)
class MediaMap:
    """The versions that were current in the media bucket, one JSON line each in `versions`."""

    bucket: str
    prefix: str
    objects: int
    total_bytes: int
    versioned: bool
    versions: StoredObject
    replica: ReplicaCopy | None = None
    """None where no replica was named (and in versions 1 and 2)."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The one moment that dump, digests and catalog share."""

    taken: datetime
    held_seconds: int
    wal_position: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The contents of a recovery point. The point exists from the instant its manifest is written."""

    id: RecoveryPointId
    application: ApplicationName
    created: datetime
    database: DatabaseIdentity
    shape: DatabaseShape
    database_bytes: int
    snapshot: Snapshot
    client: str
    dump: StoredObject
    globals: StoredObject
    digests: DigestMethod
    tables: tuple[Fingerprint, ...]
    sequences: tuple[SequencePosition, ...]
    large_objects: Fingerprint
    catalog: tuple[CatalogEntry, ...]
    roles: tuple[str, ...]
    extensions: Mapping[str, str]
    migration_head: str = ""
    activity: tuple[TableActivity, ...] = ()
    media: MediaMap | None = None
    workloads: CapturedWorkloads | None = None
    flags: FlagsState | None = None
    query_times: tuple[QueryTime, ...] = ()
    not_included: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def owner(self) -> str:
        """The role that owns the database."""
        return next(entry.properties[OWNER] for entry in self.catalog if entry.kind is Kind.DATABASE)

    @property
    def stored(self) -> tuple[StoredObject, ...]:
        """Every object that belongs to the point."""
        return (self.dump, self.globals) + ((self.media.versions,) if self.media else ())

    @property
    def stored_bytes(self) -> int:
        """What the point takes in the vault, its manifest apart."""
        return sum(stored.size_bytes for stored in self.stored)


@dataclass(frozen=True, kw_only=True)
class KeptDatabase:
    """A proven restore that a drill has kept on the protected server, closed, so that nothing in it can have changed."""

    name: str
    oid: int
    system_identifier: str
    sessions: int
    """Sessions that the database has ever had (pg_stat_database): one more since means that somebody was in it."""
    activity: tuple[TableActivity, ...] = ()
    """Its counters of writes, from which is counted what is written once it is live."""


@dataclass(frozen=True, kw_only=True)
class DrillRecord:
    """What one drill found, as it is kept beside the manifest."""

    point: RecoveryPointId
    finished: datetime
    judgement: Judgement
    trouble: Trouble
    because: str
    seconds: int
    checks: int
    dump_sha256: Sha256
    """The bytes that were judged: a verdict speaks for exactly these."""
    kept: KeptDatabase | None = None
    restore_seconds: float | None = None
    """From fetching the first byte to a restored database; None in records from before this was measured."""
    judge_seconds: float | None = None
    """From there to the verdict."""

    @property
    def proven(self) -> bool:
        """Whether the restore was found faithful."""
        return self.judgement in {Judgement.SOUND, Judgement.UNHEALTHY}


@dataclass(frozen=True, kw_only=True)
class Distrust:
    """A person's word that a point holds bad data."""

    point: RecoveryPointId
    because: str
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A person's word that a point must not expire."""

    point: RecoveryPointId
    because: str
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Expired:
    """A point's tombstone: from the instant that it is written the point is gone. It stays, and tells what happened.

    `keys` are the objects that the manifest named: the manifest goes first, and whoever finishes a deletion needs them.
    """

    point: RecoveryPointId
    created: datetime
    because: str
    by: str
    at: datetime
    keys: tuple[str, ...]
    stored_bytes: int

    def __str__(self) -> str:
        return f"{self.point} expired on {self.at:%Y-%m-%d %H:%M} UTC, by {self.by}: {self.because}"


@dataclass(frozen=True, kw_only=True)
class PointState:
    """A point with all that is known of it."""

    manifest: Manifest
    drills: tuple[DrillRecord, ...] = ()
    distrusted: Distrust | None = None
    pinned: Pin | None = None

    @property
    def last_drill(self) -> DrillRecord | None:
        """The newest drill that decided something of these bytes; a machine that failed says nothing of the point."""
        decided = [
            drill
            for drill in self.drills
            if drill.dump_sha256 == self.manifest.dump.sha256 and drill.trouble is not Trouble.MACHINE
        ]
        return max(decided, key=lambda drill: drill.finished, default=None)

    @property
    def proven(self) -> bool:
        """Whether the newest drill of exactly these bytes found them faithful."""
        return self.last_drill is not None and self.last_drill.judgement in {Judgement.SOUND, Judgement.UNHEALTHY}

    @property
    def usable(self) -> bool:
        """Whether it is proven and nobody distrusts it: what `latest` chooses from, and what retention counts."""
        return self.proven and self.distrusted is None

    @property
    def verdict(self) -> str:
        """The verdict in a word, as a listing shows it."""
        if self.distrusted:
            return "distrusted"
        return self.last_drill.judgement.value if self.last_drill else Judgement.NOT_PROVEN.value
