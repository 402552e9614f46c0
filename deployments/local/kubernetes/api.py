"""What requests do to the store: create, read, replace, patch, delete, /scale and logs, with their preconditions."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deployments.local.kubernetes.admission import admitted, changed, invalid, timestamp
from deployments.local.kubernetes.containers import log_path
from deployments.local.kubernetes.controllers import delete_pod, owned_by
from deployments.local.kubernetes.patches import patched
from deployments.local.kubernetes.refusals import Object, Refused, conflict
from deployments.local.kubernetes.resources import DEPLOYMENTS, JOBS, NAMESPACES, PODS, REPLICA_SETS, Resource
from deployments.local.kubernetes.store import Store

Query = Mapping[str, str]
FIELDS = {"metadata.name", "metadata.namespace", "status.phase", "spec.restartPolicy"}
OWNED = {DEPLOYMENTS: (REPLICA_SETS,), REPLICA_SETS: (PODS,), JOBS: (PODS,)}


class Api:
    """The verbs."""

    def __init__(self, store: Store, resources: tuple[Resource, ...], logs: Path) -> None:
        self.store = store
        self.resources = resources
        self._logs = logs

    def create(self, resource: Resource, namespace: str, body: Object, query: Query) -> Object:
        """Make an object."""
        _refuse_dry_run(query)
        with self.store.lock:
            if resource.namespaced:
                home = self.store.get(NAMESPACES, "", namespace)
                if "deletionTimestamp" in home["metadata"]:
                    raise Refused(403, f"unable to create new content in namespace {namespace} because it is being terminated")
            new = admitted(resource, namespace, body)
            name = new["metadata"]["name"]
            if self.store.find(resource, namespace, name) is not None:
                raise Refused(409, f'{resource.title} "{name}" already exists', reason="AlreadyExists")
            return self.store.write(resource, new)

    def list(self, resource: Resource, namespace: str, query: Query) -> Object:
        """Give the objects that the selectors choose, and the version at which they were so."""
        with self.store.lock:
            items = [each for each in self.store.list(resource, namespace) if selected(each, query)]
            return {
                "kind": f"{resource.kind}List",
                "apiVersion": resource.api_version,
                "metadata": {"resourceVersion": str(self.store.version)},
                "items": items,
            }

    def replace(self, resource: Resource, namespace: str, name: str, body: Object, query: Query) -> Object:
        """Put an object in the place of another; one of another uid is refused with 409."""
        _refuse_dry_run(query)
        with self.store.lock:
            former = self.store.get(resource, namespace, name)
            uid = (body.get("metadata") or {}).get("uid")
            if uid and uid != former["metadata"]["uid"]:
                raise conflict(resource.title, name, _other_uid(uid, former))
            return self.store.write(resource, changed(resource, former, body))

    def patch(self, resource: Resource, namespace: str, name: str, patch: Any, kind: str, query: Query) -> Object:
        """Change an object in part; `kind` is the request's content type."""
        _refuse_dry_run(query)
        with self.store.lock:
            former = self.store.get(resource, namespace, name)
            proposed = patched(former, patch, kind=kind, custom=resource.custom)
            return self.store.write(resource, changed(resource, former, proposed))

    def write_status(self, resource: Resource, namespace: str, name: str, patch: Any, kind: str) -> Object:
        """Change the status of an object, by its patch."""
        with self.store.lock:
            former = self.store.get(resource, namespace, name)
            proposed = patched(former, patch, kind=kind, custom=resource.custom)
            return self.store.write(resource, former | {"status": proposed.get("status", {})})

    def scale(self, resource: Resource, namespace: str, name: str) -> Object:
        """Give the Scale of a Deployment; the server leaves out what is zero."""
        return _scale_of(self.store.get(resource, namespace, name))

    def write_scale(
        self, resource: Resource, namespace: str, name: str, body: Any, kind: str, query: Query
    ) -> Object:  # fmt: skip
        """Set the replicas of a Deployment; `kind` is the patch's content type, or "" where `body` is a whole Scale."""
        _refuse_dry_run(query)
        with self.store.lock:
            former = self.store.get(resource, namespace, name)
            scale = patched(_scale_of(former), body, kind=kind, custom=False) if kind else body
            given = scale.get("metadata") or {}
            if given.get("uid") and given["uid"] != former["metadata"]["uid"]:
                raise conflict(resource.title, name, _other_uid(given["uid"], former))
            replicas = (scale.get("spec") or {}).get("replicas", 0)
            if not isinstance(replicas, int) or replicas < 0:
                raise invalid(resource, name, ("spec.replicas", "must be greater than or equal to 0"))
            version = given.get("resourceVersion") or former["metadata"]["resourceVersion"]
            proposed = former | {
                "metadata": former["metadata"] | {"resourceVersion": version},
                "spec": former["spec"] | {"replicas": replicas},
            }
            return _scale_of(self.store.write(resource, changed(resource, former, proposed)))

    def delete(self, resource: Resource, namespace: str, name: str, options: Object, query: Query) -> Object:
        """Delete an object, and what it owns; pods and namespaces stay until what runs in them has ended."""
        _refuse_dry_run(query)
        with self.store.lock:
            former = self.store.get(resource, namespace, name)
            for field, value in (options.get("preconditions") or {}).items():
                if value != former["metadata"][field]:
                    raise conflict(resource.title, name, f"the {field} in the precondition ({value}) is another")
            policy = options.get("propagationPolicy") or query.get("propagationPolicy")
            # Of batch/v1 the pods stay by default, as they always have (API server, jobs strategy).
            policy = policy or ("Orphan" if resource is JOBS else "Background")
            grace = options.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
            self._delete(resource, former, policy=policy, grace_seconds=None if grace is None else int(grace))
            current = self.store.find(resource, namespace, name)
            if current is not None:
                return current
            details = {"name": name, "kind": resource.plural, "uid": former["metadata"]["uid"]}
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def _delete(
        self, resource: Resource, former: Object, *, policy: str = "Background", grace_seconds: int | None = None
    ) -> None:
        namespace, name = former["metadata"].get("namespace", ""), former["metadata"]["name"]
        if resource is PODS:
            delete_pod(self.store, former, grace_seconds)
            return
        if resource is NAMESPACES:
            former["metadata"].setdefault("deletionTimestamp", timestamp())
            former["status"] = {"phase": "Terminating"}
            self.store.write(NAMESPACES, former)
            for kind, each in list(self.store.within(name, self.resources)):
                self._delete(kind, each)
            return
        for kind in OWNED.get(resource, ()):
            for each in owned_by(self.store, kind, former):
                if policy == "Orphan":
                    each["metadata"].pop("ownerReferences")
                    self.store.write(kind, each)
                else:
                    self._delete(kind, each)
        self.store.remove(resource, namespace, name)

    def read_log(self, namespace: str, name: str, query: Query) -> bytes:
        """Give what a container has written: the last `tailLines`, of its `previous` life where that is asked for."""
        pod = self.store.get(PODS, namespace, name)
        names = [each["name"] for each in pod["spec"]["containers"]]
        container = query.get("container") or (names[0] if len(names) == 1 else "")
        if container not in names:
            raise Refused(400, f"a container name must be specified for pod {name}, choose one of: {names}")
        statuses = {each["name"]: each for each in pod.get("status", {}).get("containerStatuses", [])}
        life = statuses.get(container, {}).get("restartCount", 0)
        path = log_path(self._logs, pod, container, life - (query.get("previous") == "true"))
        if not path.exists() and query.get("previous") != "true":
            # Between two lives the last one is shown.
            path = log_path(self._logs, pod, container, life - 1)
        if not path.exists():
            raise Refused(400, f'container "{container}" in pod "{name}" is waiting to start')
        lines = path.read_bytes().splitlines(keepends=True)
        text = b"".join(lines[max(0, len(lines) - int(query["tailLines"])) :] if "tailLines" in query else lines)
        return text[: int(query["limitBytes"])] if "limitBytes" in query else text


