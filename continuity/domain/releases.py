"""Which images must not be gone back to: those that a person has marked as bad, and those that do not fit the data. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import Manifest, PointState
from continuity.domain.workloads import ContainerImage, WorkloadState, digest_in, is_mutable, repository_of
from continuity.errors import ConfigurationRefused, UnsafeOperation

DIGEST_SHOWN = 19  # "sha256:" and twelve digits


@dataclass(frozen=True, kw_only=True)
class BadImage:
    """A person's word that an image must not run again."""

    application: ApplicationName
    image: str
    because: str
    by: str
    at: datetime

    @property
    def digest(self) -> str:
        """The digest that the mark is about, whatever the repository is called."""
        return digest_in(self.image)


def refuses_release(bad: Sequence[BadImage]) -> Callable[[Manifest], str]:
    """Return why a point's release must not be gone back to, or "" where nothing is known against it."""
    marks = {each.digest: each for each in bad}

    def why(manifest: Manifest) -> str:
        for state in manifest.workloads.states if manifest.workloads else ():
            for image in state.images:
                if image.container in state.ref.containers and (mark := marks.get(image.digest)):
                    return f"its image {image.digest[:DIGEST_SHOWN]}… is marked as bad: {mark.because}"
        return ""

    return why


def with_image(
    states: Sequence[WorkloadState], image: str, *, points: Sequence[PointState], head: str, bad: Sequence[BadImage]
) -> tuple[WorkloadState, ...]:
    """Return the recorded workloads with another image, where a person names one instead of the point's.

    An image fits the data where some point shows that it ran with the same newest migration. One that is known with other
    migrations only is refused; of one that no point knows nothing can be said (see `known_heads`).

    Raises:
        ConfigurationRefused: the reference is no digest, or it is not clear which container it is for.
        UnsafeOperation: the image is marked as bad, or it needs another state of the data.

    """
    digest = digest_in(image)
    if not digest:
        kind = "a tag that moves" if is_mutable(image) else "a tag"
        raise ConfigurationRefused(f"{image!r} is {kind}: it may mean another image tomorrow", hint="Give REPOSITORY@sha256:….")
    for mark in bad:
        if mark.digest == digest:
            raise UnsafeOperation(
                f"{digest[:DIGEST_SHOWN]}… is marked as bad: {mark.because}",
                detail="Nothing was changed.",
                hint="Name another image.",
            )
    heads = known_heads(points).get(digest, set())
    if heads and head not in heads:
        raise UnsafeOperation(
            f"{digest[:DIGEST_SHOWN]}… ran with migration {', '.join(sorted(heads))}, the point is at {head or 'none'}",
            detail="Nothing was changed.",
            hint="Choose a point of that migration, or an image that fits this one.",
        )
    fitting = [
        (state, container)
        for state in states
        for container in state.ref.containers
        if (known := state.image_of(container)) and repository_of(known.reference) == repository_of(image)
    ]
    if len(fitting) != 1:
        raise ConfigurationRefused(
            f"{len(fitting)} containers of the point run an image of {repository_of(image)}",
            hint="Name an image of the repository that one container runs.",
        )
    chosen, container = fitting[0]
    return tuple(_replaced(state, container, image, digest) if state is chosen else state for state in states)


def known_heads(points: Sequence[PointState]) -> Mapping[str, set[str]]:
    """Return with which newest migrations each image has been seen to run, by its digest."""
    heads: dict[str, set[str]] = {}
    for point in points:
        manifest = point.manifest
        for state in manifest.workloads.states if manifest.workloads else ():
            for image in state.images:
                if image.digest and manifest.migration_head:
                    heads.setdefault(image.digest, set()).add(manifest.migration_head)
    return heads


def _replaced(state: WorkloadState, container: str, image: str, digest: str) -> WorkloadState:
    images = tuple(
        ContainerImage(container=container, reference=image, digest=digest) if each.container == container else each
        for each in state.images
    )
    # The marks say the release of the recorded image, and would lie about this one.
    return replace(state, images=images, marks=())
