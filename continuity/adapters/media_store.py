"""A bucket of media: what it lists and tells, and bytes that are held against their ETag while they are read."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from continuity.adapters.media_worklist import Listed
from continuity.domain.media_replica import is_content_digest
from continuity.errors import MediaError, MediaGone, VaultError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1 << 20

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "NotFound", "PreconditionFailed", "412", "MethodNotAllowed", "InvalidObjectState"}
_BUSY_STATUS = {408, 429, 500, 502, 503, 504}


@dataclass(frozen=True, kw_only=True)
class MediaStore:
    """A bucket with a client for it. `setting` is how a person names its section of the environment."""

    client: "S3Client"
    bucket: str
    endpoint_url: str | None = None
    profile: str | None = None
    setting: str = "[media]"

    def pages(self, prefix: str) -> Iterator[list[Listed]]:
        """List what is there, a thousand at a time.

        Raises:
            MediaError: the bucket cannot be listed.

        """
        with translated(self, "be listed"):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                yield [
                    Listed(name=each["Key"], etag=each["ETag"].strip('"'), size_bytes=each["Size"])
                    for each in page.get("Contents", ())
                ]

    def look(self, key: str, version: str = "") -> Any:
        """Ask for the headers of an object.

        Raises:
            MediaGone: it is not there.
            MediaError: the store does not answer.

        """
        with translated(self, f"tell of {key}"):
            return self.client.head_object(Bucket=self.bucket, Key=key, **version_of(version))


@dataclass(frozen=True, kw_only=True)
class Item:
    """One object to copy: exactly the bytes that have this ETag where they come from."""

    key: str
    version: str
    etag: str
    size_bytes: int
    to: str


class Digested:
    """A body whose MD5 is taken while it passes."""

    def __init__(self, body: Any, store: MediaStore, key: str) -> None:
        self._body = body
        self._store = store
        self._key = key
        self.digest = hashlib.md5(usedforsecurity=False)
        self.size_bytes = 0

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""
        with translated(self._store, f"give {self._key} to its end"):
            data: bytes = self._body.read(size)
        self.digest.update(data)
        self.size_bytes += len(data)
        return data


def read_through(item: Item, store: MediaStore) -> None:
    """Read an object to its last byte, and hold it against its ETag, where that tells the content, and its size.

    Raises:
        MediaGone: it is not there, or another one.
        MediaError: the store does not give it, or gives other bytes.

    """
    with translated(store, f"give {item.key}"):
        answer: Any = store.client.get_object(Bucket=store.bucket, Key=item.key, IfMatch=f'"{item.etag}"')
    body = Digested(answer["Body"], store, item.key)
    while body.read(CHUNK_BYTES):
        pass
    refuse_damaged(body, item, store, answer)


def refuse_damaged(body: Digested, item: Item, store: MediaStore, headers: Any) -> None:
    """Make sure that what was read is what was meant.

    Raises:
        MediaError: it is not.

    """
    if body.size_bytes != item.size_bytes or (tells(item.etag, headers) and body.digest.hexdigest() != item.etag):
        raise damaged(item, store, f"{body.size_bytes} bytes of MD5 {body.digest.hexdigest()} came")


def tells(etag: str, headers: Any) -> bool:
    """Whether an ETag is the MD5 of the bytes: not of parts, nor under a key of KMS or of the customer's (S3 API reference)."""
    hidden = str(headers.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in headers
    return is_content_digest(etag) and not hidden


def is_hidden(etag: str, headers: Any) -> bool:
    """Whether an ETag says nothing of the bytes."""
    return not tells(etag, headers)


def version_of(version: str) -> Any:
    """Return what names a version in a request."""
    # "null" is what a bucket without versions calls its only one, and not every store takes it back.
    return {"VersionId": version} if version not in {"", "null"} else {}


def damaged(item: Item, store: MediaStore, found: str) -> MediaError:
    """Return the error that tells of other bytes than were meant."""
    return MediaError(
        f"bucket {store.bucket}: {item.key} of {item.size_bytes} bytes and ETag {item.etag} was to be copied, and {found}",
        hint="Have the store checked.",
    )


@contextmanager
def translated(store: MediaStore, doing: str) -> Iterator[None]:
    """Turn what the SDK raises into a MediaError. Messages carry S3's code, not its text."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = MediaGone if code in _GONE else MediaError
        raise kind(
            f"bucket {store.bucket} cannot {doing}: {code}",
            hint=f"Check the bucket and the credentials of `{store.setting}` in the environment.",
            transient=status in _BUSY_STATUS or code == "SlowDown",
        ) from error
    except VaultError as error:
        raise MediaError(error.message, hint=f"Check `{store.setting}` in the environment.", transient=error.transient) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise MediaError(
            f"bucket {store.bucket} cannot {doing}: {type(error).__name__}",
            hint=f"Check the address in `{store.setting}` of the environment, and the network.",
            transient=True,
        ) from error
