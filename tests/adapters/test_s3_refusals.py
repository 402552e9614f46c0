"""What S3 refuses: every error says what was asked of which vault, whether it passes by itself, and what to do."""

import os

import pytest

from continuity.adapters.s3_vault import S3Vault, s3_client
from continuity.errors import ContinuityError, NotStored, VaultError
from tests.fixtures.fault_proxy import Fault, FaultProxy
from tests.fixtures.object_stores import make_bucket


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


def test_a_missing_permission_is_named(behind_proxy: S3Vault, s3_proxy: FaultProxy) -> None:
    s3_proxy.add(Fault(status=403))

    with pytest.raises(VaultError, match="AccessDenied") as caught:
        behind_proxy.create("a", b"")

    assert_says(caught.value, "s3:PutObject")
    assert len(s3_proxy.requests) == 1


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
    s3_vault: S3Vault, monkeypatch: pytest.MonkeyPatch, code: str, status: int, hint: str, *, transient: bool
) -> None:
    client = s3_vault._client

    def refuse(**_arguments: object) -> None:
        answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise client.exceptions.ClientError(answer, "PutObject")  # type: ignore[arg-type]

    monkeypatch.setattr(client, "put_object", refuse)

    with pytest.raises(VaultError, match=code) as caught:
        s3_vault.create("a", b"")

    assert caught.value.transient is transient
    assert hint in caught.value.hint
