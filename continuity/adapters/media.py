"""The media bucket: which version of each file is current."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from continuity.domain.application import MediaBucket
from continuity.errors import MediaError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
        try:
            for page in client.get_paginator("list_object_versions").paginate(Bucket=media.bucket, Prefix=media.prefix):
                yield b"".join(self._line(version) for version in page.get("Versions", ()) if version["IsLatest"])
        except (ClientError, BotoCoreError) as error:
            raise _media_error(media.bucket, error) from error

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


def is_versioned(client: "S3Client", bucket: str) -> bool:
    """Tell whether a bucket keeps what is overwritten and deleted.

    Raises:
        MediaError: the bucket is not there, or may not be asked.

    """
    try:
        return client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    except (ClientError, BotoCoreError) as error:
        raise _media_error(bucket, error) from error


def _media_error(bucket: str, error: Exception) -> MediaError:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "unknown")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        hint = {
            "NoSuchBucket": "Check `[media] bucket` in application.toml and `[media]` in the environment.",
            "AccessDenied": "Allow s3:ListBucketVersions and s3:GetBucketVersioning to the backup's credentials.",
        }.get(code, "Check the credentials and `[media]` in the environment.")
        server_error = 500
        return MediaError(f"media bucket {bucket}: {code}", hint=hint, transient=status >= server_error or code == "SlowDown")
    return MediaError(f"media bucket {bucket}: {type(error).__name__}", hint="Check `[media] endpoint_url`.", transient=True)
