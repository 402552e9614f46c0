"""A stream of unknown length into one S3 object: parts in flat memory, completed once, or gone.

Not boto3's `upload_fileobj`: it takes no `IfNoneMatch` (s3transfer 0.19, `ALLOWED_UPLOAD_ARGS`), and makes a part of
every short read from a pipe (`UploadNonSeekableInputManager._read`), though S3 refuses parts below 5 MiB.
"""

import base64
import hashlib
import io
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from continuity.adapters.s3_errors import patiently, translated
from continuity.adapters.vault import Source
from continuity.errors import DamagedObject, VaultError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, HeadObjectOutputTypeDef

logger = logging.getLogger(__name__)

MIB = 1 << 20
SMALLEST_PART_BYTES = 8 * MIB
LARGEST_PART_BYTES = 5 * 1024 * MIB
MOST_PARTS = 10_000
EQUAL_PARTS = 8_000
DOUBLED_EVERY = 500
PARTS_AT_ONCE = 2

NONCE = "continuity-upload"
"""Name of the user metadata that tells our own upload from another's.

The ETag would do where it is a function of the parts, but with SSE-KMS it is not, and it cannot tell two writers of the
same bytes apart.
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one object goes: `key` is whole, with the vault's prefix; `where` is the vault's address for messages."""

    client: "S3Client"
    bucket: str
    key: str
    where: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    """What the object is made with besides its bytes: type, caching, metadata."""
    replaces: bool = False
    """Whether an object that is there is replaced; else it is a refusal."""

    @property
    def once(self) -> Any:
        """The condition under which the object is made."""
        return {} if self.replaces else {"IfNoneMatch": "*"}

    def marked(self, nonce: str) -> Any:
        """Return the headers with our mark among the metadata."""
        return {**self.headers, "Metadata": {**self.headers.get("Metadata", {}), NONCE: nonce}}

    def head(self) -> "HeadObjectOutputTypeDef":
        """Ask for size and metadata."""
        with translated(self.where, f"look at {self.key}"):
            return self.client.head_object(Bucket=self.bucket, Key=self.key)


def upload_stream(place: Place, source: Source, *, expected_bytes: int) -> int:
    """Stream `source` into an object that did not exist (unless `replaces`), and return its bytes, as confirmed by the store.

    Holds four parts of 8 MiB at most, larger ones only past 62 GiB expected. If it runs twice, the second call raises
    AlreadyStored.

    Raises:
        AlreadyStored: the key exists.
        DamagedObject: the store has kept another number of bytes.
        VaultError: it refused; no part is left. Whatever `source` raises passes through unchanged.

    """
    sizes = part_sizes(expected_bytes)
    nonce = uuid4().hex
    wanted_bytes = next(sizes)
    part = _read_part(source, wanted_bytes)
    size_bytes = _length(part)
    if size_bytes < wanted_bytes:
        with _settled(place, nonce):
            _put(place, part, nonce)
    else:
        with _begun(place, nonce) as upload:
            while _length(part):
                upload.send(part)
                del part
                part = _read_part(source, next(sizes))
                size_bytes += _length(part)
            with _settled(place, nonce):
                upload.complete()
    found_bytes = patiently(place.head)["ContentLength"]
    if found_bytes != size_bytes:
        raise DamagedObject(
            f"{place.where} keeps {found_bytes} bytes of {place.key}, {size_bytes} were sent",
            hint="Do not use this object; have the store checked, then repeat.",
        )
    return size_bytes


