"""A vault in S3: which stores it trusts, what it lists, how it cuts a stream into parts, and what that costs."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from continuity.adapters.s3_multipart import MIB, part_sizes
from continuity.adapters.s3_vault import S3Vault, s3_client
from continuity.errors import UnsafeOperation, VaultError
from tests.fixtures.object_stores import make_bucket

REPOSITORY = Path(__file__).parents[2]
DATA = bytes(range(251)) * 80_000
"""Twenty megabytes: three parts."""

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


def keys(vault: S3Vault) -> list[str]:
    return [found.key for found in vault.list("")]


def test_a_store_that_ignores_conditions_is_refused(rclone_endpoint: str) -> None:
    vault = S3Vault(make_bucket(rclone_endpoint, versioned=False), "vault", s3_client(endpoint_url=rclone_endpoint))

    with pytest.raises(UnsafeOperation, match="ignores If-None-Match") as caught:
        vault.check_honest()

    assert "conditional writes" in caught.value.hint


def test_a_store_that_ignores_only_the_second_condition_is_refused(s3_vault: S3Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    client = s3_vault._client
    genuine = client.put_object
    monkeypatch.setattr(
        client, "put_object", lambda **asked: genuine(**{name: asked[name] for name in asked if name != "IfMatch"})
    )

    with pytest.raises(UnsafeOperation, match="ignores If-Match"):
        s3_vault.check_honest()


def test_checking_an_honest_store_writes_one_version_however_often(s3_vault: S3Vault) -> None:
    s3_vault.check_honest()
    s3_vault.check_honest()

    versions = s3_vault._client.list_object_versions(Bucket=s3_vault._bucket)
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


def test_lists_past_the_thousandth_object(s3_vault: S3Vault) -> None:
    for number in range(1_005):
        s3_vault._client.put_object(Bucket=s3_vault._bucket, Key=f"vault/journal/{number:04}")

    assert len(keys(s3_vault)) == 1_005


def test_two_vaults_in_one_bucket_do_not_see_each_other(moto_endpoint: str, s3_bucket: str) -> None:
    client = s3_client(endpoint_url=moto_endpoint)
    first, second = S3Vault(s3_bucket, "vault", client), S3Vault(s3_bucket, "vault2", client)
    first.create("a", b"1")
    second.create("b", b"2")

    assert (keys(first), keys(second)) == (["a"], ["b"])


def test_discards_only_old_uploads_below_the_prefix(s3_vault: S3Vault) -> None:
    for key in ("vault/points/a", "vault/journal/b", "elsewhere/c"):
        s3_vault._client.create_multipart_upload(Bucket=s3_vault._bucket, Key=key)
    # moto says of every upload that it began in 2010.
    assert s3_vault.discard_unfinished("points/", before=datetime(2010, 1, 1, tzinfo=UTC)) == 0

    assert s3_vault.discard_unfinished("points/", before=datetime(2011, 1, 1, tzinfo=UTC)) == 1

    left = s3_vault._client.list_multipart_uploads(Bucket=s3_vault._bucket)["Uploads"]
    assert sorted(upload["Key"] for upload in left) == ["elsewhere/c", "vault/journal/b"]


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


def test_discards_the_upload_of_a_process_that_is_gone_however_young(s3_vault: S3Vault) -> None:
    place = s3_vault._place("points/x")
    for key in ("points/gone/dump", "points/alive/dump"):
        s3_vault._client.create_multipart_upload(Bucket=place.bucket, Key=s3_vault._place(key).key)

    assert (
        s3_vault.discard_unfinished("points/", before=datetime(2010, 1, 1, tzinfo=UTC), abandoned=lambda key: "gone" in key) == 1
    )
    assert s3_vault.discard_unfinished("points/", before=datetime(2999, 1, 1, tzinfo=UTC)) == 1
