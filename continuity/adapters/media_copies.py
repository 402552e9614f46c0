"""Copies objects between buckets, each verified: by the store itself where it holds both, else through this machine."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import tenacity

from continuity.adapters.media_store import Digested, Item, MediaStore, damaged, refuse_damaged, tells, translated, version_of
from continuity.adapters.media_worklist import Wanted, Worklist
from continuity.adapters.s3_multipart import NONCE, Place, upload_stream
from continuity.errors import ContinuityError, MediaError, MediaGone

LARGEST_COPY_BYTES = 5 * 1024**3
"""Of one CopyObject (S3 API reference); larger objects are copied in parts."""
ATTEMPTS = 3
PATIENCE_IN_A_ROW = 20
"""So many objects may fail one after another for other reasons than their own; then the store is taken to be in trouble."""

_KEPT_HEADERS = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")


@dataclass(kw_only=True)
class Copied:
    """What copying came to."""

    objects: int = 0
    size_bytes: int = 0
    failed: int = 0
    gone: int = 0
    """Of the failed: how many have no such bytes to copy."""
    because: str = ""
    """Why the first one failed, or why nothing more was tried."""
    etags: list[tuple[str, str]] = field(default_factory=list)
    """Names whose copy has another ETag than its source, with that ETag."""


def copy_left(
    worklist: Worklist,
    item_of: Callable[[Wanted], Item],
    source: MediaStore,
    target: MediaStore,
    *,
    parallel: int,
    held: bool = False,
    until: float | None = None,
    report: Callable[[int], None] = lambda _done: None,
) -> Copied:
    """Copy what a worklist has left (or of that what is `held`), several at a time, and mark it there.

    Killed, or past `until` (of the monotonic clock), the rest is left for the next call. `report` gets the bytes so far.
    An object that cannot be copied does not keep the others; a store in trouble ends it.
    """
    copying = _Copying(worklist=worklist, report=report)
    with ThreadPoolExecutor(parallel, thread_name_prefix="media") as pool:
        for wanted in worklist.to_do(held=held):
            if until is not None and time.monotonic() > until:
                copying.copied.because = copying.copied.because or "the time for copying was over"
                break
            if copying.in_a_row >= PATIENCE_IN_A_ROW:
                break
            copying.running[pool.submit(copy, item_of(wanted), source, target)] = wanted
            copying.settle(parallel * 2)
        copying.settle(0)
    return copying.copied


@dataclass(kw_only=True)
class _Copying:
    """Copies that are on their way. All but the copying itself happens in the thread that owns the worklist."""

    worklist: Worklist
    report: Callable[[int], None]
    copied: Copied = field(default_factory=Copied)
    running: dict[Future[str], Wanted] = field(default_factory=dict)
    in_a_row: int = 0

    def settle(self, most: int) -> None:
        """Wait until no more than so many are on their way."""
        while len(self.running) > most:
            for future in wait(self.running, return_when=FIRST_COMPLETED).done:
                self._settle(self.running.pop(future), future)

    def _settle(self, wanted: Wanted, future: Future[str]) -> None:
        copied = self.copied
        try:
            etag = future.result()
        except MediaError as error:
            gone = isinstance(error, MediaGone)
            copied.failed += 1
            copied.gone += gone
            copied.because = copied.because or error.message
            self.in_a_row = 0 if gone else self.in_a_row + 1
            return
        self.in_a_row = 0
        self.worklist.mark([wanted.name])
        copied.objects += 1
        copied.size_bytes += wanted.media.size_bytes
        if etag != wanted.media.etag:
            copied.etags.append((wanted.name, etag))
        self.report(copied.size_bytes)


@tenacity.retry(
    retry=tenacity.retry_if_exception(lambda error: isinstance(error, ContinuityError) and error.transient),
    stop=tenacity.stop_after_attempt(ATTEMPTS),
    wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=10),
    reraise=True,
)
def copy(item: Item, source: MediaStore, target: MediaStore) -> str:
    """Copy one object and return the copy's ETag. Doing it again replaces the copy by an equal one.

    Raises:
        MediaGone: the source has not, or no longer, these bytes under this key.
        MediaError: the stores refuse, or what arrived is not what was sent.

    """
    by_store = (source.endpoint_url, source.profile) == (target.endpoint_url, target.profile)
    etag = _copy_by_store(item, source, target) if by_store else _copy_through(item, source, target)
    if etag != item.etag:
        _verify(item, etag, source, target)
    return etag


def _copy_by_store(item: Item, source: MediaStore, target: MediaStore) -> str:
    place: Any = {"Bucket": source.bucket, "Key": item.key, **version_of(item.version)}
    with translated(source, f"give {item.key}"):
        if item.size_bytes > LARGEST_COPY_BYTES:
            return _copy_in_parts(place, item, source, target)
        answer = target.client.copy_object(
            Bucket=target.bucket, Key=item.to, CopySource=place, CopySourceIfMatch=f'"{item.etag}"'
        )
    return answer["CopyObjectResult"]["ETag"].strip('"')


def _copy_in_parts(place: Any, item: Item, source: MediaStore, target: MediaStore) -> str:
    from boto3.s3.transfer import TransferConfig
    from s3transfer.manager import TransferManager

    kept = _kept_headers(source.look(item.key, item.version)) | {"CopySourceIfMatch": f'"{item.etag}"'}
    with TransferManager(target.client, TransferConfig(max_concurrency=2)) as manager:
        manager.copy(place, target.bucket, item.to, extra_args=kept, source_client=source.client).result()
    return str(target.look(item.to)["ETag"]).strip('"')


def _copy_through(item: Item, source: MediaStore, target: MediaStore) -> str:
    with translated(source, f"give {item.key}"):
        answer: Any = source.client.get_object(
            Bucket=source.bucket, Key=item.key, IfMatch=f'"{item.etag}"', **version_of(item.version)
        )
    body = Digested(answer["Body"], source, item.key)
    place = Place(
        client=target.client,
        bucket=target.bucket,
        key=item.to,
        where=f"s3://{target.bucket}",
        headers=_kept_headers(answer),
        replaces=True,
    )
    with translated(target, f"take {item.to}"):
        upload_stream(place, body, expected_bytes=item.size_bytes)
    refuse_damaged(body, item, source, answer)
    return str(target.look(item.to)["ETag"]).strip('"')


def _verify(item: Item, etag: str, source: MediaStore, target: MediaStore) -> None:
    """Hold a copy of another ETag against its source: by content where both tell it, else by size."""
    there = target.look(item.to)
    if there["ContentLength"] != item.size_bytes:
        raise damaged(item, target, f"{there['ContentLength']} bytes arrived")
    if tells(etag, there) and tells(item.etag, source.look(item.key, item.version)):
        raise damaged(item, target, f"bytes of MD5 {etag} arrived")


def _kept_headers(headers: Any) -> dict[str, Any]:
    kept = {name: headers[name] for name in _KEPT_HEADERS if headers.get(name)}
    return kept | {"Metadata": {name: value for name, value in headers.get("Metadata", {}).items() if name != NONCE}}
