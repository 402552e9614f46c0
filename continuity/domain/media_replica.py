"""The replica of the media bucket: under which key each version's bytes stand there, and whether a point's map is covered."""

import hashlib
import json
from dataclasses import dataclass

from continuity.domain.application import Application, ApplicationName
from continuity.domain.plan import PlannedStep
from continuity.domain.recovery_point import Manifest, MediaMap
from continuity.domain.reports import size

RETURN_MEDIA = "bring the media back"
_PLAIN_ETAG_CHARACTERS = 32


@dataclass(frozen=True, kw_only=True)
class MediaObject:
    """One line of a map: a version that was current."""

    key: str
    version: str
    etag: str
    size_bytes: int

    @staticmethod
    def of(line: str | bytes) -> "MediaObject":
        """Read a line of a map."""
        found = json.loads(line)
        return MediaObject(key=found["key"], version=found["version"], etag=found["etag"], size_bytes=found["bytes"])


def replica_prefix(application: ApplicationName) -> str:
    """Return where an application's bytes stand in the replica."""
    return f"{application}/objects/"


def replica_key(application: ApplicationName, media: MediaObject) -> str:
    """Return the key of exactly these bytes: by a digest of key, version, ETag and size, since S3's keys end at 1,024 bytes.

    A key that is overwritten or deleted in the bucket has another version, and so another place: nothing is ever replaced.
    Without versions the ETag tells two contents of a key apart.
    """
    name = json.dumps([media.key, media.version, media.etag, media.size_bytes], ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(name.encode("utf-8", errors="surrogatepass")).hexdigest()
    return f"{replica_prefix(application)}{digest[:2]}/{digest}"


def is_content_digest(etag: str) -> bool:
    """Whether an ETag may be the MD5 of the bytes: of an object made of parts it is not (S3 API reference, "Object")."""
    return len(etag) == _PLAIN_ETAG_CHARACTERS and "-" not in etag


def unprotected(application: Application, manifest: Manifest, *, replica: str | None) -> str:
    """Say why the bytes of a point's media may not come back, or "" where they all stand in the replica, or there is none.

    `replica` is the bucket that the environment names by now.
    """
    if application.media is None:
        return ""
    if manifest.media is None:
        return f"media is not protected: {manifest.id} has no map of it"
    copy = manifest.media.replica
    if not replica:
        return "media is not protected: no replica holds its bytes (`[media] replica_bucket`)"
    if copy is None:
        return f"media is not protected: {manifest.id} was made before there was a replica"
    lacks = lacking(manifest.media)
    return f"media is not protected in full: {lacks}" if lacks else ""


def lacking(media: MediaMap) -> str:
    """Say what of a map the replica lacked when the point was made; "" where it was whole, or there was none."""
    copy = media.replica
    if copy is None or copy.complete:
        return ""
    why = f": {copy.because}" if copy.because else ""
    return f"{copy.bucket} lacks {copy.missing:,} of {media.objects:,} files ({size(copy.missing_bytes)}){why}"


@dataclass(frozen=True, kw_only=True)
class ReplicaLook:
    """What of a point's map stands in the replica, by its listing: sizes, and ETags where they tell the content."""

    objects: int
    total_bytes: int
    missing: int
    missing_bytes: int
    damaged: int
    """Of the missing: how many are there with another size or content."""
    examples: tuple[str, ...] = ()
    """Keys of some that are missing."""


def return_step(
    manifest: Manifest, look: ReplicaLook, *, replica: str, bucket: str, beside: bool = False, output: str = ""
) -> PlannedStep:
    """Return the step that fills a bucket from the replica. `beside` allows other objects in it, and never replaces one.

    Of a bucket that the run makes first there is no name yet, but that of the `output` that will tell it.

    How many files are not in the replica is part of what is approved: where it turns out to be more, the step refuses.
    """
    media = manifest.media
    if media is None:
        raise ValueError(f"{manifest.id} has no map")
    lacks = f", without {look.missing:,} files that the replica lacks" if look.missing else ""
    named = bucket or f"by output {output}"
    where = "beside what is in it" if beside else "which must be empty"
    return PlannedStep(
        name=RETURN_MEDIA,
        kind=RETURN_MEDIA,
        target=f"bucket {named}, {where}: {media.objects:,} files ({size(media.total_bytes)}) from {replica}{lacks}",
        arguments={
            "point": manifest.id,
            "map_sha256": media.versions.content_sha256,
            "replica": replica,
            "bucket": bucket,
            "missing": look.missing,
            "beside": beside,
        },
    )
