"""Which release is built anew where no digest of its image is known: a tag of the application's git repository. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from continuity.domain.application import Application, ReleaseSource
from continuity.domain.plan import PlannedStep
from continuity.domain.workloads import ContainerImage, ReleaseIdentity, WorkloadState, repository_of, tag_in
from continuity.errors import UnsafeOperation

BUILD = "build the image"
TAGS_SHOWN = 10
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]*")
"""Tags that a command may be given: none of them is an option, and none means anything to a shell."""
_PRE_RELEASE = re.compile(r"\d+\.\d+\.\d+-")
"""What is not stable (Semantic Versioning 2.0.0, item 9)."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HINT = "Give --image REFERENCE@sha256:…, or --scope database."


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A git tag, the commit that it names now, and when it (or, without an annotation, its commit) was made."""

    name: str
    commit: str
    created: datetime


@dataclass(frozen=True, kw_only=True)
class LostImage:
    """An image that a point knows by a tag only, of the workload as it was `then`; `now` runs in its place."""

    container: str
    then: WorkloadState
    now: WorkloadState

    @property
    def image(self) -> ContainerImage:
        """The image as the point knows it."""
        return next(image for image in self.then.images if image.container == self.container)


@dataclass(frozen=True, kw_only=True)
class ReleaseBuild:
    """A release that is built anew, bound to its commit: a tag may be moved."""

    application: str
    repository: Path
    tag: str
    commit: str
    command: tuple[str, ...]
    image: str
    """The registry's repository, of which the build has to give an image."""
    because: str

    @property
    def name(self) -> str:
        """The name of the step that builds it, by which later steps find the image."""
        return f"build the release of {self.application}"

    @property
    def note(self) -> str:
        """What whoever approves has to know."""
        return (
            f"{self.tag} is built anew ({self.because}), since the point knows no digest of {self.image}: a build in an "
            "emergency is slow, and may not give the image that ran then"
        )

    @property
    def step(self) -> PlannedStep:
        """Plan to build it. The commit is part of the plan's hash."""
        return PlannedStep(
            name=self.name,
            kind=BUILD,
            target=f"tag {self.tag}, commit {self.commit}, of {self.repository}",
            arguments={
                "repository": str(self.repository),
                "tag": self.tag,
                "commit": self.commit,
                "command": list(self.command),
                "image repository": self.image,
            },
        )


@dataclass(frozen=True, kw_only=True)
class CommitBuild:
    """A build of the commit that an earlier step of the same run has made: `committed_by` is the name of that step."""

    application: str
    repository: Path
    committed_by: str
    command: tuple[str, ...]
    """argv; `{tag}` stands for a name that is made of the commit."""
    image: str
    """The registry's repository, of which the build has to give an image."""

    @property
    def name(self) -> str:
        """The name of the step that builds it, by which later steps find image and commit."""
        return f"build the release of {self.application}"

    @property
    def step(self) -> PlannedStep:
        """Plan to build it."""
        return PlannedStep(
            name=self.name,
            kind=BUILD,
            target=f"the commit of {self.committed_by!r}, of {self.repository}",
            arguments={
                "repository": str(self.repository),
                "committed by": self.committed_by,
                "command": list(self.command),
                "image repository": self.image,
            },
        )


def lost_images(now: Iterable[WorkloadState], then: Sequence[WorkloadState]) -> tuple[LostImage, ...]:
    """Return the application's containers whose image the point does not know by digest."""
    recorded = {str(state.ref): state for state in then}
    return tuple(
        LostImage(container=container, then=former, now=state)
        for state in now
        if (former := recorded.get(str(state.ref)))
        for container in state.ref.containers
        if (image := former.image_of(container)) and not image.pinned
    )


def fitting_tags(source: ReleaseSource, tags: Sequence[Tag]) -> tuple[Tag, ...]:
    """Return the tags that are releases, oldest first: those of the pattern, with names that a command can take."""
    fitting = [tag for tag in tags if fnmatchcase(tag.name, source.tag_pattern) and _PLAIN.fullmatch(tag.name)]
    return tuple(sorted(fitting, key=_order))


