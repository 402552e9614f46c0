"""What an object must be like, what it gets by default, and what of a change counts as one: admission to the store."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from deployments.local.kubernetes.refusals import Object, Refused, conflict
from deployments.local.kubernetes.resources import AUTOSCALERS, DEPLOYMENTS, JOBS, NAMESPACES, PODS, SECRETS, Resource

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
KEPT_BY_SERVER = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
DEFAULTS: dict[Resource, Object] = {
    DEPLOYMENTS: {"replicas": 1, "strategy": {"type": "RollingUpdate"}},
    AUTOSCALERS: {"minReplicas": 1},
    JOBS: {"parallelism": 1, "completions": 1, "backoffLimit": 6},
}
POD_DEFAULTS = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30}
IMMUTABLE: dict[Resource, tuple[str, ...]] = {DEPLOYMENTS: ("selector",), JOBS: ("selector", "template", "completions")}


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
    return _checked(resource, new)


def changed(resource: Resource, former: Object, proposed: Object) -> Object:
    """Give the changed object as it will be kept: its identity and status stay, its generation rises where it must.

    Raises:
        Refused: 409 for another state than the present one, 422 for what must not change or is not allowed.

    """
    is_now, given = former["metadata"], dict(proposed.get("metadata") or {})
    name, uid, version = is_now["name"], given.get("uid"), given.get("resourceVersion")
    if uid and uid != is_now["uid"]:
        because = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {is_now['uid']}"
        raise conflict(resource.title, name, because)
    if version and version != is_now["resourceVersion"]:
        raise conflict(resource.title, name, "the object has been modified; please apply your changes to the latest version")
    for field in ("name", "namespace"):
        if field in given and given[field] != is_now.get(field):
            raise invalid(resource, name, (f"metadata.{field}", "field is immutable"))
    given |= {field: is_now[field] for field in ("name", "namespace", "resourceVersion", *KEPT_BY_SERVER) if field in is_now}
    new = {**proposed, "apiVersion": former["apiVersion"], "kind": resource.kind, "metadata": given}
    new.pop("status", None)
    if "status" in former:
        new["status"] = former["status"]
    new = _checked(resource, new)
    for field in IMMUTABLE.get(resource, ()):
        if former["spec"].get(field) != new["spec"].get(field):
            raise invalid(resource, name, (f"spec.{field}", "field is immutable"))
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


def _checked(resource: Resource, new: Object) -> Object:
    """Give an object its defaults, or refuse it."""
    metadata = new["metadata"]
    for part in ("annotations", "labels"):
        if not metadata.get(part):
            metadata.pop(part, None)
    if resource is NAMESPACES:
        new.setdefault("status", {"phase": "Active"})
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata.get("name")
    spec = new.get("spec")
    if isinstance(spec, dict) and not resource.custom:
        _apply_defaults(resource, metadata, spec)
    causes = list(_wrongs(resource, new))
    if causes:
        raise invalid(resource, str(metadata.get("name")), *causes)
    return new


def _apply_defaults(resource: Resource, metadata: Object, spec: Object) -> None:
    for field, value in DEFAULTS.get(resource, {}).items():
        if spec.get(field) is None:
            spec[field] = value
    if resource is JOBS:
        owned = {"batch.kubernetes.io/controller-uid": metadata["uid"]}
        named = {"batch.kubernetes.io/job-name": metadata.get("name")}
        spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {}).update(owned | named)
        spec.setdefault("selector", {"matchLabels": owned})
    pod = spec if resource is PODS else (spec.get("template") or {}).get("spec")
    if isinstance(pod, dict):
        for field, default in POD_DEFAULTS.items():
            pod.setdefault(field, default)


def _wrongs(resource: Resource, new: Object) -> Iterator[tuple[str, str]]:
    name, spec = str(new["metadata"].get("name") or ""), new.get("spec") or {}
    if not NAME.fullmatch(name):
        yield "metadata.name", f"{name!r} is no DNS-1123 subdomain"
    if resource in (DEPLOYMENTS, JOBS):
        yield from _wrong_template(spec)
    elif resource is PODS:
        yield from _wrong_pod(spec, "spec")
    elif resource is SECRETS and not all(isinstance(each, str) for each in (new.get("data") or {}).values()):
        yield "data", "values must be base64"
    # minReplicas 0 needs the feature gate HPAScaleToZero, which is off by default.
    elif resource is AUTOSCALERS and not 1 <= spec.get("minReplicas", 1) <= spec.get("maxReplicas", 0):
        yield "spec.maxReplicas", "must be at least minReplicas, and that at least 1"
    if resource.schema:
        from jsonschema import Draft7Validator  # type: ignore[import-untyped]

        yield from (
            (each.json_path.removeprefix("$."), each.message) for each in Draft7Validator(resource.schema).iter_errors(new)
        )


def _wrong_template(spec: Object) -> Iterator[tuple[str, str]]:
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not wanted:
        yield "spec.selector", "Required value"
    if any(labels.get(label) != value for label, value in wanted.items()):
        yield "spec.template.metadata.labels", "`selector` does not match template `labels`"
    if spec.get("replicas", 0) < 0:
        yield "spec.replicas", "must be greater than or equal to 0"
    if (spec.get("strategy") or {}).get("type", "RollingUpdate") != "RollingUpdate":
        yield "spec.strategy.type", "the stand-in knows RollingUpdate only"
    yield from _wrong_pod(template.get("spec") or {}, "spec.template.spec")


def _wrong_pod(pod: Object, path: str) -> Iterator[tuple[str, str]]:
    containers = pod.get("containers") or []
    names = [each.get("name") for each in containers]
    if not containers:
        yield f"{path}.containers", "Required value"
    if len({*names}) < len(names):
        yield f"{path}.containers.name", "Duplicate value"
    for each in containers:
        yield from ((f"{path}.containers.{field}", "Required value") for field in ("name", "image") if not each.get(field))


def refuse_what_cannot_run(resource: Resource, new: Object) -> None:
    """Refuse what a real cluster would run and the stand-in cannot: that is no fault of the object, so a dry run takes it.

    Raises:
        Refused: 422. A container that would silently lack its files is worse than none.

    """
    if resource not in (DEPLOYMENTS, JOBS, PODS):
        return
    path = "spec" if resource is PODS else "spec.template.spec"
    pod = new["spec"] if resource is PODS else new["spec"]["template"]["spec"]
    if causes := [
        (f"{path}.{field}", "the stand-in has none of these") for field in ("initContainers", "volumes") if pod.get(field)
    ]:
        raise invalid(resource, new["metadata"]["name"], *causes)
