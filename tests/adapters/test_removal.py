"""An expired point in a bucket: the same tombstone and the same explicit keys as in a directory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from continuity.adapters.removal import remove
from continuity.errors import UnsafeOperation
from continuity.settings import VaultSection
from tests.fixtures.object_stores import make_bucket


@pytest.fixture
def bucket_shop(shop, moto_endpoint):
    url = f"s3://{make_bucket(moto_endpoint)}/vault"
    return replace(
        shop, environment=shop.environment.model_copy(update={"vault": VaultSection(url=url, endpoint_url=moto_endpoint)})
    )


def test_points_expire_from_a_bucket(bucket_shop):
    for age in range(5):
        bucket_shop.add(age_days=age)
    going = bucket_shop.ids[3:]

    report = bucket_shop.expire()

    assert [decision.point for decision in report.going] == going
    assert len(bucket_shop.ids) == 3
    vault = bucket_shop.points.vault
    for point in going:
        assert [listed.key for listed in vault.list(f"shop/points/{point}/")] == [f"shop/points/{point}/expired.json"]
    assert not list(vault.list("probe/"))
    assert bucket_shop.expire().going == ()


def test_the_stores_own_time_is_held_against_ours(bucket_shop):
    bucket_shop.add(age_days=0)

    with pytest.raises(UnsafeOperation, match="the vault's clock says"):
        bucket_shop.expire(clock=lambda: datetime.now(UTC) + timedelta(hours=1))


def test_nothing_is_removed_of_a_point_without_a_tombstone(shop):
    point = shop.add(age_days=0).id
    before = shop.files()

    with pytest.raises(UnsafeOperation, match="has no tombstone"):
        remove(shop.points, point)

    assert shop.files() == before
