"""What an object must be like, what it gets by default, and what of a change counts as one: admission to the store."""

import re
import uuid
from datetime import UTC, datetime

from deployments.local.kubernetes.refusals import Object, Refused, conflict
from deployments.local.kubernetes.resources import AUTOSCALERS, DEPLOYMENTS, JOBS, NAMESPACES, PODS, Resource

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
KEPT_BY_SERVER = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


def timestamp() -> str:
    """Give the time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def admitted(resource: Resource, namespace: str, proposed: Object) -> Object:
    """Give the new object as it will be kept: checked, with defaults and with its server-side fields.

    Raises:
        Refused: 400 or 422, and why.

    """
    given = proposed.get("metadata") or {}
    metadata = {name: value for name, value in given.items() if name not in {*KEPT_BY_SERVER, "resourceVersion"}}
    if resource.namespaced and metadata.setdefault("namespace", namespace) != namespace:
        raise Refused(400, "the namespace of the object does not match the namespace of the request")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
    if resource.generation:
        metadata["generation"] = 1
    new = {**proposed, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
    new.pop("status", None)
    if resource is PODS:
        new["status"] = {"phase": "Pending"}
    _apply_defaults(resource, new)
    _validate(resource, new)
    return new


def changed(resource: Resource, former: Object, proposed: Object) -> Object:
    """Give the changed object as it will be kept: its identity and status stay, its generation rises where it must.

    Raises:
        Refused: 409 for another state than the present one, 422 for what must not change or is not allowed.

    """
    name = former["metadata"]["name"]
    given = dict(proposed.get("metadata") or {})
    version = given.get("resourceVersion")
    if version and version != former["metadata"]["resourceVersion"]:
        raise conflict(resource.title, name, "the object has been modified; please apply your changes to the latest version")
    for field in ("name", "namespace", "uid"):
        if field in given and given[field] != former["metadata"].get(field):
            raise invalid(resource, name, (f"metadata.{field}", "field is immutable"))
    kept = {field: value for field, value in former["metadata"].items() if field in {"name", "namespace", *KEPT_BY_SERVER}}
    given |= kept | {"resourceVersion": former["metadata"]["resourceVersion"]}
    new = {**proposed, "apiVersion": former["apiVersion"], "kind": resource.kind, "metadata": given}
    new.pop("status", None)
    if "status" in former:
        new["status"] = former["status"]
    _apply_defaults(resource, new)
    _validate(resource, new)
    _refuse_immutable(resource, former, new)
    return raised(resource, former, new)


def raised(resource: Resource, former: Object, new: Object) -> Object:
    """Raise the generation of a changed object, where something has changed that counts."""
    parts = {
        "spec": (former.get("spec"), new.get("spec")),
        "annotations": (former["metadata"].get("annotations"), new["metadata"].get("annotations")),
    }
    if any(parts[part][0] != parts[part][1] for part in resource.generation):
        new["metadata"]["generation"] = former["metadata"].get("generation", 0) + 1
    return new


def invalid(resource: Resource, name: str, *causes: tuple[str, str]) -> Refused:
    """Refuse with 422, naming the fields."""
    told = "; ".join(f"{field}: {message}" for field, message in causes)
    return Refused(422, f'{resource.kind} "{name}" is invalid: {told}', causes=causes)


def _refuse_immutable(resource: Resource, former: Object, new: Object) -> None:
    paths: dict[Resource, tuple[str, ...]] = {DEPLOYMENTS: ("selector",), JOBS: ("selector", "template", "completions")}
    for field in paths.get(resource, ()):
        if former["spec"].get(field) != new["spec"].get(field):
            raise invalid(resource, new["metadata"]["name"], (f"spec.{field}", "field is immutable"))


def _apply_defaults(resource: Resource, new: Object) -> None:
    for part in ("annotations", "labels"):
        if new["metadata"].get(part) in ({}, None):
            new["metadata"].pop(part, None)
    if resource is NAMESPACES:
        new.setdefault("spec", {"finalizers": ["kubernetes"]})
        new.setdefault("status", {"phase": "Active"})
        new["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = new["metadata"].get("name")
        return
    spec = new.get("spec")
    if resource.custom or not isinstance(spec, dict):
        return
    defaults: dict[Resource, Object] = {
        DEPLOYMENTS: {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
        AUTOSCALERS: {"minReplicas": 1},
        JOBS: {"parallelism": 1, "completions": 1, "backoffLimit": 6},
    }
    for field, value in defaults.get(resource, {}).items():
        if spec.get(field) is None:
            spec[field] = value
    if resource is DEPLOYMENTS:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
        spec.setdefault("strategy", rolling)
    if resource is JOBS:
        labels = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
        owned = {"batch.kubernetes.io/controller-uid": new["metadata"]["uid"]}
        labels |= owned | {"batch.kubernetes.io/job-name": new["metadata"].get("name"), "job-name": new["metadata"].get("name")}
        spec.setdefault("selector", {"matchLabels": owned})
    pod = spec if resource is PODS else (spec.get("template") or {}).get("spec")
    if isinstance(pod, dict):
        _apply_pod_defaults(pod)


def _apply_pod_defaults(pod: Object) -> None:
    for field, value in (("restartPolicy", "Always"), ("terminationGracePeriodSeconds", 30), ("dnsPolicy", "ClusterFirst")):
        pod.setdefault(field, value)
    for container in pod.get("containers") or []:
        container.setdefault("resources", {})
        image = str(container.get("image", ""))
        tag = image.rpartition("/")[2].partition(":")[2]
        container.setdefault("imagePullPolicy", "Always" if "@" not in image and tag in {"", "latest"} else "IfNotPresent")


def _validate(resource: Resource, new: Object) -> None:
    name = str(new["metadata"].get("name") or "")
    causes: list[tuple[str, str]] = []
    if not NAME.fullmatch(name):
        causes.append(("metadata.name", f"{name!r} is no DNS-1123 subdomain"))
    if resource is DEPLOYMENTS or resource is JOBS:
        causes += _template_causes(new.get("spec") or {})
    if resource is PODS:
        causes += _pod_causes(new.get("spec") or {}, "spec")
    if resource is AUTOSCALERS:
        spec = new.get("spec") or {}
        if not (spec.get("scaleTargetRef") or {}).get("name"):
            causes.append(("spec.scaleTargetRef.name", "Required value"))
        # minReplicas 0 needs the feature gate HPAScaleToZero, which is off by default.
        if not 1 <= spec.get("minReplicas", 1) <= spec.get("maxReplicas", 0):
            causes.append(("spec.maxReplicas", "must be at least minReplicas, and that at least 1"))
    if causes:
        raise invalid(resource, name, *causes)


def _template_causes(spec: Object) -> list[tuple[str, str]]:
    causes: list[tuple[str, str]] = []
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not wanted:
        causes.append(("spec.selector", "Required value"))
    if any(labels.get(label) != value for label, value in wanted.items()):
        causes.append(("spec.template.metadata.labels", "`selector` does not match template `labels`"))
    if isinstance(spec.get("replicas"), int) and spec["replicas"] < 0:
        causes.append(("spec.replicas", "must be greater than or equal to 0"))
    return causes + _pod_causes(template.get("spec") or {}, "spec.template.spec")


def _pod_causes(pod: Object, path: str) -> list[tuple[str, str]]:
    containers = pod.get("containers") or []
    causes = [] if containers else [(f"{path}.containers", "Required value")]
    names = [each.get("name") for each in containers]
    causes += [(f"{path}.containers.name", f"Duplicate value: {name!r}") for name in {*names} if names.count(name) > 1]
    causes += [
        (f"{path}.containers.{field}", "Required value")
        for each in containers
        for field in ("name", "image")
        if not each.get(field)
    ]
    # A container that would silently lack its files is worse than none.
    causes += [(f"{path}.{field}", "the stand-in has none of these") for field in ("initContainers", "volumes") if pod.get(field)]
    return causes
