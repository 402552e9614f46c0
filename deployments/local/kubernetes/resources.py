"""The kinds of object that the stand-in knows, as one table. A kind that is not in it is answered with 404."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.local.kubernetes.refusals import Object


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A kind of object, and where it stands in the API; `custom` ones are kept as they come and have no defaults."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    custom: bool = False
    generation: tuple[str, ...] = ()
    """Parts of the object whose change raises metadata.generation: "spec", "annotations"."""
    schema: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What objects of a custom kind must be like, as JSON schema."""

    @property
    def api_version(self) -> str:
        """Give what objects of the kind have as apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def title(self) -> str:
        """Give how messages name the kind."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _kind(api_version: str, kind: str, plural: str = "", **more: Any) -> Resource:
    group, _, version = api_version.rpartition("/")
    return Resource(group=group, version=version, plural=plural or f"{kind.lower()}s", kind=kind, **more)


_WEIGHT = {"properties": {"weight": {"type": "integer", "minimum": 0, "maximum": 1_000_000}}}
_RULE = {"properties": {"backendRefs": {"type": "array", "items": _WEIGHT}}}
_ROUTE = {"properties": {"spec": {"properties": {"rules": {"type": "array", "items": _RULE}}}}}
"""Of the schema of the Gateway API's CRD what weights are about."""

NAMESPACES = _kind("v1", "Namespace", namespaced=False)
PODS = _kind("v1", "Pod")
CONFIG_MAPS = _kind("v1", "ConfigMap")
SECRETS = _kind("v1", "Secret")
# A Deployment's generation rises for a changed annotation too (seen on API server 1.36).
DEPLOYMENTS = _kind("apps/v1", "Deployment", generation=("spec", "annotations"))
REPLICA_SETS = _kind("apps/v1", "ReplicaSet", generation=("spec",))
JOBS = _kind("batch/v1", "Job", generation=("spec",))
AUTOSCALERS = _kind("autoscaling/v2", "HorizontalPodAutoscaler")
DEFINITIONS = _kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False, generation=("spec",))
BUILT_IN = (
    *(NAMESPACES, PODS, CONFIG_MAPS, SECRETS, DEPLOYMENTS, REPLICA_SETS, JOBS, AUTOSCALERS, DEFINITIONS),
    # Kept, and nothing else: there is no network and no disk, and everybody with the token may do everything.
    _kind("v1", "Service"),
    _kind("v1", "ServiceAccount"),
    _kind("rbac.authorization.k8s.io/v1", "Role"),
    _kind("rbac.authorization.k8s.io/v1", "RoleBinding"),
    _kind("rbac.authorization.k8s.io/v1", "ClusterRole", namespaced=False),
    _kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", namespaced=False),
    _kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", generation=("spec",)),
    _kind("policy/v1", "PodDisruptionBudget", generation=("spec",)),
    _kind("apps/v1", "StatefulSet", generation=("spec",)),
    _kind("networking.k8s.io/v1", "Ingress", "ingresses", generation=("spec",)),
    _kind("gateway.networking.k8s.io/v1", "HTTPRoute", custom=True, generation=("spec",), schema=_ROUTE),
)


def declared_resources(path: Path) -> tuple[Resource, ...]:
    """Read which custom kinds the cluster has from its beginning: `custom_resources` of the cluster's data file."""
    declared = json.loads(path.read_text(encoding="utf-8")).get("custom_resources", [])
    return tuple(Resource(**each, custom=True, generation=("spec",)) for each in declared)


def defined_resources(definitions: Iterable[Object]) -> Iterator[Resource]:
    """Give the kinds that CustomResourceDefinitions bring."""
    for spec in (each["spec"] for each in definitions):
        for version in spec["versions"]:
            yield Resource(
                group=spec["group"],
                version=version["name"],
                plural=spec["names"]["plural"],
                kind=spec["names"]["kind"],
                namespaced=spec["scope"] == "Namespaced",
                custom=True,
                generation=("spec",),
                schema=version.get("schema", {}).get("openAPIV3Schema", {}),
            )


def discovery(resources: Iterable[Resource], path: str) -> Object | None:
    """Answer which groups, versions and kinds there are, where `path` asks for that."""
    by_version: dict[str, list[Resource]] = {}
    for each in resources:
        by_version.setdefault(each.api_version, []).append(each)
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [{"groupVersion": name, "version": name.partition("/")[2]} for name in by_version if "/" in name]
        groups = [
            {"name": each["groupVersion"].partition("/")[0], "versions": [each], "preferredVersion": each} for each in versions
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    found = by_version.get(path.removeprefix("/apis/" if path.startswith("/apis/") else "/api/"))
    if not found:
        return None
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return {
        "kind": "APIResourceList",
        "groupVersion": found[0].api_version,
        "resources": [
            {"name": each.plural, "singularName": "", "namespaced": each.namespaced, "kind": each.kind, "verbs": verbs}
            for each in found
        ],
    }
