"""The recovery points of one application in a vault, and what people and drills have said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import zstandard

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import Distrust, DrillRecord, Manifest, PointState, RecoveryPointId
from continuity.domain.verdict import Acceptance, Finding
from continuity.errors import AlreadyStored, ContinuityError, NotStored

POINT = "continuity/recovery-point"
DRILL = "continuity/drill"
DISTRUST = "continuity/distrust"
ACCEPTANCE = "continuity/acceptance"
VERSION = 1
POINT_VERSION = 2
"""Version 2 brought workloads and flags; in version 1 both are null."""


@dataclass(frozen=True, kw_only=True)
class DrillDocument:
    """A drill with everything that it found."""

    record: DrillRecord
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A document that cannot be read; it is shown, never left out in silence."""

    key: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The points, newest first, and what could not be read."""

    points: tuple[PointState, ...]
    damaged: tuple[Damaged, ...] = ()


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
            NotStored: there is no such point.
            DamagedObject: its manifest is not what was written.

        """
        key = f"{self.folder(point)}manifest.json"
        manifest = read_document(self.vault.read(key), Manifest, form=POINT, version=POINT_VERSION, key=key)
        if manifest.id != point:
            raise NotStored(f"{key} is the manifest of {manifest.id}", hint="Somebody moved it; see docs/runbooks/backup.md.")
        return manifest

    def find_manifest(self, point: RecoveryPointId) -> Manifest | None:
        """Read one manifest, or None where there is no such point."""
        try:
            return self.read_manifest(point)
        except NotStored:
            return None

    def listing(self) -> Listing:
        """List the points, newest first, with their drills. Half-written points do not appear: they have no manifest."""
        keys = [listed.key for listed in self.vault.list(f"{self.application}/points/")]
        points: list[PointState] = []
        damaged: list[Damaged] = []
        for key in keys:
            if key.endswith("/manifest.json"):
                try:
                    points.append(self._state(RecoveryPointId(key.split("/")[-2]), keys, damaged))
                except ContinuityError as error:
                    damaged.append(Damaged(key=key, reason=error.message))
        points.sort(key=lambda state: state.manifest.created, reverse=True)
        return Listing(points=tuple(points), damaged=tuple(damaged))

    def _state(self, point: RecoveryPointId, keys: Sequence[str], damaged: list[Damaged]) -> PointState:
        manifest = self.read_manifest(point)
        folder = self.folder(point)
        drills = []
        for key in keys:
            if key.startswith(f"{folder}drills/") and key.endswith(".json"):
                try:
                    drills.append(self.read_drill(key).record)
                except ContinuityError as error:
                    damaged.append(Damaged(key=key, reason=error.message))
        distrusted = None
        if f"{folder}distrust.json" in keys:
            key = f"{folder}distrust.json"
            distrusted = read_document(self.vault.read(key), Distrust, form=DISTRUST, version=VERSION, key=key)
        return PointState(manifest=manifest, drills=tuple(drills), distrusted=distrusted)

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

    def last_findings(self) -> tuple[Finding, ...]:
        """Return the findings of the newest drill of any point, or none."""
        keys = [listed.key for listed in self.vault.list(f"{self.application}/points/") if "/drills/" in listed.key]
        drills = [key for key in keys if key.endswith(".json")]
        return self.read_drill(max(drills, key=lambda key: key.rsplit("/", 1)[1])).findings if drills else ()

    def distrust(self, distrust: Distrust) -> None:
        """Mark a point as holding bad data; marking it again keeps the first reason.

        Raises:
            NotStored: there is no such point.

        """
        self.read_manifest(distrust.point)
        key = f"{self.folder(distrust.point)}distrust.json"
        try:
            self.vault.create(key, write_document(distrust, form=DISTRUST, version=VERSION))
        except AlreadyStored:
            return

    def accept(self, acceptance: Acceptance, *, at: datetime) -> None:
        """Record that a failing health finding is tolerated until a date."""
        key = f"{self.application}/acceptances/{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.json"
        self.vault.create(key, write_document(acceptance, form=ACCEPTANCE, version=VERSION))

    def acceptances(self) -> tuple[Acceptance, ...]:
        """Read every acceptance, expired ones too: the judge looks at the dates."""
        keys = [listed.key for listed in self.vault.list(f"{self.application}/acceptances/")]
        return tuple(read_document(self.vault.read(key), Acceptance, form=ACCEPTANCE, version=VERSION, key=key) for key in keys)