def choose_build(
    application: Application, lost: Sequence[LostImage], tags: Sequence[Tag], *, taken: datetime
) -> ReleaseBuild | None:
    """Choose the tag to build: the one that the point says it ran, else the stable one before the release that runs now.

    Of the latter only those count that were there when the point was `taken`. None where nothing is lost, or where the
    application does not say how it is built.

    Raises:
        UnsafeOperation: no tag is known to be right, or one build cannot give all the images.

    """
    source = application.release
    if not lost or source is None or source.repository is None or not source.build_command:
        return None
    fitting = fitting_tags(source, tags)
    images = {repository_of(each.image.reference) for each in lost}
    recorded = {_tag_of(each.then, each.container, fitting) for each in lost} - {None}
    if len(images) > 1 or len(recorded) > 1:
        wanted = ", ".join(sorted({each.image.reference for each in lost}))
        raise UnsafeOperation(f"one build cannot give {wanted}", detail="Nothing was changed.", hint=_HINT)
    if chosen := next(iter(recorded), None):
        _refuse_moved(chosen, lost)
        because = "the point names it"
    elif chosen := _previous(lost, fitting, taken):
        because = "the newest one before the release that runs now"
    else:
        raise UnsafeOperation(
            f"no tag of {source.repository} is known to be the release of the point, or the one before the one that runs now",
            detail=f"Tags that fit {source.tag_pattern}: {_in_words(fitting)}; all: {_in_words(tags)}. Nothing was changed.",
            hint=_HINT,
        )
    return ReleaseBuild(
        application=application.name,
        repository=source.repository,
        tag=chosen.name,
        commit=chosen.commit,
        command=tuple(word.replace("{tag}", chosen.name) for word in source.build_command),
        image=images.pop(),
        because=because,
    )


def _tag_of(state: WorkloadState, container: str, tags: Sequence[Tag]) -> Tag | None:
    image = state.image_of(container)
    return tag_of_release(state.release, tags, image_tag=tag_in(image.reference) if image else "")


def tag_of_release(release: ReleaseIdentity, tags: Sequence[Tag], *, image_tag: str = "") -> Tag | None:
    """Return the tag that a workload says it runs: by its version, else its image's tag, else its commit."""
    said = [release.version, image_tag]
    names = [name for version in said if version for name in (version, f"v{version}", version.removeprefix("v"))]
    by_name = {tag.name: tag for tag in tags}
    named = next((by_name[name] for name in names if name in by_name), None)
    return named or next((tag for tag in tags if tag.commit == release.revision), None)


def _refuse_moved(tag: Tag, lost: Sequence[LostImage]) -> None:
    for each in lost:
        revision = each.then.release.revision
        if _COMMIT.fullmatch(revision) and revision != tag.commit:
            raise UnsafeOperation(
                f"tag {tag.name} is commit {tag.commit}, and the release of the point was built from {revision}",
                detail="The tag was moved since. Nothing was changed.",
                hint=_HINT,
            )


def _previous(lost: Sequence[LostImage], tags: Sequence[Tag], taken: datetime) -> Tag | None:
    running = [_tag_of(each.now, each.container, tags) for each in lost]
    known = [_order(tag) for tag in running if tag]
    # What runs in one place and is not known may be the oldest of all.
    if len(known) < len(running):
        return None
    older = [tag for tag in tags if _order(tag) < min(known) and tag.created <= taken and not _PRE_RELEASE.search(tag.name)]
    return max(older, key=_order, default=None)


def _order(tag: Tag) -> tuple[int, ...]:
    """Order tags by their numbers: those of one pattern have the same words."""
    return tuple(map(int, re.findall(r"\d+", tag.name)))


def _in_words(tags: Sequence[Tag]) -> str:
    names = [repr(tag.name) for tag in tags]
    more = [f"and {len(names) - TAGS_SHOWN} more"] if len(names) > TAGS_SHOWN else []
    return ", ".join(names[:TAGS_SHOWN] + more) or "none"
