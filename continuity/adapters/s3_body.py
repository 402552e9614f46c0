"""The body of an S3 object as a stream that outlives its connection."""

import io
import logging
import re
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, FlexibleChecksumError
from urllib3.exceptions import HTTPError

from continuity.adapters.s3_errors import patiently, translated
from continuity.adapters.s3_multipart import Place
from continuity.errors import AlreadyStored, DamagedObject, VaultError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 18
MOST_BREAKS = 8
BREAKS_FORGIVEN_BYTES = 1 << 20


class ResumingBody(io.RawIOBase):
    """Bytes of one object, in order, each once. A broken connection is taken up again where it broke.

    Every further request names the first one's ETag, so all bytes come from the same object. Gives up after eight
    breaks between which not even a mebibyte came.

    Raises, from the constructor: NotStored.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        with translated(place.where, f"read {place.key}"):
            answer = place.client.get_object(Bucket=place.bucket, Key=place.key)
        self._body = answer["Body"]
        self._etag = answer["ETag"]
        self._size_bytes = answer["ContentLength"]
        self._position = 0
        self._breaks = 0
        self._broken_at = 0

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read at least one byte into `buffer`, or nothing at the end.

        Raises:
            DamagedObject: the object was replaced while it was read, or does not have its checksum.
            VaultError: the connection breaks again and again.

        """
        view = memoryview(buffer)[:CHUNK_BYTES]
        while True:
            try:
                count = self._body.readinto(view)  # type: ignore[arg-type]  # the stubs take a file here
            except FlexibleChecksumError:
                with translated(self._place.where, f"read {self._place.key}"):
                    raise
            except (BotoCoreError, HTTPError, OSError) as error:
                self._resume(error)
                continue
            if count or self._position == self._size_bytes or not len(view):
                self._position += count
                return count
            self._resume(EOFError("the body ended early"))

    def readall(self) -> bytes:
        """Read to the end."""
        return b"".join(iter(lambda: self.read(CHUNK_BYTES) or b"", b""))

    def close(self) -> None:
        """Close the connection with what is left in it."""
        self._body.close()
        super().close()

    def _resume(self, error: Exception) -> None:
        if self._position - self._broken_at >= BREAKS_FORGIVEN_BYTES:
            self._breaks = 0
        self._breaks += 1
        self._broken_at = self._position
        facts = f"at byte {self._position} of {self._size_bytes}"
        if self._breaks > MOST_BREAKS:
            raise VaultError(
                f"{self._place.where} cannot read {self._place.key}: the connection broke {self._breaks} times {facts}",
                hint="Check the network between here and the vault.",
                transient=True,
            ) from error
        logger.info("connection broke key=%s position=%d error=%s", self._place.key, self._position, type(error).__name__)
        self._body.close()
        try:
            answer = patiently(self._rest)
        except AlreadyStored as refused:
            raise DamagedObject(
                f"{self._place.key} was replaced in {self._place.where} while it was read, {facts}",
                hint="Find out who writes to the vault, and take another recovery point.",
            ) from refused
        if not re.match(rf"bytes {self._position}-", answer.get("ContentRange", "")):
            raise VaultError(
                f"{self._place.where} does not continue {self._place.key} {facts}: it ignores Range",
                hint="Use a store that answers ranges.",
            ) from error
        self._body = answer["Body"]

    def _rest(self) -> "GetObjectOutputTypeDef":
        with translated(self._place.where, f"read {self._place.key} on"):
            return self._place.client.get_object(
                Bucket=self._place.bucket, Key=self._place.key, Range=f"bytes={self._position}-", IfMatch=self._etag
            )