def _refuse_dry_run(query: Query) -> None:
    if query.get("dryRun"):
        raise Refused(400, "the stand-in does not know dry runs")


def _other_uid(uid: str, former: Object) -> str:
    return f"Precondition failed: UID in precondition: {uid}, UID in object meta: {former['metadata']['uid']}"


def _scale_of(scaled: Object) -> Object:
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas, labels = scaled["spec"]["replicas"], scaled["spec"]["selector"].get("matchLabels", {})
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: scaled["metadata"][name] for name in kept},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": scaled.get("status", {}).get("replicas", 0), "selector": selector},
    }


def selected(candidate: Object, query: Query) -> bool:
    """Tell whether the label and field selectors of a request choose an object."""
    labels = candidate["metadata"].get("labels") or {}
    return all(_holds(each, labels) for each in _requirements(query.get("labelSelector", ""))) and all(
        _field_holds(each, candidate) for each in query.get("fieldSelector", "").split(",") if each
    )


def _requirements(selector: str) -> Iterator[str]:
    # Commas within brackets belong to a set.
    return (each.strip() for each in re.split(r",(?![^(]*\))", selector) if each.strip())


def _holds(requirement: str, labels: Mapping[str, str]) -> bool:
    if match := re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", requirement):
        among = labels.get(match[1]) in {each.strip() for each in match[3].split(",")}
        return among == (match[2] == "in")
    if match := re.fullmatch(r"([^=!]+?)\s*(==|=|!=)\s*(.*)", requirement):
        return (labels.get(match[1]) == match[3]) == (match[2] != "!=")
    if requirement.startswith("!"):
        return requirement[1:] not in labels
    return requirement in labels


def _field_holds(requirement: str, candidate: Object) -> bool:
    field, sign, value = re.split(r"(==|!=|=)", requirement, maxsplit=1)
    if field not in FIELDS:
        raise Refused(400, f"field label not supported: {field}")
    found: Any = candidate
    for part in field.split("."):
        found = (found or {}).get(part, "")
    return bool(found == value) == (sign != "!=")
