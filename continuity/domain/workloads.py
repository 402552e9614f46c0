"""What runs the application on the cluster: images by digest, replicas, configuration, and what would scale it back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from continuity.domain.application import WorkloadRef

_DIGEST = re.compile(r"(?:[a-z-]+://)?(?P<repository>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})")

REVISION = "org.opencontainers.image.revision"
VERSION = ("org.opencontainers.image.version", "app.kubernetes.io/version")
"""Where a release is said, as annotation or label (OCI image specification, Kubernetes recommended labels)."""
MARKS = tuple(
    (*place, kind, name)
    for place in (("metadata",), ("spec", "template", "metadata"))
    for kind, name in (("annotations", REVISION), ("annotations", VERSION[0]), ("labels", VERSION[1]))
)
"""Paths of all of these in a Deployment."""


@dataclass(frozen=True, kw_only=True)
class ContainerImage:
    """What a container runs: the reference that its workload names, and the digest that is known to be behind it."""

    container: str
    reference: str
    digest: str = ""
    """"sha256:…", or "" where no pod has told it and the reference does not hold it."""

    @property
    def pinned(self) -> str:
        """The reference that can never mean another image, or "" where the digest is not known."""
        return f"{repository_of(self.reference)}@{self.digest}" if self.digest else ""


@dataclass(frozen=True, kw_only=True)
class ReferencedConfig:
    """A ConfigMap or Secret that the pods are configured by. Of a Secret only the name is ever read."""

    kind: str
    name: str
    sha256: str = ""
    data: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class FieldValue:
    """One field of an object and its value as JSON, None where the object does not have it."""

    path: tuple[str, ...]
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class ScalerState:
    """Something that would scale a workload back, and those of its fields that pausing changes, as they were found."""

    kind: str
    namespace: str
    name: str
    uid: str
    fields: tuple[FieldValue, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReleaseIdentity:
    """Which release runs, as far as the workload says so; "" where it does not."""

    version: str = ""
    revision: str = ""
    """The git commit that it was built from."""


@dataclass(frozen=True, kw_only=True)
class WorkloadState:
    """A Deployment as it was read."""

    ref: WorkloadRef
    uid: str
    resource_version: str
    generation: int
    replicas: int
    images: tuple[ContainerImage, ...]
    template_sha256: str
    """Hash of the pod template, by which a later reader sees that it is another; it may hold secrets, so it is not kept."""
    config: tuple[ReferencedConfig, ...] = ()
    scalers: tuple[ScalerState, ...] = ()
    release: ReleaseIdentity = ReleaseIdentity()
    marks: tuple[FieldValue, ...] = ()
    """The annotations and labels that say the release, as they were, so that they go back together with the image."""

    def image_of(self, container: str) -> ContainerImage | None:
        """Return what a container runs."""
        return next((image for image in self.images if image.container == container), None)


@dataclass(frozen=True, kw_only=True)
class CapturedWorkloads:
    """The workloads of an application at one moment, and the cluster on which they ran, by identity."""

    cluster_uid: str
    taken: datetime
    states: tuple[WorkloadState, ...]

    def of(self, ref: WorkloadRef) -> WorkloadState | None:
        """Return the state of a workload, whichever containers of it the application names today."""
        wanted = (ref.namespace, ref.name)
        return next((state for state in self.states if (state.ref.namespace, state.ref.name) == wanted), None)

    @property
    def release(self) -> ReleaseIdentity:
        """The release of the first workload that says one."""
        said = (state.release for state in self.states if state.release != ReleaseIdentity())
        return next(said, ReleaseIdentity())


@dataclass(frozen=True, kw_only=True)
class PodState:
    """A pod as it was read; one that is terminating may still write to the database."""

    name: str
    uid: str
    phase: str
    ready: bool
    terminating: bool
    waiting: tuple[str, ...] = ()
    """Why containers do not run, as "container: reason"."""
    restarts: int = 0
    image_ids: tuple[ContainerImage, ...] = ()
    """By container, what the pod names and the digest that it reports."""


@dataclass(frozen=True, kw_only=True)
class FlagsState:
    """The feature flags: the exact document, and what each of its flags says by default."""

    namespace: str
    config_map: str
    key: str
    document: str
    variants: Mapping[str, str]
    """Variant by flag, "disabled" for one that is switched off as a whole."""


def digest_in(reference: str) -> str:
    """Return the digest of "repository@sha256:…", with or without a scheme before it, or "".

    A bare "sha256:…", which some runtimes report, names the image's configuration on one node: nothing can be pulled by it.
    """
    match = _DIGEST.fullmatch(reference)
    return match["digest"] if match else ""


def repository_of(reference: str) -> str:
    """Return an image reference without its tag and digest. A colon before the last slash is a registry's port."""
    named = reference.partition("@")[0]
    head, slash, last = named.rpartition("/")
    return head + slash + last.partition(":")[0]


def tag_in(reference: str) -> str:
    """Return the tag of an image reference, or ""."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[2]


def is_mutable(reference: str) -> bool:
    """Whether a reference is known to mean another image tomorrow: `:latest`, or no tag at all."""
    last = reference.rpartition("/")[2]
    return "@" not in reference and (":" not in last or last.endswith(":latest"))


def release_of(annotations: Mapping[str, str], labels: Mapping[str, str]) -> ReleaseIdentity:
    """Read which release a workload says that it is."""
    said = {**labels, **annotations}
    return ReleaseIdentity(version=next((said[name] for name in VERSION if name in said), ""), revision=said.get(REVISION, ""))


def changes_between(before: CapturedWorkloads, after: CapturedWorkloads) -> tuple[str, ...]:
    """Say what of the workloads has changed between two moments, in words: their templates, replicas and configuration."""
    changes = []
    for then in before.states:
        now = after.of(then.ref)
        if now is None or now.uid != then.uid:
            changes.append(f"{then.ref} was made anew")
            continue
        if now.template_sha256 != then.template_sha256:
            changes.append(f"the pod template of {then.ref}")
        if now.replicas != then.replicas:
            changes.append(f"the replicas of {then.ref}: {then.replicas}, then {now.replicas}")
        if now.config != then.config:
            changes.append(f"the configuration of {then.ref}")
    return tuple(changes)
