"""What requests do to the store: create, read, replace, patch, apply, delete, /scale and logs, with their preconditions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.local.kubernetes.admission import admitted, changed, invalid, refuse_what_cannot_run, timestamp
from deployments.local.kubernetes.containers import log_path
from deployments.local.kubernetes.controllers import delete_pod, owned_by
from deployments.local.kubernetes.ownership import applied, updated
from deployments.local.kubernetes.patches import patched
from deployments.local.kubernetes.refusals import Object, Refused, conflict, not_found
from deployments.local.kubernetes.resources import DEPLOYMENTS, JOBS, NAMESPACES, PODS, REPLICA_SETS, Resource
from deployments.local.kubernetes.store import Store

FIELDS = {"metadata.name", "metadata.namespace", "status.phase", "spec.restartPolicy"}
OWNED = {DEPLOYMENTS: (REPLICA_SETS,), REPLICA_SETS: (PODS,), JOBS: (PODS,)}
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request: what it is about, and what it says. `part` is the subresource; `patch` the content type of a patch."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    part: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    patch: str = ""
    agent: str = ""

    @property
    def manager(self) -> str:
        """Give who is noted as having set the fields that it changes."""
        return self.query.get("fieldManager") or self.agent.partition("/")[0] or "unknown"


class Api:
    """The verbs."""

    def __init__(self, store: Store, logs: Path) -> None:
        self.store = store
        self._logs = logs

    def create(self, request: Request) -> Object:
        """Make an object."""
        with self.store.lock:
            new = self._new(request, request.body)
            if self.store.find(request.resource, request.namespace, new["metadata"]["name"]) is not None:
                told = f'{request.resource.title} "{new["metadata"]["name"]}" already exists'
                raise Refused(409, told, reason="AlreadyExists")
            return self._keep(request, updated(request.resource, None, new, request.manager))

    def list(self, request: Request) -> Object:
        """Give the objects that the selectors choose, and the version at which they were so."""
        with self.store.lock:
            found = self.store.list(request.resource, request.namespace)
            return {
                "kind": f"{request.resource.kind}List",
                "apiVersion": request.resource.api_version,
                "metadata": {"resourceVersion": str(self.store.version)},
                "items": [each for each in found if selected(each, request.query)],
            }

    def read(self, request: Request) -> Object:
        """Give an object, or its scale."""
        return _seen(request, self.store.get(request.resource, request.namespace, request.name))

    def change(self, request: Request) -> Object:
        """Replace, patch or apply an object or its scale; one of another uid or version is refused with 409."""
        resource = request.resource
        with self.store.lock:
            former = self.store.find(resource, request.namespace, request.name)
            if request.patch == APPLY:
                return self._apply(request, former)
            if former is None:
                raise not_found(resource.title, request.name)
            view, new = _seen(request, former), request.body
            if request.patch:
                new = patched(view, new, kind=request.patch, custom=resource.custom)
            if request.part == "scale":
                new = _scaled(resource, former, new)
            new = updated(resource, former, changed(resource, former, new), request.manager)
            return _seen(request, self._keep(request, new))

    def _apply(self, request: Request, former: Object | None) -> Object:
        if "fieldManager" not in request.query:
            raise Refused(400, "fieldManager is required for apply patch")
        force = request.query.get("force", "").lower() == "true"
        resource, config = request.resource, request.body | {"metadata": request.body.get("metadata") or {}}
        if config["metadata"].get("managedFields"):
            raise Refused(400, "metadata.managedFields must be nil")
        new = applied(resource, former, config, request.manager, force=force)
        return self._keep(request, changed(resource, former, new) if former else self._new(request, new))

    def _new(self, request: Request, proposed: Object) -> Object:
        if request.resource.namespaced:
            home = self.store.get(NAMESPACES, "", request.namespace)
            if "deletionTimestamp" in home["metadata"]:
                raise Refused(403, f"unable to create new content in namespace {request.namespace}: it is being terminated")
        return admitted(request.resource, request.namespace, proposed)

    def _keep(self, request: Request, new: Object) -> Object:
        if _is_dry(request):
            return new
        refuse_what_cannot_run(request.resource, new)
        return self.store.write(request.resource, new)

    def delete(self, request: Request) -> Object:
        """Delete an object, and what it owns; pods and namespaces stay until what runs in them has ended."""
        resource, options, query = request.resource, request.body or {}, request.query
        with self.store.lock:
            former = self.store.get(resource, request.namespace, request.name)
            for precondition, value in (options.get("preconditions") or {}).items():
                if value != former["metadata"][precondition]:
                    told = f"the {precondition} in the precondition ({value}) is another"
                    raise conflict(resource.title, request.name, told)
            policy = options.get("propagationPolicy") or query.get("propagationPolicy")
            # Of batch/v1 the pods stay by default, as they always have (API server, jobs strategy).
            orphan = (policy or ("Orphan" if resource is JOBS else "Background")) == "Orphan"
            if not _is_dry(request):
                self._delete(resource, former, orphan=orphan)
            details = {"name": request.name, "kind": resource.plural, "uid": former["metadata"]["uid"]}
            done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
            return self.store.find(resource, request.namespace, request.name) or done

    def _delete(self, resource: Resource, former: Object, *, orphan: bool = False) -> None:
        name = former["metadata"]["name"]
        if resource is PODS:
            delete_pod(self.store, former)
            return
        if resource is NAMESPACES:
            former["metadata"].setdefault("deletionTimestamp", timestamp())
            self.store.write(NAMESPACES, former | {"status": {"phase": "Terminating"}})
            for kind, each in self.store.within(name):
                self._delete(kind, each)
            return
        for kind in OWNED.get(resource, ()):
            for each in owned_by(self.store, kind, former):
                if orphan:
                    each["metadata"].pop("ownerReferences")
                    self.store.write(kind, each)
                else:
                    self._delete(kind, each)
        self.store.remove(resource, former["metadata"].get("namespace", ""), name)

    def read_log(self, request: Request) -> bytes:
        """Give what a container has written: the last `tailLines`, of its `previous` life where that is asked for."""
        query, name = request.query, request.name
        pod = self.store.get(PODS, request.namespace, name)
        names = [each["name"] for each in pod["spec"]["containers"]]
        container = query.get("container") or (names[0] if len(names) == 1 else "")
        if container not in names:
            raise Refused(400, f"a container name must be specified for pod {name}, choose one of: {names}")
        statuses = {each["name"]: each for each in pod.get("status", {}).get("containerStatuses", [])}
        life, previous = statuses.get(container, {}).get("restartCount", 0), query.get("previous") == "true"
        # Between two lives the last one is shown.
        wanted = [life - 1] if previous else [life, life - 1]
        paths = [log_path(self._logs, pod, container, each) for each in wanted]
        path = next((each for each in paths if each.exists()), None)
        if path is None:
            raise Refused(400, f'container "{container}" in pod "{name}" is waiting to start')
        lines = path.read_bytes().splitlines(keepends=True)
        return b"".join(lines[max(0, len(lines) - int(query["tailLines"])) :] if "tailLines" in query else lines)


def _is_dry(request: Request) -> bool:
    if request.query.get("dryRun", "") not in {"", "All"}:
        raise Refused(422, f"dryRun: Unsupported value: {request.query['dryRun']!r}: supported values: 'All'")
    return bool(request.query.get("dryRun"))


def _seen(request: Request, found: Object) -> Object:
    """Give an object as the request's subresource shows it; of a Scale the server leaves out what is zero."""
    if request.part != "scale":
        return found
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = found["spec"]["replicas"]
    labels = found["spec"]["selector"].get("matchLabels", {})
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: found["metadata"][name] for name in kept},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": found.get("status", {}).get("replicas", 0), "selector": selector},
    }


def _scaled(resource: Resource, former: Object, scale: Object) -> Object:
    replicas, given = (scale.get("spec") or {}).get("replicas", 0), scale.get("metadata") or {}
    if not isinstance(replicas, int) or replicas < 0:
        raise invalid(resource, former["metadata"]["name"], ("spec.replicas", "must be greater than or equal to 0"))
    precondition = {name: given[name] for name in ("uid", "resourceVersion") if given.get(name)}
    return former | {"metadata": former["metadata"] | precondition, "spec": former["spec"] | {"replicas": replicas}}


def selected(candidate: Object, query: Mapping[str, str]) -> bool:
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
    name, sign, value = re.split(r"(==|!=|=)", requirement, maxsplit=1)
    if name not in FIELDS:
        raise Refused(400, f"field label not supported: {name}")
    found: Any = candidate
    for part in name.split("."):
        found = (found or {}).get(part, "")
    return bool(found == value) == (sign != "!=")
