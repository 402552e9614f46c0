"""How a listing is read: the order in which a store tells entries decides, and not the SDK's two lists."""

from datetime import UTC, datetime

import pytest
from botocore.awsrequest import AWSResponse

from continuity.adapters.media_versions import VersionedBucket
from continuity.adapters.s3_vault import s3_client
from continuity.domain.media_rollback import Act, Change, change_since
from tests.fixtures.media import bucket_on

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>media</Name><EncodingType>url</EncodingType>
<IsTruncated>false</IsTruncated>{}</ListVersionsResult>"""


class Raw:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_):
        yield self._data


def _entry(kind, key, version, at, *, latest=False):
    more = "<ETag>&quot;0&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass>" if kind == "Version" else ""
    moment = f"2026-11-24T{at}:00.000Z"
    return (
        f"<{kind}><Key>{key}</Key><VersionId>{version}</VersionId><IsLatest>{str(latest).lower()}</IsLatest>"
        f"<LastModified>{moment}</LastModified>{more}</{kind}>"
    )


@pytest.fixture
def answering(aws_environment):
    """Make a bucket whose store answers with these entries, in this order."""

    def make(*entries):
        client = s3_client(endpoint_url="http://nowhere.invalid")
        body = PAGE.format("".join(entries)).encode()
        answer = lambda request, **_: AWSResponse(request.url, 200, {}, Raw(body))  # noqa: E731 -- a handler
        client.meta.events.register("before-send.s3.ListObjectVersions", answer)
        return VersionedBucket(client, "media")

    return make


def _ids(history):
    return [version.id for version in history.versions]


def test_the_order_of_the_store_is_kept_where_moments_would_tell_another(answering):
    # v2 was sent in parts from 10:00 to 10:10: its moment is the one at which it was begun, below a marker of 10:05.
    bucket = answering(
        _entry("Version", "a", "v3", "10:20", latest=True),
        _entry("Version", "a", "v2", "10:00"),
        _entry("DeleteMarker", "a", "d", "10:05"),
        _entry("Version", "a", "v1", "09:00"),
    )

    [history] = bucket.histories("")

    assert (_ids(history), history.ordered) == (["v3", "v2", "d", "v1"], True)
    action = change_since(history, datetime(2026, 11, 24, 10, 15, tzinfo=UTC))
    assert (action.change, action.wanted.id) == (Change.OVERWRITES, "v2")


def test_one_second_for_all_is_no_riddle_where_the_store_tells_the_order(answering):
    bucket = answering(
        _entry("DeleteMarker", "a", "d2", "11:00", latest=True),
        _entry("Version", "a", "v1", "09:00"),
        _entry("DeleteMarker", "a", "d1", "09:00"),
        _entry("Version", "b", "v", "09:00", latest=True),
    )

    first, second = bucket.histories("")

    assert (_ids(first), _ids(second)) == (["d2", "v1", "d1"], ["v"])
    action = change_since(first, datetime(2026, 11, 24, 10, tzinfo=UTC))
    assert (action.act, action.wanted.id) == (Act.REMOVE_MARKER, "v1")


def test_keys_are_what_they_are(moto_endpoint):
    bucket = bucket_on(moto_endpoint)
    keys = ["a b+c", "é/ü%20.jpg", "<&>\"'", "日本", "a\u0301", "𝄞"]
    for key in keys:
        bucket.put(key, "x")

    opened = VersionedBucket(bucket.client, bucket.name)

    assert [history.key for history in opened.histories("")] == sorted(keys, key=str.encode)
    assert all(opened.history(key).key == key for key in keys)


def test_a_key_that_is_the_beginning_of_others_is_told_apart(moto_endpoint):
    bucket = bucket_on(moto_endpoint)
    for key in ("a", "a.bak", "ab"):
        bucket.put(key, key)

    opened = VersionedBucket(bucket.client, bucket.name)

    assert len(opened.history("a").versions) == 1
    assert opened.history("b") is None


def test_a_history_over_several_pages_is_one(moto_endpoint):
    bucket = bucket_on(moto_endpoint)
    for number in range(7):
        bucket.put("a", f"{number}", number - 8)
        bucket.put("b", f"{number}", number - 8)
    pages = []

    def in_fours(params, **_):
        pages.append(params)
        return {**params, "MaxKeys": 4}

    bucket.client.meta.events.register("provide-client-params.s3.ListObjectVersions", in_fours)

    histories = list(VersionedBucket(bucket.client, bucket.name).histories(""))

    assert [(history.key, len(history.versions)) for history in histories] == [("a", 7), ("b", 7)]
    assert len(pages) == 4


def test_a_version_of_an_object_is_never_deleted_whoever_asks(moto_endpoint):
    bucket = bucket_on(moto_endpoint)
    bucket.put("a", "x")
    opened = VersionedBucket(bucket.client, bucket.name)

    with pytest.raises(ValueError, match="never deleted"):
        opened.remove_marker("a", opened.history("a").current)
