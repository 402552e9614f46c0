"""The media bucket: which version of each file is current."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from continuity.domain.application import MediaBucket
from continuity.errors import MediaError, MediaGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SERVER_ERROR = 500
EXPIRES = "NoncurrentVersionExpiration"
_ACCESS = (
    "Allow s3:ListBucket, s3:ListBucketVersions and s3:GetBucketVersioning; a rollback of media also needs s3:GetObject,"
    " s3:GetObjectVersion, s3:GetObjectVersionTagging, s3:PutObject, s3:PutObjectTagging, s3:GetBucketOwnershipControls,"
    " s3:GetLifecycleConfiguration, s3:DeleteObject and, for delete markers alone, s3:DeleteObjectVersion; where objects have"
    " access lists, s3:GetObjectVersionAcl and s3:PutObjectAcl."
)


class VersionLines:
    """The current versions as JSON lines in the order of the keys, read page by page: a source for the vault.

    A line is `{"key", "version", "etag", "bytes", "modified"}`. Counts what has passed.
    """

    def __init__(self, client: "S3Client", media: MediaBucket) -> None:
        self._lines = self._read(client, media)
        self._rest = b""
        self.objects = 0
        self.total_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            MediaError: the listing failed.

        """
        while size < 0 or len(self._rest) < size:
            line = next(self._lines, None)
            if line is None:
                break
            self._rest += line
        cut = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:cut], self._rest[cut:]
        return data

    def _read(self, client: "S3Client", media: MediaBucket) -> Iterator[bytes]:
        with translated(media.bucket):
            for page in client.get_paginator("list_object_versions").paginate(Bucket=media.bucket, Prefix=media.prefix):
                yield b"".join(self._line(version) for version in page.get("Versions", ()) if version["IsLatest"])

    def _line(self, version: Any) -> bytes:
        self.objects += 1
        self.total_bytes += version["Size"]
        line = {
            "key": version["Key"],
            "version": version["VersionId"],
            "etag": version["ETag"].strip('"'),
            "bytes": version["Size"],
            "modified": version["LastModified"].isoformat(),
        }
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def versioning_of(client: "S3Client", bucket: str) -> str:
    """Return `Enabled`, `Suspended`, or "" where versioning was never switched on.

    Raises:
        MediaError: the bucket is not there, or may not be asked.

    """
    with translated(bucket):
        return client.get_bucket_versioning(Bucket=bucket).get("Status", "")


def is_versioned(client: "S3Client", bucket: str) -> bool:
    """Tell whether a bucket keeps what is overwritten and deleted.

    Raises:
        MediaError: the bucket is not there, or may not be asked.

    """
    return versioning_of(client, bucket) == "Enabled"


def removes_former_versions(client: "S3Client", bucket: str) -> int | None:
    """Return after how many days a lifecycle rule of the bucket removes versions that are not current, or None.

    Raises:
        MediaError: the bucket may not be asked.

    """
    with translated(bucket):
        try:
            rules = client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", [])
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchLifecycleConfiguration", "NotImplemented"}:
                return None
            raise
    enabled = [rule["NoncurrentVersionExpiration"] for rule in rules if rule["Status"] == "Enabled" and EXPIRES in rule]
    return min((expiry.get("NoncurrentDays", 0) for expiry in enabled), default=None)


def current_keys(client: "S3Client", media: MediaBucket) -> Iterator[str]:
    """Stream the keys that a reader finds, in the order of their UTF-8 bytes.

    Raises:
        MediaError: the bucket cannot be listed.

    """
    pages = iter(client.get_paginator("list_objects_v2").paginate(Bucket=media.bucket, Prefix=media.prefix))
    while True:
        with translated(media.bucket):
            page = next(pages, None)
        if page is None:
            return
        yield from (found["Key"] for found in page.get("Contents", ()))


@contextmanager
def translated(bucket: str) -> Iterator[None]:
    """Turn what the SDK raises into a MediaError, with S3's code and status, and not its text."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _media_error(bucket, error) from error


def _media_error(bucket: str, error: Exception) -> MediaError:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "unknown")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        doing = f", asked for {error.operation_name}" if error.operation_name else ""
        hint = {
            "NoSuchBucket": "Check `[media] bucket` in application.toml and `[media]` in the environment.",
            "AccessDenied": _ACCESS,
        }.get(code, "Check the credentials and `[media]` in the environment.")
        gone = code in {"NoSuchVersion", "NoSuchKey", "404"}
        transient = status >= SERVER_ERROR or code in {"SlowDown", "RequestTimeout"}
        return (MediaGone if gone else MediaError)(f"media bucket {bucket}: {code}{doing}", hint=hint, transient=transient)
    return MediaError(f"media bucket {bucket}: {type(error).__name__}", hint="Check `[media] endpoint_url`.", transient=True)
