"""A vault in S3 over a network that breaks: what is survived, what is given up, and that nothing half done is left."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from continuity.adapters.s3_vault import S3Vault
from continuity.errors import AlreadyStored, DamagedObject, VaultError
from tests.fixtures.fault_proxy import Fault, FaultProxy

TOMORROW = datetime.now(UTC) + timedelta(days=1)
DATA = bytes(range(251)) * 80_000
"""Twenty megabytes: three parts."""

COMPLETE = r"^POST .*\?uploadId="
PART = r"^PUT .*partNumber="
PUT = r"^PUT (?!.*partNumber)"


def keys(vault: S3Vault) -> list[str]:
    return [found.key for found in vault.list("")]


def unfinished(vault: S3Vault) -> int:
    return vault.discard_unfinished("", before=TOMORROW)


@pytest.mark.parametrize(("status", "matches"), [(500, [PUT, PART, COMPLETE]), (503, [PUT])])
def test_three_refusals_by_an_overloaded_store_are_survived(
    behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault, status: int, matches: list[str]
) -> None:
    for match in matches:
        s3_proxy.add(Fault(match=match, status=status, times=3))

    behind_proxy.create("small", b"x")
    behind_proxy.upload("large", io.BytesIO(DATA))

    assert s3_vault.read("small") == b"x"
    assert s3_vault.read("large") == DATA


def test_a_store_that_stays_overloaded_is_a_transient_error_and_leaves_nothing(
    behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault
) -> None:
    s3_proxy.add(Fault(match=PART, status=500, times=1_000))

    with pytest.raises(VaultError, match="InternalError") as caught:
        behind_proxy.upload("dump", io.BytesIO(DATA))

    assert caught.value.transient
    assert keys(s3_vault) == []
    assert unfinished(s3_vault) == 0


def test_a_part_outlasts_a_failure_longer_than_the_retries_of_the_sdk(
    behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault
) -> None:
    s3_proxy.add(Fault(match=PART + "2&", reset_after_bytes=0, times=8))

    behind_proxy.upload("dump", io.BytesIO(DATA))

    assert s3_vault.read("dump") == DATA


@pytest.mark.parametrize("attempts", [1, 20])
def test_a_lost_reply_to_the_completion_is_a_success(
    behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault, attempts: int
) -> None:
    s3_proxy.add(Fault(match=COMPLETE, drop_response=True, times=attempts))

    size_bytes = behind_proxy.upload("dump", io.BytesIO(DATA))

    assert size_bytes == len(DATA)
    assert s3_vault.read("dump") == DATA
    assert unfinished(s3_vault) == 0


@pytest.mark.parametrize("refusal", ["PreconditionFailed", "NoSuchUpload"])
def test_a_completion_that_is_refused_because_it_was_done_already_is_a_success(
    s3_vault: S3Vault, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    client = s3_vault._client
    genuine = client.complete_multipart_upload
    status = {"PreconditionFailed": 412, "NoSuchUpload": 404}[refusal]

    def complete_and_refuse(**asked: Any) -> None:
        genuine(**asked)
        answer = {"Error": {"Code": refusal}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise client.exceptions.ClientError(answer, "CompleteMultipartUpload")  # type: ignore[arg-type]

    monkeypatch.setattr(client, "complete_multipart_upload", complete_and_refuse)

    assert s3_vault.upload("dump", io.BytesIO(DATA)) == len(DATA)


def test_an_upload_that_something_aborts_is_worth_repeating_from_the_start(
    s3_vault: S3Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3_vault._client
    genuine = client.complete_multipart_upload

    def abort_first(**asked: Any) -> object:
        client.abort_multipart_upload(Bucket=asked["Bucket"], Key=asked["Key"], UploadId=asked["UploadId"])
        answer = {"Error": {"Code": "NoSuchUpload"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
        raise client.exceptions.ClientError(answer, "CompleteMultipartUpload")  # type: ignore[arg-type]

    monkeypatch.setattr(client, "complete_multipart_upload", abort_first)
    with pytest.raises(VaultError, match="NoSuchUpload") as caught:
        s3_vault.upload("dump", io.BytesIO(DATA))
    monkeypatch.setattr(client, "complete_multipart_upload", genuine)

    assert caught.value.transient
    assert s3_vault.upload("dump", io.BytesIO(DATA)) == len(DATA)


def test_a_completion_refused_because_of_another_object_is_not_taken_for_a_success(
    behind_proxy: S3Vault, s3_vault: S3Vault
) -> None:
    s3_vault.upload("dump", io.BytesIO(DATA))

    with pytest.raises(AlreadyStored):
        behind_proxy.upload("dump", io.BytesIO(DATA))

    assert unfinished(s3_vault) == 0


def test_a_lost_reply_to_a_small_object_is_a_success(behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault) -> None:
    s3_proxy.add(Fault(match=PUT, drop_response=True, times=2))

    behind_proxy.create("created", b"x")
    behind_proxy.upload("uploaded", io.BytesIO(b"y"))

    assert (s3_vault.read("created"), s3_vault.read("uploaded")) == (b"x", b"y")


def test_a_conflict_is_asked_again(behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault) -> None:
    s3_proxy.add(Fault(match=PUT, status=409, times=2))
    s3_proxy.add(Fault(match=COMPLETE, status=409, times=1))

    behind_proxy.create("small", b"x")
    behind_proxy.upload("large", io.BytesIO(DATA))

    assert keys(s3_vault) == ["large", "small"]


@pytest.mark.parametrize("at_byte", [0, 400, 1_000_000, len(DATA) - 10])
def test_reading_goes_on_where_the_connection_was_reset(
    behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault, at_byte: int
) -> None:
    s3_vault.upload("dump", io.BytesIO(DATA))
    s3_proxy.add(Fault(match="^GET ", reset_after_bytes=at_byte, times=3))

    with behind_proxy.open("dump") as stream:
        assert stream.read() == DATA


def test_reading_gives_up_when_the_connection_breaks_again_and_again(
    behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault
) -> None:
    s3_vault.upload("dump", io.BytesIO(DATA))
    s3_proxy.add(Fault(match="^GET ", reset_after_bytes=100_000, times=100))

    with behind_proxy.open("dump") as stream, pytest.raises(VaultError, match="connection broke") as caught:
        stream.read()

    assert caught.value.transient
    assert s3_proxy.count("^GET ") < 20


def test_a_reader_who_stands_still_does_not_hang(behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault) -> None:
    s3_vault.create("small", b"x")
    s3_proxy.add(Fault(match="^GET ", delay_seconds=3))

    assert behind_proxy.read("small") == b"x"


def test_an_object_that_is_replaced_while_it_is_read_is_damaged(
    behind_proxy: S3Vault, s3_proxy: FaultProxy, s3_vault: S3Vault
) -> None:
    s3_vault.upload("dump", io.BytesIO(DATA))
    s3_proxy.add(Fault(match="^GET ", reset_after_bytes=15_000_000))

    with behind_proxy.open("dump") as stream:
        stream.read(1)
        s3_vault.delete("dump")
        s3_vault.upload("dump", io.BytesIO(DATA[::-1]))
        with pytest.raises(DamagedObject, match="replaced"):
            stream.read()


def test_a_store_that_keeps_fewer_bytes_is_found_out(s3_vault: S3Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    client = s3_vault._client
    genuine = client.head_object
    monkeypatch.setattr(client, "head_object", lambda **asked: genuine(**asked) | {"ContentLength": 1})

    with pytest.raises(DamagedObject, match="keeps 1 bytes of vault/dump, 3 were sent"):
        s3_vault.upload("dump", io.BytesIO(b"abc"))
