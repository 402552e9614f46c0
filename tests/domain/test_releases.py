"""Which images are gone back to: none that is marked as bad, and none that is known to need other data."""

from dataclasses import replace

import pytest

from continuity.domain.application import ApplicationName, WorkloadRef
from continuity.domain.releases import BadImage, known_heads, refuses_release, with_image
from continuity.domain.workloads import CapturedWorkloads, ContainerImage, WorkloadState
from continuity.errors import ConfigurationRefused, UnsafeOperation
from tests.fixtures.point_builders import NOW, make_point

OLD, NEW, UNKNOWN = (f"registry.example/shop@sha256:{digit * 64}" for digit in "abc")
REF = WorkloadRef(namespace="shop", name="web", containers=("app",))


def running(image: str) -> WorkloadState:
    image = ContainerImage(container="app", reference=image, digest=image.partition("@")[2])
    return WorkloadState(
        ref=REF, uid="1", resource_version="1", generation=1, replicas=1, images=(image,), template_sha256="", marks=()
    )


def point(image: str, head: str):
    state = make_point()
    captured = CapturedWorkloads(cluster_uid="1", taken=NOW, states=(running(image),))
    return replace(state, manifest=replace(state.manifest, workloads=captured, migration_head=head))


def bad(image: str) -> BadImage:
    return BadImage(application=ApplicationName("shop"), image=image, because="loses orders", by="ada", at=NOW)


def test_a_point_whose_image_is_marked_as_bad_is_refused_with_the_reason():
    refused = refuses_release([bad(NEW)])

    assert "loses orders" in refused(point(NEW, "2").manifest)
    assert refused(point(OLD, "1").manifest) == ""
    assert refused(make_point().manifest) == ""


def test_an_image_fits_where_a_point_shows_that_it_ran_with_the_same_migration():
    points = [point(OLD, "1"), point(NEW, "2"), point(OLD, "2")]

    assert known_heads(points) == {OLD.partition("@")[2]: {"1", "2"}, NEW.partition("@")[2]: {"2"}}
    [state] = with_image([running(NEW)], OLD, points=points, head="2", bad=[])
    assert state.image_of("app").pinned == OLD


def test_an_image_that_is_known_with_a_newer_migration_only_is_refused():
    with pytest.raises(UnsafeOperation, match="ran with migration 2, the point is at 1"):
        with_image([running(OLD)], NEW, points=[point(NEW, "2")], head="1", bad=[])


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("registry.example/shop:latest", "a tag that moves"),
        ("registry.example/shop:1.4", "is a tag"),
        (UNKNOWN.replace("shop", "other"), "0 containers of the point run an image of registry.example/other"),
    ],
)
def test_an_image_that_is_no_digest_or_of_no_container_is_refused(image, why):
    with pytest.raises(ConfigurationRefused, match=why):
        with_image([running(OLD)], image, points=[], head="1", bad=[])


def test_an_image_that_is_marked_as_bad_cannot_be_named_either():
    with pytest.raises(UnsafeOperation, match="marked as bad"):
        with_image([running(OLD)], NEW, points=[], head="1", bad=[bad(NEW)])
