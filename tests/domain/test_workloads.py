"""References of images, as registries, runtimes and people write them."""

import pytest

from continuity.domain.workloads import ContainerImage, digest_in, is_mutable, release_of, repository_of

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        (f"registry.example/blottr@{DIGEST}", DIGEST),
        (f"registry.example:5000/team/blottr:1.4@{DIGEST}", DIGEST),
        (f"docker-pullable://registry.example/blottr@{DIGEST}", DIGEST),
        (DIGEST, ""),
        ("registry.example/blottr:1.4", ""),
        (f"registry.example/blottr@{DIGEST[:-1]}", ""),
        ("", ""),
    ],
)
def test_only_a_digest_that_can_be_pulled_is_one(reference, digest) -> None:
    assert digest_in(reference) == digest


@pytest.mark.parametrize(
    ("reference", "repository", "mutable"),
    [
        ("nginx", "nginx", True),
        ("nginx:latest", "nginx", True),
        ("nginx:1.27", "nginx", False),
        ("registry.example:5000/blottr", "registry.example:5000/blottr", True),
        ("registry.example:5000/blottr:1.4", "registry.example:5000/blottr", False),
        (f"registry.example/blottr:latest@{DIGEST}", "registry.example/blottr", False),
    ],
)
def test_a_registrys_port_is_no_tag(reference, repository, mutable) -> None:
    assert repository_of(reference) == repository
    assert is_mutable(reference) is mutable


def test_an_image_is_pinned_by_its_digest_alone() -> None:
    image = ContainerImage(container="web", reference="registry.example:5000/blottr:1.4", digest=DIGEST)

    assert image.pinned == f"registry.example:5000/blottr@{DIGEST}"


def test_an_annotation_tells_the_release_before_a_label_does() -> None:
    told = release_of({"org.opencontainers.image.version": "2"}, {"app.kubernetes.io/version": "1"})

    assert (told.version, told.revision) == ("2", "")
