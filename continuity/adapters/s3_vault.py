"""A vault in an S3 bucket: objects are created once by conditional requests."""

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.utils import parse_timestamp

from continuity.adapters.s3_body import CHUNK_BYTES, ResumingBody
from continuity.adapters.s3_errors import Conflict, patiently, translated
from continuity.adapters.s3_multipart import Place, content_md5, upload_stream
from continuity.adapters.vault import ListedObject, Source, Versioned, never, overtaken
from continuity.adapters.vault_key import PROBE_KEY, check_key, check_prefix
from continuity.errors import AlreadyStored, ConfigurationRefused, NotStored, UnsafeOperation

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

logger = logging.getLogger(__name__)

ATTEMPTS = 6
CONNECT_TIMEOUT_SECONDS = 10
CONFLICT_SECONDS = 10.0

CONNECTIONS = 16
"""Requests of one client at the same time, each over a connection that stays."""

NO_SUCH_ETAG = '"00000000000000000000000000000000"'


def s3_client(*, endpoint_url: str | None = None, region: str | None = None, read_timeout_seconds: float = 60) -> "S3Client":
    """Make a client. With an endpoint it speaks what every S3-compatible store understands, with addresses by path.

    The SDK's own checksums of requests are off: many stores refuse them, and S3 itself refuses parts that carry one
    when the upload was begun without (arrow-rs-object-store issue 34). Each body carries Content-MD5 instead.
    Credentials come from the process's environment, files or role.

    Raises:
        ConfigurationRefused: endpoint, region or profile are not usable.

    """
    import botocore.session

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        signature_version="s3v4",
        s3={"addressing_style": "auto" if endpoint_url is None else "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_supported" if endpoint_url is None else "when_required",
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
        user_agent="continuity",  # by itself the SDK puts a long one together for every request
    )
    core = botocore.session.Session()
    core.register_component("data_loader", _service_models())
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    try:
        return cast("S3Client", core.create_client("s3", region_name=region, endpoint_url=endpoint_url, config=config))
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationRefused(
            f"no S3 client for endpoint {endpoint_url!r} and region {region!r}: {type(error).__name__}",
            hint="Correct `[vault] endpoint_url` and `region`, and the profile that AWS_PROFILE names.",
        ) from error


class _ModelOfS3(Loader):
    """The SDK's description of S3. To know that there is one it would look into the folders of all its 400 services."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 -- the loader's own signature
        return ["s3"]


@cache
def _service_models() -> Loader:
    """Share the SDK's description of S3 between clients: reading it anew for each takes 0.06 s of CPU and more.

    Nothing else is shared: each client finds its own credentials, so that renewed ones are seen.
    """
    return _ModelOfS3()


def _moment(text: Any) -> datetime:
    """Read the moment of a header or a listing, at a fraction of what the SDK's own parser takes; the odd one is left to it."""
    with suppress(ValueError, TypeError):
        found = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
        if found.tzinfo is not None:
            return found
    return parse_timestamp(text)


