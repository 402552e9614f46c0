"""Make a recovery point."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from continuity.adapters.leases import holding
from continuity.domain.application import Application
from continuity.domain.checks import refuse_unless_passed
from continuity.domain.lease import Purpose
from continuity.domain.media_replica import lacking
from continuity.domain.recovery_point import Manifest, MediaMap, RecoveryPointId, recovery_point_id
from continuity.domain.trend import trend
from continuity.errors import AlreadyStored, ContinuityError
from continuity.settings import Environment
from continuity.steps.attempts import tidy_vault
from continuity.steps.capture import CapturedDatabase, capture_database, capture_media
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import journals_of, points_of, vault_of
from continuity.steps.preconditions.backup import check_backup
from continuity.steps.progress import Report, silent
from continuity.steps.release_capture import CapturedRelease, capture_release, compare_release
from continuity.steps.restore_guide import RESTORE_GUIDE

NOT_INCLUDED = (
    "passwords of roles, unless `role_passwords` is set: they come from your secret store",
    "Kubernetes Secrets: they come from your secret store",
    "queues, caches and third parties",
)


@dataclass(frozen=True, kw_only=True)
class BackupReport:
    """What a backup came to. `made` is false where the point existed already; `out_of_line` warns, and is no gate."""

    manifest: Manifest
    made: bool
    seconds: float
    out_of_line: tuple[str, ...] = ()


def take_backup(
    application: Application,
    environment: Environment,
    *,
    created: datetime,
    perform: Perform,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    report: Report = silent,
) -> BackupReport:
    """Make the recovery point of a moment. The same moment makes the same point: a repeated run returns it.

    One backup of an application at a time: the application is held from the first effect to the manifest.

    Raises:
        Busy: another backup of the application is under way; the message names it.
        UnsafeOperation: preconditions do not hold; all of them are named, and nothing was changed.
        BackupFailed, ClusterError, DatabaseError, MediaError, VaultError: no point was made.

    """
    started = clock()
    point = recovery_point_id(application.name, created)
    checks = perform(CHECK, application, environment)
    warnings = refuse_unless_passed(checks, what=f"the backup of {application.name}")
    existing = perform(FIND_POINT, application, environment, point)
    if existing is not None:
        return BackupReport(manifest=existing, made=False, seconds=_since(started, clock))
    with holding(journals_of(environment), application.name, Purpose.BACKUP, run=point) as lease:
        perform(TIDY, application, environment, started)
        release = perform(CAPTURE_RELEASE, application, environment)
        database = perform(CAPTURE_DATABASE, application, environment, point, report)
        media = perform(CAPTURE_MEDIA, application, environment, point, report)
        warnings += perform(COMPARE_RELEASE, application, environment, release)
        manifest = _manifest(application, point, created, database, media, release, warnings)
        # Whoever has taken over may have removed what this manifest would name.
        lease.check()
        written = perform(WRITE_MANIFEST, environment, manifest)
    out_of_line = perform(COMPARE, environment, written)
    return BackupReport(manifest=written, made=written == manifest, seconds=_since(started, clock), out_of_line=out_of_line)


def _since(started: datetime, clock: Callable[[], datetime]) -> float:
    return (clock() - started).total_seconds()


def _manifest(
    application: Application,
    point: RecoveryPointId,
    created: datetime,
    database: CapturedDatabase,
    media: MediaMap | None,
    release: CapturedRelease,
    warnings: tuple[str, ...],
) -> Manifest:
    return Manifest(
        id=point,
        application=application.name,
        created=created.astimezone(UTC).replace(microsecond=0),
        database=database.identity,
        shape=database.shape,
        database_bytes=database.size_bytes,
        snapshot=database.snapshot,
        client=database.client,
        dump=database.dump,
        globals=database.globals,
        digests=database.digests,
        tables=database.tables,
        sequences=database.sequences,
        large_objects=database.large_objects,
        catalog=database.catalog,
        roles=database.roles,
        extensions=database.extensions,
        migration_head=database.migration_head,
        activity=database.activity,
        query_times=database.query_times,
        media=media,
        workloads=release.workloads,
        flags=release.flags,
        not_included=(*NOT_INCLUDED, *_media_left_out(media)),
        warnings=(*warnings, *_media_lacking(media), *(each.trouble for each in database.query_times if each.trouble)),
    )


def _media_left_out(media: MediaMap | None) -> tuple[str, ...]:
    if media is None or (media.replica and media.replica.complete):
        return ()
    if media.replica is None:
        return ("the bytes of media files: the point holds the map of their versions, and no replica holds the bytes",)
    return (f"the bytes of {media.replica.missing:,} media files, which the replica {media.replica.bucket} lacks",)


def _media_lacking(media: MediaMap | None) -> tuple[str, ...]:
    said = lacking(media) if media else ""
    return (f"media replica: {said}",) if said else ()


def find_point(application: Application, environment: Environment, point: RecoveryPointId) -> Manifest | None:
    """Return the point if a run of the same moment has made it. Changes nothing."""
    return points_of(environment, application.name).find_manifest(point)


def write_manifest(environment: Environment, manifest: Manifest) -> Manifest:
    """Make the point exist, and leave the guide for restoring by hand in the vault.

    Create-once: where another run made this point meanwhile, that run's manifest is returned and ours is dropped.
    """
    vault = vault_of(environment)
    # A guide that is there is left: documents are versioned, so what it says stays true of the points that it came with.
    with suppress(AlreadyStored):
        vault.create("RESTORE.md", RESTORE_GUIDE.encode())
    store = points_of(environment, manifest.application)
    try:
        store.write_manifest(manifest)
    except AlreadyStored:
        return store.read_manifest(manifest.id)
    return manifest


def compare_with_earlier(environment: Environment, manifest: Manifest) -> tuple[str, ...]:
    """Say what of a point is out of line with the points before it. Changes nothing.

    The point is stored by now, so earlier ones that cannot be read are said, and do not fail its backup.
    """
    try:
        points = points_of(environment, manifest.application).listing(catalogs=False).points
    except ContinuityError as error:
        return (f"not compared with earlier points: {error.message}",)
    return trend(manifest, (state.manifest for state in points)).out_of_line


CHECK = Operation(name="check what the backup needs", run=check_backup)
FIND_POINT = Operation(name="look for the point", run=find_point, retry=PATIENT)
TIDY = Operation(name="remove leftovers of killed backups", run=tidy_vault, retry=PATIENT)
CAPTURE_DATABASE = Operation(name="dump and digest the database", run=capture_database, retry=PATIENT)
CAPTURE_RELEASE = Operation(name="record the release", run=capture_release, retry=PATIENT)
COMPARE_RELEASE = Operation(name="compare the release", run=compare_release, retry=PATIENT)
CAPTURE_MEDIA = Operation(name="map the media versions", run=capture_media, retry=PATIENT)
COMPARE = Operation(name="compare with earlier points", run=compare_with_earlier)
WRITE_MANIFEST = Operation(name="write the manifest", run=write_manifest, retry=PATIENT)
