"""A vault in S3: what the network breaks, what the store refuses, and what it costs."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from continuity.adapters import s3_errors
from continuity.adapters.s3_multipart import MIB, part_sizes
from continuity.adapters.s3_vault import S3Vault, s3_client
from continuity.errors import AlreadyStored, ContinuityError, DamagedObject, NotStored, UnsafeOperation, VaultError
from tests.fixtures.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.fixtures.object_stores import make_bucket

REPOSITORY = Path(__file__).parents[2]
TOMORROW = datetime.now(UTC) + timedelta(days=1)
DATA = bytes(range(251)) * 80_000
"""Twenty megabytes: three parts."""

COMPLETE = r"^POST .*\?uploadId="
PART = r"^PUT .*partNumber="
PUT = r"^PUT (?!.*partNumber)"

MEASURE = """
import json, re, sys
from continuity.adapters.s3_vault import S3Vault, s3_client
class Zeros:
    left = int(sys.argv[3])
    def read(self, size):
        count = min(size, self.left)
        self.left -= count
        return bytes(count)
def peak():
    # Not ru_maxrss: a child inherits that of its parent (getrusage(2), Linux).
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
vault = S3Vault(sys.argv[2], "", s3_client(endpoint_url=sys.argv[1]))
vault.create("warm", b"up")
figures = {"before": peak()}
vault.upload("dump", Zeros())
figures["upload"] = peak()
with vault.open("dump") as stream:
    figures["bytes"] = sum(len(chunk) for chunk in iter(lambda: stream.read(1 << 20), b""))
figures["open"] = peak()
print(json.dumps(figures))
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_errors, "PATIENCE_SECONDS", 3.0)


@pytest.fixture
def vault(moto_endpoint: str, s3_bucket: str) -> S3Vault:
    """Make an empty vault on moto."""
    return S3Vault(s3_bucket, "vault", s3_client(endpoint_url=moto_endpoint))


@pytest.fixture
def proxy(moto_endpoint: str) -> Iterator[FaultProxy]:
    """Put a proxy in front of moto."""
    with fault_proxy(moto_endpoint) as started:
        yield started


@pytest.fixture
def broken(proxy: FaultProxy, s3_bucket: str) -> S3Vault:
    """Open the vault through the proxy, with a client that does not wait long."""
    return S3Vault(s3_bucket, "vault", s3_client(endpoint_url=proxy.url, read_timeout_seconds=2))


def keys(vault: S3Vault) -> list[str]:
    """Return what the vault lists."""
    return [found.key for found in vault.list("")]


def unfinished(vault: S3Vault) -> int:
    """Return how many multipart uploads were left."""
    return vault.discard_unfinished("", before=TOMORROW)


# The network


@pytest.mark.parametrize(("status", "matches"), [(500, [PUT, PART, COMPLETE]), (503, [PUT])])
def test_three_refusals_by_an_overloaded_store_are_survived(
    broken: S3Vault, proxy: FaultProxy, vault: S3Vault, status: int, matches: list[str]
) -> None:
    for match in matches:
        proxy.add(Fault(match=match, status=status, times=3))

    broken.create("small", b"x")
    broken.upload("large", io.BytesIO(DATA))

    assert vault.read("small") == b"x"
    assert vault.read("large") == DATA


def test_a_store_that_stays_overloaded_is_a_transient_error_and_leaves_nothing(
    broken: S3Vault, proxy: FaultProxy, vault: S3Vault
) -> None:
    proxy.add(Fault(match=PART, status=500, times=1_000))

    with pytest.raises(VaultError, match="InternalError") as caught:
        broken.upload("dump", io.BytesIO(DATA))

    assert caught.value.transient
    assert keys(vault) == []
    assert unfinished(vault) == 0


def test_a_part_outlasts_a_failure_longer_than_the_retries_of_the_sdk(broken: S3Vault, proxy: FaultProxy, vault: S3Vault) -> None:
    proxy.add(Fault(match=PART + "2&", reset_after_bytes=0, times=8))

    broken.upload("dump", io.BytesIO(DATA))

    assert vault.read("dump") == DATA


@pytest.mark.parametrize("attempts", [1, 20])
def test_a_lost_reply_to_the_completion_is_a_success(broken: S3Vault, proxy: FaultProxy, vault: S3Vault, attempts: int) -> None:
    proxy.add(Fault(match=COMPLETE, drop_response=True, times=attempts))

    size_bytes = broken.upload("dump", io.BytesIO(DATA))

    assert size_bytes == len(DATA)
    assert vault.read("dump") == DATA
    assert unfinished(vault) == 0


