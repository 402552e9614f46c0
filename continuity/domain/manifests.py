"""Manifests as values, and what belongs together. Pure. Contents may hold secrets: they are never shown."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from continuity.domain.workloads import digest_in


class Wave(StrEnum):
    """What is applied together; each wave needs the ones before it."""

    NAMESPACES = "namespaces"
    DEFINITIONS = "definitions"
    CONFIGURATION = "configuration"
    WORKLOADS = "workloads"
    ROUTES = "routes"


RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "CronJob", "Job")
WAVES = {
    "Namespace": Wave.NAMESPACES,
    "CustomResourceDefinition": Wave.DEFINITIONS,
    **dict.fromkeys(RUNNING, Wave.WORKLOADS),
    **dict.fromkeys(("HorizontalPodAutoscaler", "ScaledObject", "PodDisruptionBudget"), Wave.WORKLOADS),
    **dict.fromkeys(("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "Ingress"), Wave.ROUTES),
}
"""All other kinds are configuration: accounts, rights, services, claims, ConfigMaps, Secrets, and kinds nobody here knows."""
LATER = ("RoleBinding", "ClusterRoleBinding", "HorizontalPodAutoscaler", "ScaledObject", "PodDisruptionBudget")
"""Kinds that are about others of their own wave, and come after them."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One object as it is wanted; `source` says where it is written."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    """"" for what stands in no namespace."""
    content: Mapping[str, Any] = field(repr=False)
    source: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.place}"

    @property
    def place(self) -> str:
        """Its name with its namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def wave(self) -> Wave:
        """When it is applied."""
        return WAVES.get(self.kind, Wave.CONFIGURATION)

    @property
    def is_secret(self) -> bool:
        """Whether not even what a server says about its contents may be shown."""
        return self.kind == "Secret"

    @property
    def defines(self) -> tuple[str, str] | None:
        """The group and kind that it makes known to the cluster, None where it is no definition."""
        if self.wave is not Wave.DEFINITIONS:
            return None
        return self.content["spec"]["group"], self.content["spec"]["names"]["kind"]


def fingerprint(manifests: Sequence[Manifest]) -> str:
    """Return a hash of all that is asked for, by which a later reader sees that it is something else."""
    contents = [each.content for each in manifests]
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def unpinned(manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """Name the containers whose image is known by a tag only, which may mean another one by now: plans warn of them."""
    return tuple(
        f"{manifest}, container {container['name']}: {container['image']}"
        for manifest in manifests
        if manifest.kind in RUNNING
        for container in containers_in(manifest.content)
        if not digest_in(container["image"])
    )


def containers_in(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a workload, those that run first included."""
    spec: Mapping[str, Any] = content.get("spec", {})
    # A CronJob has a template of a Job; a Pod is what the others have a template of.
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod = spec.get("template", {}).get("spec", spec)
    return [*pod.get("containers", []), *pod.get("initContainers", [])]
