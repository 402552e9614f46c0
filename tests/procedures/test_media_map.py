import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import boto3
import pytest

from continuity.adapters.sealing import unseal_to
from continuity.domain.application import MediaBucket
from continuity.domain.recovery_point import ReplicaCopy
from continuity.domain.rollback import Scope
from continuity.errors import UnsafeOperation
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.procedures.standing import assess_application
from continuity.steps.operation import perform_plainly
from continuity.steps.places import vault_of
from tests.fixtures.object_stores import make_bucket


def _with_media(protect, endpoint, bucket, prefix=""):
    protected = protect("guestbook")
    media = protected.environment.media.model_copy(update={"endpoint_url": endpoint})
    return replace(
        protected,
        application=replace(protected.application, media=MediaBucket(bucket=bucket, prefix=prefix)),
        environment=protected.environment.model_copy(update={"media": media}),
    )


def _lines(protected, manifest):
    target = BytesIO()
    unseal_to(vault_of(protected.environment), manifest.media.versions, target)
    return [json.loads(line) for line in target.getvalue().splitlines()]


def test_the_map_names_the_current_version_of_every_file(protect, moto_endpoint):
    bucket = make_bucket(moto_endpoint)
    client = boto3.client("s3", endpoint_url=moto_endpoint)
    for key in ("tattoos/é a.jpg", "tattoos/b.jpg", "other/c.jpg", "tattoos/gone.jpg"):
        client.put_object(Bucket=bucket, Key=key, Body=b"first")
    newest = client.put_object(Bucket=bucket, Key="tattoos/b.jpg", Body=b"second!")["VersionId"]
    client.delete_object(Bucket=bucket, Key="tattoos/gone.jpg")
    protected = _with_media(protect, moto_endpoint, bucket, prefix="tattoos/")

    manifest = protected.back_up()

    assert (manifest.media.objects, manifest.media.total_bytes, manifest.media.versioned) == (2, 12, True)
    lines = _lines(protected, manifest)
    assert [line["key"] for line in lines] == ["tattoos/b.jpg", "tattoos/é a.jpg"]
    assert lines[0]["version"] == newest
    assert lines[0]["bytes"] == 7
    assert protected.drill().verdict.proven
    here = (protected.application, protected.environment)
    plan = make_plan(*here, RollbackWish(scope=Scope.DATABASE), perform=perform_plainly, now=datetime.now(UTC))
    said = "media is not protected: no replica holds its bytes (`[media] replica_bucket`)"
    assert said in plan.estimates.notes
    assert said in assess_application(*here, now=datetime.now(UTC)).status.to_look
    assert any("no replica holds the bytes" in each for each in manifest.not_included)
    assert any(each.startswith("media replica: media is not protected") for each in manifest.warnings)


def test_a_backup_with_a_replica_says_in_its_manifest_that_every_file_is_there(protect, moto_endpoint):
    bucket, replica = make_bucket(moto_endpoint), make_bucket(moto_endpoint)
    client = boto3.client("s3", endpoint_url=moto_endpoint)
    client.put_object(Bucket=bucket, Key="tattoos/a.jpg", Body=b"four")
    protected = _with_media(protect, moto_endpoint, bucket)
    media = protected.environment.media.model_copy(update={"replica_bucket": replica, "replica_endpoint_url": moto_endpoint})
    manifest = protected.back_up(media=media)

    [copied] = client.list_objects_v2(Bucket=replica)["Contents"]
    assert client.get_object(Bucket=replica, Key=copied["Key"])["Body"].read() == b"four"
    assert manifest.media.replica == ReplicaCopy(bucket=replica, missing=0, missing_bytes=0, copied=1, copied_bytes=4)
    assert protected.points.read_manifest(manifest.id) == manifest
    assert not any("media" in each for each in (*manifest.not_included, *manifest.warnings))


def test_a_bucket_without_versions_is_warned_of(protect, moto_endpoint):
    protected = _with_media(protect, moto_endpoint, make_bucket(moto_endpoint, versioned=False))

    manifest = protected.back_up()

    assert not manifest.media.versioned
    assert any("keeps no versions" in warning for warning in manifest.warnings)


def test_a_missing_bucket_is_a_failed_precondition(protect, moto_endpoint):
    protected = _with_media(protect, moto_endpoint, "no-such-bucket")

    with pytest.raises(UnsafeOperation) as refused:
        protected.back_up()

    assert "media bucket no-such-bucket: NoSuchBucket" in refused.value.detail


def test_a_damaged_media_map_is_found_by_the_drill(protect, moto_endpoint):
    bucket = make_bucket(moto_endpoint)
    boto3.client("s3", endpoint_url=moto_endpoint).put_object(Bucket=bucket, Key="a", Body=b"x")
    protected = _with_media(protect, moto_endpoint, bucket)
    manifest = protected.back_up()
    (protected.vault_folder / manifest.media.versions.key).write_bytes(b"nothing")

    verdict = protected.drill().verdict

    assert not verdict.proven
    assert verdict.trouble.value == "the stored bytes are bad"
