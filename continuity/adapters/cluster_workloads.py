"""Deployments: read as values, scaled, given back their images. Every write compares and sets."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from continuity.adapters.cluster import Cluster, Document, canonical, compare_and_set, patch_of, value_at
from continuity.adapters.cluster_config import read_config
from continuity.adapters.cluster_pods import pods_by_selector, selector_of
from continuity.adapters.cluster_scalers import find_scalers
from continuity.domain.application import WorkloadRef
from continuity.domain.workloads import (
    MARKS,
    ContainerImage,
    FieldValue,
    PodState,
    WorkloadState,
    digest_in,
    release_of,
)
from continuity.errors import NotInCluster

RESTARTED_AT = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
"""The field by which `kubectl rollout restart` makes a pod template another one."""


def read_workload(cluster: Cluster, ref: WorkloadRef) -> WorkloadState:
    """Read a Deployment, the digests that its pods report, its configuration, and what would scale it back.

    Raises:
        NotInCluster: there is none, or it has not the containers that the application names.
        ClusterError: the cluster refused or could not be reached.

    """
    found = _read(cluster, ref)
    template, metadata = found["spec"]["template"], found["metadata"]
    containers = {each["name"]: each["image"] for each in template["spec"]["containers"]}
    if missing := [name for name in ref.containers if name not in containers]:
        raise NotInCluster(
            f"deployment {ref} has no container {missing[0]!r}", hint=f"It has {', '.join(containers)}: mend application.toml."
        )
    pods = pods_by_selector(cluster, ref, selector_of(found["spec"]["selector"]))
    inner = template.get("metadata", {})
    return WorkloadState(
        ref=ref,
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata["generation"],
        replicas=found["spec"]["replicas"],
        images=tuple(_image(name, reference, pods) for name, reference in containers.items()),
        template_sha256=hashlib.sha256(canonical(template)).hexdigest(),
        config=tuple(
            read_config(cluster, ref.namespace, kind, name) for kind, name in sorted(set(_references(template["spec"])))
        ),
        scalers=find_scalers(cluster, found),
        marks=_marks(found),
        release=release_of(
            {**metadata.get("annotations", {}), **inner.get("annotations", {})},
            {**metadata.get("labels", {}), **inner.get("labels", {})},
        ),
    )


def _read(cluster: Cluster, ref: WorkloadRef) -> Document:
    from kubernetes import client

    apps = client.AppsV1Api(cluster.api)
    return cluster.call(f"read deployment {ref}", apps.read_namespaced_deployment, ref.name, ref.namespace)


def _image(container: str, reference: str, pods: tuple[PodState, ...]) -> ContainerImage:
    """Name the digest behind a reference: from itself, or as all the pods that run it report it with one voice."""
    reported = {
        image.digest
        for pod in pods
        for image in pod.image_ids
        if (image.container, image.reference) == (container, reference) and image.digest
    }
    # Two digests behind one tag: it was moved while pods ran, and none of them is known to be the right one.
    told = reported.pop() if len(reported) == 1 else ""
    return ContainerImage(container=container, reference=reference, digest=digest_in(reference) or told)


def _references(pod: Document) -> Iterator[tuple[str, str]]:
    """Find the ConfigMaps and Secrets that a pod names: in its environment and in its volumes."""
    for container in pod["containers"] + pod.get("initContainers", []):
        sources = [source for each in container.get("env", []) if (source := each.get("valueFrom"))]
        for source in sources + container.get("envFrom", []):
            for field, reference in source.items():
                if field in {"configMapRef", "configMapKeyRef"}:
                    yield "ConfigMap", reference["name"]
                elif field in {"secretRef", "secretKeyRef"}:
                    yield "Secret", reference["name"]
    for volume in pod.get("volumes", []):
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            if "configMap" in source:
                yield "ConfigMap", source["configMap"]["name"]
            if "secret" in source:
                yield "Secret", source["secret"].get("secretName") or source["secret"]["name"]


def scale(cluster: Cluster, ref: WorkloadRef, *, uid: str, replicas: int) -> None:
    """Set the replicas of the Deployment of this uid. Run twice, it changes once.

    Raises:
        UnsafeOperation: another Deployment has the name now; nothing was changed.
        ClusterError: not done; transient where it may go through later.

    """
    from kubernetes import client

    apps = client.AppsV1Api(cluster.api)

    def write(version: str) -> Document:
        body = {"metadata": {"uid": uid, "resourceVersion": version}, "spec": {"replicas": replicas}}
        call = apps.patch_namespaced_deployment_scale
        return cluster.call(f"scale deployment {ref} to {replicas}", call, ref.name, ref.namespace, body)

    compare_and_set(
        f"scale deployment {ref} to {replicas}",
        uid=uid,
        read=lambda: _read(cluster, ref),
        reached=lambda found: found["spec"]["replicas"] == replicas,
        write=write,
    )


def set_release(
    cluster: Cluster,
    ref: WorkloadRef,
    *,
    uid: str,
    images: Mapping[str, str],
    marks: Iterable[FieldValue] = (),
) -> None:
    """Give containers images, and the workload the marks that say which release they are, in one patch.

    Everything else of the pod template stays. Run twice, it changes once.

    Raises:
        UnsafeOperation: another Deployment has the name now; nothing was changed.
        ClusterError: not done; transient where it may go through later.

    """
    fields = tuple(marks)
    patch = patch_of(fields)
    containers = [{"name": container, "image": image} for container, image in images.items()]
    patch.setdefault("spec", {}).setdefault("template", {})["spec"] = {"containers": containers}

    def reached(found: Document) -> bool:
        return _runs(found, images) and all(value_at(found, mark.path) == mark.value for mark in fields)

    _patch(cluster, ref, patch, what="set the release", uid=uid, reached=reached)


def _runs(found: Document, images: Mapping[str, str]) -> bool:
    present = {each["name"]: each["image"] for each in found["spec"]["template"]["spec"]["containers"]}
    return all(present.get(container) == image for container, image in images.items())


def _marks(found: Document) -> tuple[FieldValue, ...]:
    # A label by which the workload finds its pods cannot be changed (the selector is immutable).
    selecting = found["spec"]["selector"].get("matchLabels", {})
    return tuple(FieldValue(path=path, value=value_at(found, path)) for path in MARKS if path[-1] not in selecting)


def restarted_at(cluster: Cluster, ref: WorkloadRef) -> str | None:
    """Return when a Deployment's pods were last started anew on somebody's word, as its pod template says; None is never.

    Raises:
        NotInCluster: there is no such Deployment.
        ClusterError: the cluster refused or could not be reached.

    """
    found: str | None = value_at(_read(cluster, ref), RESTARTED_AT)
    return found


def set_restarted_at(cluster: Cluster, ref: WorkloadRef, *, uid: str, moment: str | None) -> None:
    """Say in the pod template that it was started anew, as `kubectl rollout restart` does: its pods are replaced.

    With a former value, or None, the template is as it was then, and its pods are replaced all the same. Run twice, it
    changes once.

    Raises:
        UnsafeOperation: another Deployment has the name now; nothing was changed.
        ClusterError: not done; transient where it may go through later.

    """
    patch = patch_of([FieldValue(path=RESTARTED_AT, value=moment)])
    _patch(cluster, ref, patch, what="restart", uid=uid, reached=lambda found: value_at(found, RESTARTED_AT) == moment)


def _patch(
    cluster: Cluster, ref: WorkloadRef, patch: Document, *, what: str, uid: str, reached: Callable[[Document], bool]
) -> None:
    from kubernetes import client

    apps = client.AppsV1Api(cluster.api)

    def write(version: str) -> Document:
        body = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": version}}
        return cluster.call(f"{what} of deployment {ref}", apps.patch_namespaced_deployment, ref.name, ref.namespace, body)

    compare_and_set(
        f"{what} of deployment {ref}",
        uid=uid,
        read=lambda: _read(cluster, ref),
        reached=reached,
        write=write,
    )