@pytest.mark.parametrize("refusal", ["PreconditionFailed", "NoSuchUpload"])
def test_a_completion_that_is_refused_because_it_was_done_already_is_a_success(
    vault: S3Vault, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    client = vault._client
    genuine = client.complete_multipart_upload
    status = {"PreconditionFailed": 412, "NoSuchUpload": 404}[refusal]

    def complete_and_refuse(**asked: Any) -> None:
        genuine(**asked)
        answer = {"Error": {"Code": refusal}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise client.exceptions.ClientError(answer, "CompleteMultipartUpload")  # type: ignore[arg-type]

    monkeypatch.setattr(client, "complete_multipart_upload", complete_and_refuse)

    assert vault.upload("dump", io.BytesIO(DATA)) == len(DATA)


def test_an_upload_that_something_aborts_is_worth_repeating_from_the_start(
    vault: S3Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = vault._client
    genuine = client.complete_multipart_upload

    def abort_first(**asked: Any) -> object:
        client.abort_multipart_upload(Bucket=asked["Bucket"], Key=asked["Key"], UploadId=asked["UploadId"])
        answer = {"Error": {"Code": "NoSuchUpload"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
        raise client.exceptions.ClientError(answer, "CompleteMultipartUpload")  # type: ignore[arg-type]

    monkeypatch.setattr(client, "complete_multipart_upload", abort_first)
    with pytest.raises(VaultError, match="NoSuchUpload") as caught:
        vault.upload("dump", io.BytesIO(DATA))
    monkeypatch.setattr(client, "complete_multipart_upload", genuine)

    assert caught.value.transient
    assert vault.upload("dump", io.BytesIO(DATA)) == len(DATA)


def test_a_completion_refused_because_of_another_object_is_not_taken_for_a_success(broken: S3Vault, vault: S3Vault) -> None:
    vault.upload("dump", io.BytesIO(DATA))

    with pytest.raises(AlreadyStored):
        broken.upload("dump", io.BytesIO(DATA))

    assert unfinished(vault) == 0


def test_a_lost_reply_to_a_small_object_is_a_success(broken: S3Vault, proxy: FaultProxy, vault: S3Vault) -> None:
    proxy.add(Fault(match=PUT, drop_response=True, times=2))

    broken.create("created", b"x")
    broken.upload("uploaded", io.BytesIO(b"y"))

    assert (vault.read("created"), vault.read("uploaded")) == (b"x", b"y")


def test_a_conflict_is_asked_again(broken: S3Vault, proxy: FaultProxy, vault: S3Vault) -> None:
    proxy.add(Fault(match=PUT, status=409, times=2))
    proxy.add(Fault(match=COMPLETE, status=409, times=1))

    broken.create("small", b"x")
    broken.upload("large", io.BytesIO(DATA))

    assert keys(vault) == ["large", "small"]


@pytest.mark.parametrize("at_byte", [0, 400, 1_000_000, len(DATA) - 10])
def test_reading_goes_on_where_the_connection_was_reset(broken: S3Vault, proxy: FaultProxy, vault: S3Vault, at_byte: int) -> None:
    vault.upload("dump", io.BytesIO(DATA))
    proxy.add(Fault(match="^GET ", reset_after_bytes=at_byte, times=3))

    with broken.open("dump") as stream:
        assert stream.read() == DATA


def test_reading_gives_up_when_the_connection_breaks_again_and_again(broken: S3Vault, proxy: FaultProxy, vault: S3Vault) -> None:
    vault.upload("dump", io.BytesIO(DATA))
    proxy.add(Fault(match="^GET ", reset_after_bytes=100_000, times=100))

    with broken.open("dump") as stream, pytest.raises(VaultError, match="connection broke") as caught:
        stream.read()

    assert caught.value.transient
    assert proxy.count("^GET ") < 20


def test_a_reader_who_stands_still_does_not_hang(broken: S3Vault, proxy: FaultProxy, vault: S3Vault) -> None:
    vault.create("small", b"x")
    proxy.add(Fault(match="^GET ", delay_seconds=3))

    assert broken.read("small") == b"x"


def test_an_object_that_is_replaced_while_it_is_read_is_damaged(broken: S3Vault, proxy: FaultProxy, vault: S3Vault) -> None:
    vault.upload("dump", io.BytesIO(DATA))
    proxy.add(Fault(match="^GET ", reset_after_bytes=15_000_000))

    with broken.open("dump") as stream:
        stream.read(1)
        vault.delete("dump")
        vault.upload("dump", io.BytesIO(DATA[::-1]))
        with pytest.raises(DamagedObject, match="replaced"):
            stream.read()


def test_a_store_that_keeps_fewer_bytes_is_found_out(vault: S3Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    client = vault._client
    genuine = client.head_object
    monkeypatch.setattr(client, "head_object", lambda **asked: genuine(**asked) | {"ContentLength": 1})

    with pytest.raises(DamagedObject, match="keeps 1 bytes of vault/dump, 3 were sent"):
        vault.upload("dump", io.BytesIO(b"abc"))


# What is refused


def assert_says(error: ContinuityError, hint: str) -> None:
    """Expect an error that will not pass by itself, with this in its hint and no secret anywhere."""
    assert not error.transient
    assert hint in error.hint
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in f"{error} {error.detail} {error.hint}"


def test_a_missing_bucket_is_named(moto_endpoint: str) -> None:
    vault = S3Vault("no-such-bucket", "", s3_client(endpoint_url=moto_endpoint))

    for use in (vault.check_honest, lambda: vault.read("a"), lambda: list(vault.list(""))):
        with pytest.raises(VaultError, match=r"s3://no-such-bucket .*NoSuchBucket") as caught:
            use()
        assert not isinstance(caught.value, NotStored)
        assert_says(caught.value, "Make the bucket")


def test_a_missing_permission_is_named(broken: S3Vault, proxy: FaultProxy) -> None:
    proxy.add(Fault(status=403))

    with pytest.raises(VaultError, match="AccessDenied") as caught:
        broken.create("a", b"")

    assert_says(caught.value, "s3:PutObject")
    assert len(proxy.requests) == 1


def test_a_wrong_secret_is_named(rclone_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = make_bucket(rclone_endpoint, versioned=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-is-wrong")
    vault = S3Vault(bucket, "", s3_client(endpoint_url=rclone_endpoint))

    with pytest.raises(VaultError, match="SignatureDoesNotMatch") as caught:
        vault.create("a", b"")

    assert_says(caught.value, "access key")


def test_no_credentials_at_all_are_named(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    vault = S3Vault("bucket", "", s3_client(endpoint_url=moto_endpoint))

    with pytest.raises(VaultError, match="NoCredentialsError") as caught:
        vault.create("a", b"")

    assert "access key" in caught.value.hint
    assert not caught.value.transient


def test_a_store_that_cannot_be_reached_is_a_transient_error(s3_bucket: str) -> None:
    vault = S3Vault(s3_bucket, "", s3_client(endpoint_url="http://127.0.0.1:9"))

    with pytest.raises(VaultError, match="EndpointConnectionError") as caught:
        vault.create("a", b"")

    assert caught.value.transient
    assert "endpoint_url" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "status", "hint", "transient"),
    [
        ("ExpiredToken", 400, "Renew", False),
        ("RequestTimeTooSkewed", 403, "clock", False),
        ("PermanentRedirect", 301, "region", False),
        ("NotImplemented", 501, "conditional writes", False),
        ("InternalError", 500, "repeat later", True),
        ("RequestTimeout", 400, "repeat later", True),
        ("TooManyRequests", 429, "repeat later", True),
        ("SomethingNew", 400, "manual", False),
    ],
)
def test_every_refusal_says_whether_it_passes_and_what_to_do(
    vault: S3Vault, monkeypatch: pytest.MonkeyPatch, code: str, status: int, hint: str, *, transient: bool
) -> None:
    client = vault._client

    def refuse(**_arguments: object) -> None:
        answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise client.exceptions.ClientError(answer, "PutObject")  # type: ignore[arg-type]

    monkeypatch.setattr(client, "put_object", refuse)

    with pytest.raises(VaultError, match=code) as caught:
        vault.create("a", b"")

    assert caught.value.transient is transient
    assert hint in caught.value.hint


# Other stores


def test_a_store_that_ignores_conditions_is_refused(rclone_endpoint: str) -> None:
    vault = S3Vault(make_bucket(rclone_endpoint, versioned=False), "vault", s3_client(endpoint_url=rclone_endpoint))

    with pytest.raises(UnsafeOperation, match="ignores If-None-Match") as caught:
        vault.check_honest()

    assert "conditional writes" in caught.value.hint


def test_a_store_that_ignores_only_the_second_condition_is_refused(vault: S3Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    client = vault._client
    genuine = client.put_object
    monkeypatch.setattr(
        client, "put_object", lambda **asked: genuine(**{name: asked[name] for name in asked if name != "IfMatch"})
    )

    with pytest.raises(UnsafeOperation, match="ignores If-Match"):
        vault.check_honest()


def test_checking_an_honest_store_writes_one_version_however_often(vault: S3Vault) -> None:
    vault.check_honest()
    vault.check_honest()

    versions = vault._client.list_object_versions(Bucket=vault._bucket)
    assert len(versions["Versions"]) == 1


def test_transfers_work_on_a_store_made_by_others(rclone_endpoint: str) -> None:
    vault = S3Vault(make_bucket(rclone_endpoint, versioned=False), "vault", s3_client(endpoint_url=rclone_endpoint))

    assert vault.upload("points/a/dump", io.BytesIO(DATA)) == len(DATA)
    vault.upload("points/a/small", io.BytesIO(b"x"))
    assert vault.read("points/a/dump") == DATA
    assert [(found.key, found.size_bytes) for found in vault.list("points/")] == [
        ("points/a/dump", len(DATA)),
        ("points/a/small", 1),
    ]
    vault.delete("points/a/dump")
    assert keys(vault) == ["points/a/small"]


def test_the_store_of_the_sdk_itself_is_spoken_to_with_its_checks_of_what_is_read(
    moto_endpoint: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto_endpoint)
    client = s3_client()
    client.put_object(Bucket=s3_bucket, Key="elsewhere", Body=b"x" * MIB, ChecksumAlgorithm="CRC32")
    vault = S3Vault(s3_bucket, "", client)

    vault.check_honest()
    vault.upload("dump", io.BytesIO(DATA))

    assert vault.read("dump") == DATA
    assert vault.read("elsewhere") == b"x" * MIB


def test_a_bucket_that_locks_what_is_written_takes_objects(moto_endpoint: str) -> None:
    client = s3_client(endpoint_url=moto_endpoint)
    client.create_bucket(Bucket="locked-bucket", ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket="locked-bucket",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    vault = S3Vault("locked-bucket", "", client)

    vault.create("manifest", b"facts")
    vault.upload("dump", io.BytesIO(DATA))

    assert keys(vault) == ["dump", "manifest"]


# Listing and discarding


def test_lists_past_the_thousandth_object(vault: S3Vault) -> None:
    for number in range(1_005):
        vault._client.put_object(Bucket=vault._bucket, Key=f"vault/journal/{number:04}")

    assert len(keys(vault)) == 1_005


def test_two_vaults_in_one_bucket_do_not_see_each_other(moto_endpoint: str, s3_bucket: str) -> None:
    client = s3_client(endpoint_url=moto_endpoint)
    first, second = S3Vault(s3_bucket, "vault", client), S3Vault(s3_bucket, "vault2", client)
    first.create("a", b"1")
    second.create("b", b"2")

    assert (keys(first), keys(second)) == (["a"], ["b"])


def test_discards_only_old_uploads_below_the_prefix(vault: S3Vault) -> None:
    for key in ("vault/points/a", "vault/journal/b", "elsewhere/c"):
        vault._client.create_multipart_upload(Bucket=vault._bucket, Key=key)
    # moto says of every upload that it began in 2010.
    assert vault.discard_unfinished("points/", before=datetime(2010, 1, 1, tzinfo=UTC)) == 0

    assert vault.discard_unfinished("points/", before=datetime(2011, 1, 1, tzinfo=UTC)) == 1

    left = vault._client.list_multipart_uploads(Bucket=vault._bucket)["Uploads"]
    assert sorted(upload["Key"] for upload in left) == ["elsewhere/c", "vault/journal/b"]


# Sizes


@pytest.mark.parametrize("expected_bytes", [0, 1, 64 << 30, 1 << 40, 5 << 40])
def test_parts_are_equal_as_long_as_the_estimate_holds_and_fit_far_more(expected_bytes: int) -> None:
    equal = list(islice(part_sizes(expected_bytes), 8_000))
    every = list(islice(part_sizes(expected_bytes), 10_000))

    assert len(set(equal)) == 1
    assert equal[0] >= 8 * MIB
    assert sum(equal) >= expected_bytes
    assert sum(every) >= 2 * expected_bytes
    assert max(every) <= 5 << 30


def test_a_stream_past_the_last_part_is_refused_with_the_remedy() -> None:
    with pytest.raises(VaultError, match="10000 parts") as caught:
        list(part_sizes(0))

    assert "Estimate" in caught.value.hint


def test_memory_stays_flat_over_two_hundred_megabytes(moto_process: str) -> None:
    size_bytes = 200_000_000
    bucket = make_bucket(moto_process)

    child = subprocess.run(
        [sys.executable, "-c", MEASURE, moto_process, bucket, str(size_bytes)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )

    figures = json.loads(child.stdout)
    print({name: f"{value / MIB:.0f} MiB" for name, value in figures.items()})  # noqa: T201 -- shown by pytest -rP
    assert figures["bytes"] == size_bytes
    assert figures["upload"] - figures["before"] < 40 * MIB
    assert figures["open"] < 100 * MIB
