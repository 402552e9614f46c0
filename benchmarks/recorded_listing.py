"""A bucket's listing as S3 answers it, page by page, without a server: XML made as it is asked for, read by the SDK itself."""

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSResponse

from continuity.adapters.s3_vault import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOMENT = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS_A_PAGE = 830
"""With markers and former versions about a thousand entries, which is what S3 tells at once."""


def recorded_client(objects: int) -> "S3Client":
    """Return a client for which a bucket holds so many objects; of ten one was deleted, one overwritten, one added since noon."""
    client = s3_client(endpoint_url="http://nowhere.invalid", region="us-east-1")
    client.meta.events.register("before-send.s3.ListObjectVersions", lambda request, **_: _answer(request.url, objects))
    return client


def _answer(url: str, objects: int) -> AWSResponse:
    asked = parse_qs(urlsplit(url).query)
    first = int(asked["key-marker"][0].split("/")[-1]) + 1 if "key-marker" in asked else 0
    last = min(first + KEYS_A_PAGE, objects)
    more = last < objects
    entries = "".join(map(_entries, range(first, last)))
    marker = f"<NextKeyMarker>{_key(last - 1)}</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>" if more else ""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>media</Name><EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{marker}{entries}"
        "</ListVersionsResult>"
    )
    return AWSResponse(url, 200, {"content-type": "application/xml"}, _Raw(body.encode()))


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.getvalue()


def _key(number: int) -> str:
    return f"tattoos/{number:09}"


def _entries(number: int) -> str:
    match number % 10:
        case 0:
            return _marker(number, hours=1) + _version(number, hours=-1, latest=False)
        case 1:
            return _version(number, hours=1) + _version(number, hours=-1, latest=False)
        case 2:
            return _version(number, hours=1)
        case _:
            return _version(number, hours=-1)


def _version(number: int, *, hours: int, latest: bool = True) -> str:
    return (
        f"<Version><Key>{_key(number)}</Key>{_common(number, hours, latest=latest)}"
        f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{300_000 + number % 100_000}</Size><StorageClass>STANDARD</StorageClass>"
        "</Version>"
    )


def _marker(number: int, *, hours: int) -> str:
    return f"<DeleteMarker><Key>{_key(number)}</Key>{_common(number, hours, latest=True)}</DeleteMarker>"


def _common(number: int, hours: int, *, latest: bool) -> str:
    moment = MOMENT + timedelta(hours=hours)
    return (
        f"<VersionId>{number:026x}{hours % 24:06}</VersionId><IsLatest>{str(latest).lower()}</IsLatest>"
        f"<LastModified>{moment:%Y-%m-%dT%H:%M:%S.000Z}</LastModified><Owner><ID>{'0' * 64}</ID></Owner>"
    )
