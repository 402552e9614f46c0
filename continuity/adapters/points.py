"""The recovery points of one application in a vault, and what people and drills have said of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import TypeVar

import zstandard

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import Distrust, DrillRecord, Expired, Manifest, Pin, PointState, RecoveryPointId
from continuity.domain.releases import BadImage
from continuity.domain.verdict import Acceptance, Finding
from continuity.errors import AlreadyStored, ContinuityError, NotStored, UnsafeOperation

T = TypeVar("T")

POINT = "continuity/recovery-point"
DRILL = "continuity/drill"
DISTRUST = "continuity/distrust"
ACCEPTANCE = "continuity/acceptance"
PIN = "continuity/pin"
BAD_IMAGE = "continuity/bad-image"
EXPIRED = "continuity/expired"
VERSION = 1
POINT_VERSION = 3
"""Version 2 brought workloads and flags; in version 1 both are null. Version 3 says of media what the replica holds."""

WITNESS = "distrusted"
"""Name of a second object beside a distrust mark: where one of the two is lost, the other still speaks."""

READERS = 16
"""Documents read at the same time: over a network each costs a round trip."""


@dataclass(frozen=True, kw_only=True)
class DrillDocument:
    """A drill with everything that it found."""

    record: DrillRecord
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class _RecordOfDrill:
    """A drill without its findings, of which a listing has no need: hundreds of them take longer than all the rest."""

    record: DrillRecord


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A document that cannot be read; it is shown, never left out in silence."""

    key: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The points, newest first, what could not be read, and the expired points of which something may be left."""

    points: tuple[PointState, ...]
    damaged: tuple[Damaged, ...] = ()
    leftovers: tuple[RecoveryPointId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What people have accepted, and the acceptances that nobody can read: those are not in force."""

    acceptances: tuple[Acceptance, ...]
    damaged: tuple[Damaged, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said of those that cannot be read."""
        return tuple(f"an acceptance cannot be read, so what it accepted counts again: {each.reason}" for each in self.damaged)


class PointStore:
    """Reads and writes the documents of one application's points."""

    def __init__(self, vault: Vault, application: ApplicationName) -> None:
        self.vault = vault
        self.application = application

    def folder(self, point: RecoveryPointId) -> str:
        """Return the prefix of everything that belongs to a point."""
        return f"{self.application}/points/{point}/"

    def write_manifest(self, manifest: Manifest) -> None:
        """Make the recovery point exist. Create-once: a second run of the same id finds the first one's point.

        Raises:
            AlreadyStored: another run made this point.

        """
        data = write_document(manifest, form=POINT, version=POINT_VERSION)
        self.vault.create(f"{self.folder(manifest.id)}manifest.json", data)

    def read_manifest(self, point: RecoveryPointId) -> Manifest:
        """Read one manifest.

        Raises:
            NotStored: there is no such point, or it has expired.
            DamagedObject: its manifest is not what was written.

        """
        if expired := self.read_expired(point):
            raise NotStored(str(expired), hint="See `continuity points` for those that there are.")
        return self._read_manifest(point)

    def _read_manifest(self, point: RecoveryPointId, leave_out: Collection[str] = ()) -> Manifest:
        key = f"{self.folder(point)}manifest.json"
        data = self.vault.read(key)
        manifest = read_document(data, Manifest, form=POINT, version=POINT_VERSION, key=key, leave_out=leave_out)
        if manifest.id != point:
            raise NotStored(f"{key} is the manifest of {manifest.id}", hint="Somebody moved it; see docs/runbooks/backup.md.")
        return manifest

    def find_manifest(self, point: RecoveryPointId) -> Manifest | None:
        """Read one manifest, or None where there is no such point.

        Raises:
            UnsafeOperation: it has expired: a point made under its tombstone would never show.

        """
        if expired := self.read_expired(point):
            raise UnsafeOperation(str(expired), hint="Make a point of another moment.")
        try:
            return self._read_manifest(point)
        except NotStored:
            return None

    def read_expired(self, point: RecoveryPointId) -> Expired | None:
        """Read a point's tombstone, or None where it has not expired."""
        key = self.tombstone(point)
        try:
            return read_document(self.vault.read(key), Expired, form=EXPIRED, version=VERSION, key=key)
        except NotStored:
            return None

    def tombstone(self, point: RecoveryPointId) -> str:
        """Return the key from whose writing on a point is gone."""
        return f"{self.folder(point)}expired.json"

    def listing(self, *, catalogs: bool = True) -> Listing:
        """List the points, newest first, with their drills. Half-written and expired points do not appear.

        A folder in which people or drills have left a word, but that has no manifest, is shown as damaged. Without
        `catalogs` every document is verified all the same, and the manifests' catalogs are left empty: building their
        thousands of values takes longer than the rest of a command that only shows.
        """
        leave_out = () if catalogs else ("catalog",)
        folders: defaultdict[RecoveryPointId, set[str]] = defaultdict(set)
        for listed in self.vault.list(f"{self.application}/points/"):
            point, _, name = listed.key.removeprefix(f"{self.application}/points/").partition("/")
            folders[RecoveryPointId(point)].add(name)
        leftovers = tuple(point for point, names in folders.items() if "expired.json" in names and len(names) > 1)
        standing = {point: names for point, names in folders.items() if "expired.json" not in names}
        with ThreadPoolExecutor(max_workers=READERS) as pool:
            read = list(pool.map(self._state, standing, standing.values(), repeat(leave_out)))
        points = sorted((state for state, _ in read if state), key=lambda state: state.manifest.created, reverse=True)
        damaged = tuple(each for _, found in read for each in found)
        return Listing(points=tuple(points), damaged=damaged, leftovers=leftovers)

    def _state(
        self, point: RecoveryPointId, names: Iterable[str], leave_out: Collection[str]
    ) -> tuple[PointState | None, list[Damaged]]:
        """Read what stands in a point's folder. What is gone because the point expired since it was listed is no damage."""
        state, damaged = self._read_folder(point, names, leave_out)
        if damaged and self.read_expired(point):
            return None, []
        return state, damaged

    def _read_folder(
        self, point: RecoveryPointId, names: Iterable[str], leave_out: Collection[str]
    ) -> tuple[PointState | None, list[Damaged]]:
        """Read a point. What cannot be read is named, and leaves the point without a pin or a drill."""
        folder = self.folder(point)
        documents = {name for name in names if name.endswith(".json")} | ({"distrust.json"} if WITNESS in names else set())
        damaged: list[Damaged] = []

        def read(name: str, kind: type[T], form: str) -> T | None:
            if name not in documents:
                return None
            key = folder + name
            try:
                return read_document(self.vault.read(key), kind, form=form, version=VERSION, key=key)
            except ContinuityError as error:
                damaged.append(_damage(key, error))
                return None

        if not documents:
            return None, []
        try:
            manifest = self._read_manifest(point, leave_out)
        except ContinuityError as error:
            return None, [_damage(f"{folder}manifest.json", error)]
        distrusted = read("distrust.json", Distrust, DISTRUST)
        if distrusted is None and "distrust.json" in documents:
            # Somebody has spoken against the point, and nobody can read what: it must not be chosen as if nobody had.
            return None, damaged
        drills = [read(name, _RecordOfDrill, DRILL) for name in sorted(documents) if name.startswith("drills/")]
        state = PointState(
            manifest=manifest,
            drills=tuple(drill.record for drill in drills if drill),
            distrusted=distrusted,
            pinned=read("pin.json", Pin, PIN),
        )
        return state, damaged

    def read_drill(self, key: str) -> DrillDocument:
        """Read what one drill found."""
        return read_document(self.vault.read(key), DrillDocument, form=DRILL, version=VERSION, key=key)

    def record_drill(self, record: DrillRecord, findings: tuple[Finding, ...], result: str) -> str:
        """Write a drill's verdict beside the manifest and return its key. A second call with the same drill changes nothing.

        `result` is Great Expectations' own result as JSON; it is kept beside the verdict, compressed.
        """
        stem = f"{self.folder(record.point)}drills/{record.finished.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
        if result:
            self.vault.create(f"{stem}.great-expectations.zst", zstandard.compress(result.encode()))
        key = f"{stem}.json"
        document = DrillDocument(record=record, findings=findings)
        self.vault.create(key, write_document(document, form=DRILL, version=VERSION))
        return key

    def newest_drill(self) -> DrillDocument | None:
        """Read the newest drill of any point with its findings, or None where there is none."""
        keys = [listed.key for listed in self.vault.list(f"{self.application}/points/") if "/drills/" in listed.key]
        drills = [key for key in keys if key.endswith(".json")]
        return self.read_drill(max(drills, key=lambda key: key.rsplit("/", 1)[1])) if drills else None

    def last_findings(self) -> tuple[Finding, ...]:
        """Return the findings of the newest drill of any point, or none."""
        newest = self.newest_drill()
        return newest.findings if newest else ()

    def distrust(self, distrust: Distrust) -> None:
        """Mark a point as holding bad data; marking it again keeps the first reason.

        Raises:
            NotStored: there is no such point.

        """
        self.read_manifest(distrust.point)
        key = f"{self.folder(distrust.point)}distrust.json"
        with suppress(AlreadyStored):
            self.vault.create(key, write_document(distrust, form=DISTRUST, version=VERSION))
        self.vault.create(f"{self.folder(distrust.point)}{WITNESS}", b"see distrust.json\n")

    def pin(self, pin: Pin) -> None:
        """Keep a point from expiring; pinning it again keeps the first reason.

        Raises:
            NotStored: there is no such point, or it expired meanwhile.

        """
        self.read_manifest(pin.point)
        with suppress(AlreadyStored):
            self.vault.create(self.pin_key(pin.point), write_document(pin, form=PIN, version=VERSION))
        # Whoever expires a point writes the tombstone and then looks for a pin: one of the two sees the other.
        if expired := self.read_expired(pin.point):
            self.unpin(pin.point)
            raise NotStored(str(expired))

    def unpin(self, point: RecoveryPointId) -> None:
        """Let a point expire by rule again. One that is not pinned is a success."""
        self.vault.delete(self.pin_key(point))

    def pin_key(self, point: RecoveryPointId) -> str:
        """Return the key of a point's pin."""
        return f"{self.folder(point)}pin.json"

    def pinned(self, point: RecoveryPointId) -> bool:
        """Whether a point is pinned now; a pin that cannot be read is one, too."""
        return any(listed.key == self.pin_key(point) for listed in self.vault.list(self.pin_key(point)))

    def mark_image(self, mark: BadImage) -> None:
        """Mark an image as one that must not run again; marking it again keeps the first reason."""
        key = f"{self.application}/bad-images/{mark.digest.removeprefix('sha256:')}.json"
        with suppress(AlreadyStored):
            self.vault.create(key, write_document(mark, form=BAD_IMAGE, version=VERSION))

    def bad_images(self) -> tuple[BadImage, ...]:
        """Read every image that a person has marked as bad."""
        keys = [listed.key for listed in self.vault.list(f"{self.application}/bad-images/")]
        return tuple(read_document(self.vault.read(key), BadImage, form=BAD_IMAGE, version=VERSION, key=key) for key in keys)

    def accept(self, acceptance: Acceptance, *, at: datetime) -> None:
        """Record that a failing health finding is tolerated until a date."""
        key = f"{self.application}/acceptances/{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.json"
        self.vault.create(key, write_document(acceptance, form=ACCEPTANCE, version=VERSION))

    def acceptances(self) -> Accepted:
        """Read every acceptance, expired ones too: the judge looks at the dates. One that cannot be read accepts nothing."""
        read: list[Acceptance] = []
        damaged: list[Damaged] = []
        for listed in self.vault.list(f"{self.application}/acceptances/"):
            key = listed.key
            try:
                read.append(read_document(self.vault.read(key), Acceptance, form=ACCEPTANCE, version=VERSION, key=key))
            except ContinuityError as error:
                damaged.append(_damage(key, error))
        return Accepted(acceptances=tuple(read), damaged=tuple(damaged))


def _damage(key: str, error: ContinuityError) -> Damaged:
    """Return what a listing shows of a document that cannot be read; a vault that is busy says nothing of its documents."""
    if error.transient:
        raise error
    return Damaged(key=key, reason=error.message)
