"""What would scale a workload back, how it is found, paused, and resumed exactly as it was: one table as data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from continuity.adapters.cluster import Cluster, Document, compare_and_set, patch_of, value_at
from continuity.domain.workloads import FieldValue, ScalerState
from continuity.errors import NotInCluster

KEEP = object()
"""A field that pausing at zero replicas leaves alone, and that resuming makes sure of; at more it is their number."""
REPLICAS = object()
"""A field that holds the number of replicas to stay at, as text."""


@dataclass(frozen=True, kw_only=True)
class ScalerKind:
    """A kind of object that scales workloads. It is found by one of `by_target`, `by_labels` and `by_tracking`."""

    name: str
    group: str
    version: str
    plural: str
    paused: tuple[tuple[tuple[str, ...], Any], ...]
    """Fields, and the value that pauses by each."""
    by_target: bool = False
    """Its spec.scaleTargetRef names the workload."""
    by_labels: tuple[str, str] | None = None
    """Labels of the workload that hold its name and namespace."""
    by_tracking: tuple[str, str] | None = None
    """Annotation and label of the workload that hold its name; it may be in any namespace."""
    on_workload: bool = False
    """The workload itself is annotated, which leaves the other objects of that scaler alone."""


SCALERS = (
    # A target of 0 replicas makes it inactive (Kubernetes, "Implicit maintenance-mode deactivation").
    ScalerKind(
        name="HorizontalPodAutoscaler",
        group="autoscaling",
        version="v2",
        plural="horizontalpodautoscalers",
        paused=((("spec", "minReplicas"), KEEP), (("spec", "maxReplicas"), KEEP)),
        by_target=True,
    ),
    # KEDA, "Pausing autoscaling".
    ScalerKind(
        name="ScaledObject",
        group="keda.sh",
        version="v1alpha1",
        plural="scaledobjects",
        paused=((("metadata", "annotations", "autoscaling.keda.sh/paused-replicas"), REPLICAS),),
        by_target=True,
    ),
    # Argo CD, "Skip Application Reconcile"; tracking by annotation is the default since 3.0, by label before.
    ScalerKind(
        name="Application",
        group="argoproj.io",
        version="v1alpha1",
        plural="applications",
        paused=((("metadata", "annotations", "argocd.argoproj.io/skip-reconcile"), "true"),),
        by_tracking=("argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"),
    ),
    # Flux, Kustomization, "Controlling the apply behavior of resources".
    ScalerKind(
        name="Kustomization",
        group="kustomize.toolkit.fluxcd.io",
        version="v1",
        plural="kustomizations",
        paused=((("metadata", "annotations", "kustomize.toolkit.fluxcd.io/reconcile"), "disabled"),),
        by_labels=("kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace"),
        on_workload=True,
    ),
    # Flux, HelmRelease, "Suspend": an upgrade would set the replicas of the chart, whatever the workload is annotated with.
    ScalerKind(
        name="HelmRelease",
        group="helm.toolkit.fluxcd.io",
        version="v2",
        plural="helmreleases",
        paused=((("spec", "suspend"), True),),
        by_labels=("helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/namespace"),
    ),
)
_KINDS = {kind.name: kind for kind in SCALERS}
_DEPLOYMENT = ("apps", "v1", "deployments")


def find_scalers(cluster: Cluster, workload: Document) -> tuple[ScalerState, ...]:
    """Find what would scale a Deployment back, with the fields that pausing changes as they are now.

    A kind that the cluster does not know has no objects there.

    Raises:
        ClusterError: one cannot be looked at, so nobody knows whether it would scale back.

    """
    return tuple(
        ScalerState(
            kind=kind.name,
            namespace=found["metadata"]["namespace"],
            name=found["metadata"]["name"],
            uid=found["metadata"]["uid"],
            fields=tuple(FieldValue(path=path, value=value_at(found, path)) for path, _ in kind.paused),
        )
        for kind in SCALERS
        for found in _found(cluster, kind, workload)
    )


def pause(cluster: Cluster, scaler: ScalerState, *, replicas: int = 0) -> None:
    """Keep a scaler from scaling away from so many replicas; a HorizontalPodAutoscaler gets no room but them.

    Run twice, it changes once; what to resume to is in the value, not in the cluster.

    Raises:
        UnsafeOperation: another object has the name now; nothing was changed.
        NotInCluster: it is gone.
        ClusterError: not done; transient where it may go through later.

    """
    _set(cluster, scaler, _paused_fields(scaler, replicas), what="pause")


def resume(cluster: Cluster, scaler: ScalerState) -> None:
    """Give a scaler back exactly the fields that were found. Run twice, it changes once.

    Raises:
        UnsafeOperation: another object has the name now; nothing was changed.
        NotInCluster: it is gone.
        ClusterError: not done; transient where it may go through later.

    """
    _set(cluster, scaler, scaler.fields, what="resume")


def is_paused(cluster: Cluster, scaler: ScalerState, *, replicas: int = 0) -> bool:
    """Whether a scaler is as pausing leaves it."""
    return _holds(_read(cluster, scaler), _paused_fields(scaler, replicas))


def is_resumed(cluster: Cluster, scaler: ScalerState) -> bool:
    """Whether a scaler is as it was found."""
    return _holds(_read(cluster, scaler), scaler.fields)


def _paused_fields(scaler: ScalerState, replicas: int) -> tuple[FieldValue, ...]:
    instead: dict[Any, Any] = {REPLICAS: str(replicas), KEEP: replicas}
    return tuple(
        FieldValue(path=path, value=instead.get(value, value))
        for path, value in _KINDS[scaler.kind].paused
        if value is not KEEP or replicas
    )


def _set(cluster: Cluster, scaler: ScalerState, fields: tuple[FieldValue, ...], *, what: str) -> None:
    from kubernetes import client

    custom = client.CustomObjectsApi(cluster.api)
    what = f"{what} {scaler.kind} {scaler.namespace}/{scaler.name}"

    def write(version: str) -> Document:
        body = patch_of(fields)
        body.setdefault("metadata", {})["resourceVersion"] = version
        group, version_of_kind, plural = _place(scaler)
        return cluster.call(
            what,
            custom.patch_namespaced_custom_object,
            group,
            version_of_kind,
            scaler.namespace,
            plural,
            scaler.name,
            body,
            _content_type="application/merge-patch+json",
        )

    compare_and_set(
        what,
        uid=scaler.uid,
        read=lambda: _read(cluster, scaler),
        reached=lambda found: _holds(found, fields),
        write=write,
    )


def _place(scaler: ScalerState) -> tuple[str, str, str]:
    kind = _KINDS[scaler.kind]
    return _DEPLOYMENT if kind.on_workload else (kind.group, kind.version, kind.plural)


def _read(cluster: Cluster, scaler: ScalerState) -> Document:
    from kubernetes import client

    custom = client.CustomObjectsApi(cluster.api)
    group, version, plural = _place(scaler)
    what = f"read {scaler.kind} {scaler.namespace}/{scaler.name}"
    return cluster.call(what, custom.get_namespaced_custom_object, group, version, scaler.namespace, plural, scaler.name)


def _holds(found: Document, fields: tuple[FieldValue, ...]) -> bool:
    return all(value_at(found, field.path) == field.value for field in fields)


def _found(cluster: Cluster, kind: ScalerKind, workload: Document) -> Iterator[Document]:
    from kubernetes import client

    custom = client.CustomObjectsApi(cluster.api)
    metadata = workload["metadata"]
    labels, annotations = metadata.get("labels", {}), metadata.get("annotations", {})
    if kind.by_labels and kind.by_labels[0] in labels:
        if kind.on_workload:
            yield workload
            return
        name, namespace = (labels.get(label, "") for label in kind.by_labels)
        home = namespace or metadata["namespace"]
        what = f"read {kind.name} {home}/{name}"
        yield cluster.call(what, custom.get_namespaced_custom_object, kind.group, kind.version, home, kind.plural, name)
    elif kind.by_target:
        place = (kind.group, kind.version, metadata["namespace"], kind.plural)
        for each in _listed(cluster, custom.list_namespaced_custom_object, *place):
            if _targets(each, metadata["name"]):
                yield each
    elif kind.by_tracking:
        # "name:group/kind:namespace/name", the name with its namespace and an underscore before it outside of Argo's own.
        tracked = annotations.get(kind.by_tracking[0], "").partition(":")[0] or labels.get(kind.by_tracking[1], "")
        if tracked:
            for each in _listed(cluster, custom.list_cluster_custom_object, kind.group, kind.version, kind.plural):
                if tracked in {each["metadata"]["name"], f"{each['metadata']['namespace']}_{each['metadata']['name']}"}:
                    yield each


def _listed(cluster: Cluster, method: Any, *place: str) -> list[Document]:
    try:
        found = cluster.call(f"list {place[-1]}.{place[0]}", method, *place)
    except NotInCluster:
        return []
    items: list[Document] = found["items"]
    return items


def _targets(scaler: Document, name: str) -> bool:
    target = scaler.get("spec", {}).get("scaleTargetRef", {})
    # The autoscaler that KEDA makes for a ScaledObject is KEDA's to change.
    owners = {each["kind"] for each in scaler["metadata"].get("ownerReferences", [])}
    return target.get("name") == name and target.get("kind", "Deployment") == "Deployment" and "ScaledObject" not in owners