class S3Vault:
    """Objects of one bucket below a prefix. Safe to use from several threads."""

    def __init__(self, bucket: str, prefix: str, client: "S3Client") -> None:
        self._client = client
        self._bucket = bucket
        self._root = f"{prefix.strip('/')}/".lstrip("/")
        self.url = f"s3://{bucket}/{self._root}".rstrip("/")

    def check_honest(self) -> None:
        """Create one object twice, then replace it by a wrong ETag, and see both refused. Harmless if repeated."""
        probe = b"created once\n"
        with suppress(AlreadyStored):
            self._create(PROBE_KEY, probe)
        with _refused(self.url, "If-None-Match"):
            self._create(PROBE_KEY, probe)
        with _refused(self.url, "If-Match"), translated(self.url, f"replace {PROBE_KEY}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._place(PROBE_KEY).key,
                Body=probe,
                ContentMD5=content_md5(probe),
                IfMatch=NO_SUCH_ETAG,
            )

    def look(self) -> bool:
        """List the probe object. Whether this identity may write shows only when it does."""
        return any(listed.key == PROBE_KEY for listed in self.list(PROBE_KEY))

    def room_bytes(self) -> int | None:
        """None: S3 has no limit that could be asked for."""
        return None

    def create(self, key: str, data: bytes) -> None:
        """Store `data` once. If it runs twice, the second call compares and succeeds.

        So does the SDK's own repetition of a request whose reply was lost.
        """
        try:
            self._create(key, data)
        except AlreadyStored:
            if self.read(key) != data:
                raise
            return
        logger.info("created object key=%s bytes=%d", key, len(data))

    def upload(self, key: str, source: Source, *, expected_bytes: int = 0) -> int:
        """Stream `source` into an object that appears at the end. If it runs twice, the second raises AlreadyStored."""
        started = time.monotonic()
        size_bytes = upload_stream(self._place(key), source, expected_bytes=expected_bytes)
        logger.info("uploaded object key=%s bytes=%d seconds=%.1f", key, size_bytes, time.monotonic() - started)
        return size_bytes

    def read(self, key: str) -> bytes:
        """Return a small object whole."""
        with self.open(key) as stream:
            return stream.read()

    def read_versioned(self, key: str) -> Versioned:
        """Return a small object whole, with its ETag."""

        def read() -> Versioned:
            with translated(self.url, f"read {key}"):
                answer = self._client.get_object(Bucket=self._bucket, Key=self._place(key).key)
                return Versioned(data=answer["Body"].read(), version=answer["ETag"])

        return patiently(read, seconds=CONFLICT_SECONDS)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        """Replace one version. If it runs twice, the second call finds its own bytes and succeeds."""

        def replace() -> str:
            with translated(self.url, f"replace {key}"):
                answer = self._client.put_object(
                    Bucket=self._bucket, Key=self._place(key).key, Body=data, ContentMD5=content_md5(data), IfMatch=version
                )
                return answer["ETag"]

        try:
            return patiently(replace, on=Conflict, seconds=CONFLICT_SECONDS)
        except AlreadyStored as error:
            found = self.read_versioned(key)
            if found.data == data:
                return found.version
            raise overtaken(key) from error

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """Stream an object from its start, over as many connections as it takes."""
        with io.BufferedReader(ResumingBody(self._place(key)), CHUNK_BYTES) as stream:
            yield stream

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Every object whose key starts with `prefix`, in the order of the keys, a thousand at a request."""
        wanted = self._root + check_prefix(prefix)
        return self._listed(wanted)

    def delete(self, key: str) -> None:
        """Remove an object; a versioned bucket keeps it as an older version. If it runs twice, nothing more happens."""
        place = self._place(key)
        with suppress(NotStored), translated(self.url, f"delete {key}"):
            self._client.delete_object(Bucket=self._bucket, Key=place.key)
        logger.info("deleted object key=%s", key)

    def discard_unfinished(self, prefix: str, *, before: datetime, abandoned: Callable[[str], bool] = never) -> int:
        """Abort multipart uploads of keys that start with `prefix`, begun before a moment, even if still under way."""
        wanted = self._root + check_prefix(prefix)
        with translated(self.url, f"discard unfinished uploads below {prefix!r}"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=wanted)
            uploads = [upload for page in pages for upload in page.get("Uploads", [])]
            old = [
                upload for upload in uploads if upload["Initiated"] < before or abandoned(upload["Key"].removeprefix(self._root))
            ]
            for upload in old:
                with suppress(self._client.exceptions.NoSuchUpload):
                    self._client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        logger.info("discarded unfinished uploads prefix=%s count=%d", prefix, len(old))
        return len(old)

    def _place(self, key: str) -> Place:
        return Place(client=self._client, bucket=self._bucket, key=self._root + check_key(key), where=self.url)

    def _create(self, key: str, data: bytes) -> None:
        place = self._place(key)
        checksum = content_md5(data)

        def create() -> None:
            with translated(self.url, f"create {key}"):
                self._client.put_object(Bucket=self._bucket, Key=place.key, Body=data, ContentMD5=checksum, IfNoneMatch="*")

        patiently(create, on=Conflict, seconds=CONFLICT_SECONDS)

    def _listed(self, wanted: str) -> Iterator[ListedObject]:
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=wanted))
        while True:
            with translated(self.url, f"list {wanted}"):
                page = next(pages, None)
            if page is None:
                return
            for found in page.get("Contents", []):
                # A console marks a "folder" by an empty object whose name ends in a slash; no key of ours does.
                if not found["Key"].endswith("/"):
                    key = found["Key"].removeprefix(self._root)
                    yield ListedObject(key=key, size_bytes=found["Size"], modified=found["LastModified"])


@contextmanager
def _refused(where: str, header: str) -> Iterator[None]:
    """Expect a conditional write to be refused."""
    try:
        yield
    except AlreadyStored:
        return
    raise UnsafeOperation(
        f"{where} ignores {header}: it replaced {PROBE_KEY}",
        hint="Use a store that honours conditional writes, like AWS S3 or Cloudflare R2, or a directory.",
    )