def part_sizes(expected_bytes: int) -> Iterator[int]:
    """Bytes of each part in turn.

    They are equal (Cloudflare R2 wants that) and fit the expected bytes into the first 8,000; from there on they double
    every 500, for a stream of up to 2.8 times the estimate, and of 180 GiB without one.

    Raises:
        VaultError: the stream goes on past the 10,000th part, S3's limit.

    """
    size_bytes = max(SMALLEST_PART_BYTES, -(-expected_bytes // EQUAL_PARTS // MIB) * MIB)
    for number in range(MOST_PARTS):
        if number >= EQUAL_PARTS and number % DOUBLED_EVERY == 0:
            size_bytes *= 2
        yield min(size_bytes, LARGEST_PART_BYTES)
    raise VaultError(
        f"the stream does not fit into {MOST_PARTS} parts, with {expected_bytes} bytes expected",
        hint="Estimate its size better: the estimate sizes the parts.",
    )


def content_md5(body: bytes | memoryview) -> str:
    """Return the header by which every store checks what arrives; buckets with Object Lock insist on it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


class _Upload:
    """A multipart upload that has been begun: parts are sent in the background, two at a time."""

    def __init__(self, place: Place, upload_id: str, pool: ThreadPoolExecutor) -> None:
        self._place = place
        self._upload_id = upload_id
        self._pool = pool
        self._running: set[Future[CompletedPartTypeDef]] = set()
        self._sent: list[CompletedPartTypeDef] = []
        self._begun = 0
        self.given_up = Event()

    def send(self, part: io.BytesIO) -> None:
        """Begin to send a part; return when fewer than two are on their way. Raises what an earlier one met."""
        self._begun += 1
        self._running.add(self._pool.submit(self._send, self._begun, part))
        if len(self._running) >= PARTS_AT_ONCE:
            done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
            self._sent += [future.result() for future in done]

    def complete(self) -> None:
        """Wait for every part, and make the object of them if its key is still free."""
        self._sent += [future.result() for future in self._running]
        parts = sorted(self._sent, key=lambda part: part["PartNumber"])

        def complete() -> None:
            with translated(self._place.where, f"complete {self._place.key}"):
                self._place.client.complete_multipart_upload(
                    Bucket=self._place.bucket,
                    Key=self._place.key,
                    UploadId=self._upload_id,
                    MultipartUpload={"Parts": parts},
                    **self._place.once,
                )

        patiently(complete)

    def abort(self) -> None:
        """Remove the parts. What cannot be removed stays for `discard_unfinished`."""
        place = self._place
        try:
            with translated(place.where, f"abort {place.key}"):
                place.client.abort_multipart_upload(Bucket=place.bucket, Key=place.key, UploadId=self._upload_id)
        except VaultError as error:
            logger.warning("left an unfinished upload key=%s upload=%s error=%s", place.key, self._upload_id, error)

    def _send(self, number: int, part: io.BytesIO) -> "CompletedPartTypeDef":
        checksum = content_md5(part.getbuffer())

        def send() -> "CompletedPartTypeDef":
            part.seek(0)
            with translated(self._place.where, f"store part {number} of {self._place.key}"):
                answer = self._place.client.upload_part(
                    Bucket=self._place.bucket,
                    Key=self._place.key,
                    UploadId=self._upload_id,
                    PartNumber=number,
                    Body=part,
                    ContentMD5=checksum,
                )
            return {"PartNumber": number, "ETag": answer["ETag"]}

        return patiently(send, stop=self.given_up)


@contextmanager
def _begun(place: Place, nonce: str) -> Iterator[_Upload]:
    """Begin a multipart upload, and abort it on any error, once no part is on its way any more.

    A part that arrives during the abort would stay (S3 API reference, AbortMultipartUpload).
    """
    with translated(place.where, f"begin {place.key}"):
        answer = place.client.create_multipart_upload(Bucket=place.bucket, Key=place.key, **place.marked(nonce))
    pool = ThreadPoolExecutor(max_workers=PARTS_AT_ONCE, thread_name_prefix="upload")
    upload = _Upload(place, answer["UploadId"], pool)
    try:
        yield upload
    except BaseException:
        upload.given_up.set()
        pool.shutdown(cancel_futures=True)
        upload.abort()
        raise
    pool.shutdown()


def _put(place: Place, body: io.BytesIO, nonce: str) -> None:
    checksum = content_md5(body.getbuffer())

    def put() -> None:
        body.seek(0)
        with translated(place.where, f"create {place.key}"):
            place.client.put_object(
                Bucket=place.bucket,
                Key=place.key,
                Body=body,
                ContentMD5=checksum,
                **place.marked(nonce),
                **place.once,
            )

    patiently(put)


@contextmanager
def _settled(place: Place, nonce: str) -> Iterator[None]:
    """Take an error for success when the object is there, and is ours: only the reply was lost.

    The SDK repeats a request whose reply was lost, and the repetition is refused: 412, or 404 NoSuchUpload.
    """
    try:
        yield
    except VaultError as error:
        if _metadata(place).get(NONCE) != nonce:
            raise
        logger.info("reply was lost, object is there key=%s error=%s", place.key, error)


def _metadata(place: Place) -> Mapping[str, str]:
    try:
        return patiently(place.head)["Metadata"]
    except VaultError:
        return {}


def _read_part(source: Source, size_bytes: int) -> io.BytesIO:
    part = io.BytesIO()
    while (missing := size_bytes - part.tell()) and (data := source.read(min(missing, MIB))):
        part.write(data)
    return part


def _length(part: io.BytesIO) -> int:
    return part.getbuffer().nbytes
