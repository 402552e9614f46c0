"""Keeps the replica of the media bucket up: copies what a new map names and the replica does not have."""

import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from continuity.adapters.media_copies import Copied, copy_left
from continuity.adapters.media_replica import find_in_replica, keep_etags, refuse_same_bucket
from continuity.adapters.media_store import Item, MediaStore
from continuity.adapters.media_worklist import Wanted, Worklist
from continuity.adapters.processes import left_behind, mark
from continuity.adapters.sealing import load_identities, unseal_to
from continuity.domain.application import Application
from continuity.domain.media_replica import MediaObject, ReplicaLook, replica_key
from continuity.domain.recovery_point import Manifest, MediaMap, RecoveryPointId, ReplicaCopy
from continuity.errors import ConfigurationRefused, ContinuityError
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import media_store_of, replica_of, vault_of
from continuity.steps.progress import Report, silent

logger = logging.getLogger(__name__)

EXAMPLES = 5
_FOLDER = "continuity-media-"


@contextmanager
def map_folder(environment: Environment) -> Iterator[Path]:
    """Give a folder for a map in clear and for work on it; it is removed afterwards, and so is what a killed process left."""
    place = environment.drill.work_directory or Path(tempfile.gettempdir())
    for left in left_behind(place, _FOLDER):
        shutil.rmtree(left, ignore_errors=True)
    folder = place / f"{_FOLDER}{mark()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def worklist_in(folder: Path, lines: Path, application: Application, *, by_key: bool = False) -> Iterator[Worklist]:
    """Open the work on a map: by the replica's keys, or `by_key`, by the bucket's own."""

    def place_of(media: MediaObject) -> str:
        return replica_key(application.name, media)

    with Worklist(folder, place_of, (lambda media: media.key) if by_key else None) as worklist:
        with lines.open("rb") as source:
            worklist.fill(source)
        yield worklist


def replicate_media(
    application: Application,
    environment: Environment,
    point: RecoveryPointId,
    media: MediaMap,
    lines: Path,
    report: Report = silent,
) -> ReplicaCopy | None:
    """Copy what of a map the replica does not have, and say how much it lacks in the end; None where there is no replica.

    Running it twice, or after a kill, goes on where it was: what the replica lists is there. It never raises what the replica
    or the bucket refuses: the point is worth having without its media, and says what is missing. Nothing is deleted there.
    """
    source, replica = media_store_of(environment, application), replica_of(environment)
    if source is None or replica is None:
        return None
    missing = ReplicaCopy(bucket=replica.bucket, missing=media.objects, missing_bytes=media.total_bytes, copied=0, copied_bytes=0)
    try:
        refuse_same_bucket(source, replica)
        return _replicate(application, environment, point, lines, source, replica, report)
    except ContinuityError as error:
        logger.warning("replica not kept up bucket=%s because=%s", replica.bucket, error.message)
        return ReplicaCopy(**{**vars(missing), "because": error.message})


def _replicate(
    application: Application,
    environment: Environment,
    point: RecoveryPointId,
    lines: Path,
    source: MediaStore,
    replica: MediaStore,
    report: Report,
) -> ReplicaCopy:
    until = time.monotonic() + environment.media.replica_minutes * 60
    with worklist_in(lines.parent, lines, application) as worklist:
        to_copy, _ = find_in_replica(worklist, replica, application.name)
        copied = copy_left(
            worklist,
            _from_source,
            source,
            replica,
            parallel=environment.media.parallel,
            until=until,
            report=lambda done: report(f"media to the replica, {to_copy.objects} files", done, to_copy.size_bytes),
        )
        keep_etags(replica, application.name, point, copied.etags)
        return _told(replica, copied, worklist)


def _told(replica: MediaStore, copied: Copied, worklist: Worklist) -> ReplicaCopy:
    left = worklist.left()
    logger.info(
        "kept the replica up bucket=%s copied=%d bytes=%d missing=%d",
        replica.bucket,
        copied.objects,
        copied.size_bytes,
        left.objects,
    )
    return ReplicaCopy(
        bucket=replica.bucket,
        missing=left.objects,
        missing_bytes=left.size_bytes,
        copied=copied.objects,
        copied_bytes=copied.size_bytes,
        because=copied.because if left.objects else "",
    )


def _from_source(wanted: Wanted) -> Item:
    media = wanted.media
    return Item(key=media.key, version=media.version, etag=media.etag, size_bytes=media.size_bytes, to=wanted.name)


def fetch_map(manifest: Manifest, environment: Environment, folder: Path) -> Path:
    """Fetch, verify and unpack a point's map of media.

    Raises:
        ConfigurationRefused: the point has none, or no private key opens it.
        DamagedObject, NotStored: the stored bytes are not the ones that were written.

    """
    if manifest.media is None:
        raise ConfigurationRefused(f"{manifest.id} has no map of media", hint="Choose a point that has one.")
    lines = folder / "media.jsonl"
    with lines.open("wb") as target:
        identities = load_identities(environment.vault.identity_file)
        unseal_to(vault_of(environment), manifest.media.versions, target, identities=identities)
    return lines


def look_at_replica(manifest: Manifest, application: Application, environment: Environment) -> ReplicaLook:
    """Compare a point's map with what the replica lists now. Changes nothing.

    Raises:
        ConfigurationRefused: there is no replica, or no map.
        MediaError, VaultError: one of them cannot be read.

    """
    replica = replica_of(environment)
    if replica is None:
        raise ConfigurationRefused("the environment names no replica of the media", hint="Set `[media] replica_bucket`.")
    with map_folder(environment) as folder:
        lines = fetch_map(manifest, environment, folder)
        with worklist_in(folder, lines, application) as worklist:
            whole = worklist.left()
            left, damaged = find_in_replica(worklist, replica, application.name)
            examples = tuple(wanted.media.key for wanted, _ in zip(worklist.to_do(), range(EXAMPLES), strict=False))
    return ReplicaLook(
        objects=whole.objects,
        total_bytes=whole.size_bytes,
        missing=left.objects,
        missing_bytes=left.size_bytes,
        damaged=damaged,
        examples=examples,
    )


LOOK_AT_REPLICA = Operation(name="look at the replica of the media", run=look_at_replica, retry=PATIENT)
