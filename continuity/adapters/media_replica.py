"""The replica of a media bucket: what of a map stands in it, and the ETags of copies that are not their source's.

APPLICATION/objects/HH/DIGEST    the bytes of one version of one key; nothing is ever replaced by others, or deleted
APPLICATION/etags/POINT.jsonl    {"place", "etag"} of copies whose ETag is not their source's, as verified when they were made
"""

import io
from collections.abc import Iterable

from continuity.adapters.media_store import MediaStore, translated
from continuity.adapters.media_worklist import Left, Wanted, Worklist, etag_line, read_etag_lines
from continuity.adapters.s3_multipart import Place, upload_stream
from continuity.domain.application import ApplicationName
from continuity.domain.media_replica import replica_prefix
from continuity.domain.recovery_point import RecoveryPointId
from continuity.errors import ConfigurationRefused


def find_in_replica(worklist: Worklist, replica: MediaStore, application: ApplicationName) -> tuple[Left, int]:
    """Mark what of a worklist stands in the replica; return what does not, and how many of these are there with other bytes.

    The replica's whole listing is read, a request for a thousand objects; what is not of this map is passed over.

    Raises:
        MediaError: the replica cannot be listed.

    """
    learn_etags(worklist, replica, application)
    damaged: list[Wanted] = []
    for page in replica.pages(replica_prefix(application)):
        damaged += [wanted for _, wanted in worklist.find(page)[1]][: 1000 - len(damaged)]
    return worklist.left(), len(damaged)


def hold_in_replica(worklist: Worklist, replica: MediaStore, application: ApplicationName) -> None:
    """Mark what of a worklist by a bucket's keys the replica holds, as it was verified when it was copied there.

    Raises:
        MediaError: the replica cannot be listed.

    """
    learn_etags(worklist, replica, application)
    for page in replica.pages(replica_prefix(application)):
        worklist.hold(page)


def learn_etags(worklist: Worklist, replica: MediaStore, application: ApplicationName) -> None:
    """Read which copies have another ETag than their source."""
    for page in replica.pages(_etags(application)):
        for listed in page:
            with translated(replica, f"give {listed.name}"):
                body = replica.client.get_object(Bucket=replica.bucket, Key=listed.name)["Body"]
                worklist.know(read_etag_lines(body.iter_lines()))


def keep_etags(
    replica: MediaStore, application: ApplicationName, point: RecoveryPointId, etags: Iterable[tuple[str, str]]
) -> None:
    """Write down which copies have another ETag than their source. Doing it again replaces the list by a later one."""
    lines = b"".join(etag_line(place, etag) for place, etag in etags)
    if lines:
        place = Place(
            client=replica.client,
            bucket=replica.bucket,
            key=f"{_etags(application)}{point}.jsonl",
            where=f"s3://{replica.bucket}",
            replaces=True,
        )
        with translated(replica, "take a list of ETags"):
            upload_stream(place, io.BytesIO(lines), expected_bytes=len(lines))


def refuse_same_bucket(media: MediaStore, replica: MediaStore) -> None:
    """Refuse a replica that is the bucket itself.

    Raises:
        ConfigurationRefused: they are one: what destroys the one destroys the other.

    """
    if (media.endpoint_url, media.bucket) == (replica.endpoint_url, replica.bucket):
        raise ConfigurationRefused(
            f"`[media] replica_bucket` is the media bucket {media.bucket} itself",
            hint="Name another bucket, best in another account and region.",
        )


def _etags(application: ApplicationName) -> str:
    return f"{application}/etags/"
