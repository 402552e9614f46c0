"""What a directory of manifests asks of a cluster, and in which order. Pure. Contents may hold secrets: they are never shown."""

import copy
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from continuity.domain.application import WorkloadRef
from continuity.domain.plan import PlannedStep
from continuity.domain.weights import CanaryWeights, RouteWeights
from continuity.domain.workloads import digest_in
from continuity.errors import ConfigurationRefused

Images = Mapping[str, Mapping[str, str]]
"""By workload ("namespace/name") and container, the image that it is to run."""
NAMED_IN_TARGET = 5


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
STILL: Mapping[str, tuple[str, Any]] = {
    **dict.fromkeys(("Deployment", "StatefulSet", "ReplicaSet"), ("replicas", 0)),
    **dict.fromkeys(("CronJob", "Job"), ("suspend", True)),
}
"""The field and the value by which a workload stands still, where it can."""


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


def arranged(
    manifests: Sequence[Manifest],
    *,
    images: Images,
    priority: Sequence[str] = (),
    at_zero: Collection[str] = (),
    quiet: Mapping[str, str] | None = None,
) -> tuple[Manifest, ...]:
    """Return the manifests in the order of their waves, with the given images and, where asked, without replicas.

    Workloads stand in the order of `priority` ("namespace/name", what earns or protects revenue first), then as they are
    written. A workload in `at_zero` gets 0 replicas, a job is suspended. What divides traffic, named by `quiet_route`,
    gives the recovered side nothing, whatever is written there.

    Raises:
        ConfigurationRefused: an image, or a workload at zero, is given for what the manifests do not hold.
        UnsafeOperation: with nothing for the recovered side, visitors would get errors.

    """
    written = {each.place: each for each in manifests if each.kind in RUNNING}
    wrong = [place for place in (*images, *at_zero) if place not in written]
    wrong += [
        f"{place}, container {container}"
        for place, wanted in images.items()
        if place in written
        for container in wanted
        if container not in {each["name"] for each in _containers(written[place].content)}
    ]
    wrong += [f"{place} as what can stand still" for place in at_zero if place in written and written[place].kind not in STILL]
    if wrong:
        raise ConfigurationRefused(
            f"the manifests do not hold {wrong[0]}",
            detail="\n".join(wrong),
            hint="What the application names has to stand in the manifests, under the same names; nothing was changed.",
        )
    places = {place: number for number, place in enumerate(priority)}
    waves = list(Wave)

    def rank(manifest: Manifest) -> tuple[int, bool, int]:
        return waves.index(manifest.wave), manifest.kind in LATER, places.get(manifest.place, len(places))

    return tuple(_silenced(_adjusted(each, images, at_zero), quiet or {}) for each in sorted(manifests, key=rank))


def quiet_route(namespace: str, name: str, backend: str = "") -> dict[str, str]:
    """Name what divides traffic: an HTTPRoute with the backend that is the recovered side, without one a canary Ingress."""
    return {"kind": "HTTPRoute" if backend else "Ingress", "place": f"{namespace}/{name}", "backend": backend}


def _silenced(manifest: Manifest, quiet: Mapping[str, str]) -> Manifest:
    if (manifest.kind, manifest.place) != (quiet.get("kind"), quiet.get("place")):
        return manifest
    division = RouteWeights(backend=quiet["backend"]) if quiet["backend"] else CanaryWeights()
    patch = division.patch(manifest.content, division.at(0, division.read(manifest.content)))
    content = {**manifest.content, **{part: {**manifest.content[part], **inner} for part, inner in patch.items()}}
    if "metadata" in patch:
        annotations = {**manifest.content["metadata"]["annotations"], **patch["metadata"]["annotations"]}
        content["metadata"]["annotations"] = {name: value for name, value in annotations.items() if value is not None}
    return replace(manifest, content=content)


def _adjusted(manifest: Manifest, images: Images, at_zero: Collection[str]) -> Manifest:
    if manifest.kind not in RUNNING or (manifest.place not in images and manifest.place not in at_zero):
        return manifest
    content = copy.deepcopy(dict(manifest.content))
    for container in _containers(content):
        container["image"] = images.get(manifest.place, {}).get(container["name"], container["image"])
    if manifest.place in at_zero:
        name, value = STILL[manifest.kind]
        content["spec"][name] = value
    return replace(manifest, content=content)


def unpinned(manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """Name the containers whose image is known by a tag only, which may mean another one by now: plans warn of them."""
    return tuple(
        f"{manifest}, container {container['name']}: {container['image']}"
        for manifest in manifests
        if manifest.kind in RUNNING
        for container in _containers(manifest.content)
        if not digest_in(container["image"])
    )


def _containers(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    spec: Mapping[str, Any] = content.get("spec", {})
    # A CronJob has a template of a Job; a Pod is what the others have a template of.
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod = spec.get("template", {}).get("spec", spec)
    return [*pod.get("containers", []), *pod.get("initContainers", [])]


def manifest_steps(
    manifests: Sequence[Manifest],
    *,
    directory: str,
    images: Images,
    workloads: Sequence[WorkloadRef] = (),
    at_zero: Collection[str] = (),
    quiet: Mapping[str, str] | None = None,
    force: bool = False,
) -> tuple[PlannedStep, ...]:
    """Plan to apply a directory wave by wave, and to wait until the application's own workloads run.

    `workloads` stand in their order of priority. `force` takes over fields that other managers have set.

    Raises:
        ConfigurationRefused: as `arranged`.

    """
    priority = [str(each) for each in workloads]
    in_order = arranged(manifests, images=images, priority=priority, at_zero=at_zero, quiet=quiet)
    steps = []
    for wave in Wave:
        objects = [str(each) for each in in_order if each.wave is wave]
        if not objects:
            continue
        more = f" and {len(objects) - NAMED_IN_TARGET} more" if len(objects) > NAMED_IN_TARGET else ""
        steps.append(
            PlannedStep(
                name=apply_step(wave),
                kind="apply the manifests",
                target=", ".join(objects[:NAMED_IN_TARGET]) + more,
                arguments={
                    "directory": directory,
                    "sha256": fingerprint(manifests),
                    "wave": wave.value,
                    "objects": objects,
                    "images": {place: dict(wanted) for place, wanted in images.items()},
                    "priority": priority,
                    "at zero": sorted(at_zero),
                    "quiet": dict(quiet or {}),
                    "force": force,
                },
            )
        )
        if wave is Wave.WORKLOADS:
            steps += [_rollout_step(each) for each in workloads if f"Deployment {each}" in objects]
    return tuple(steps)


def apply_step(wave: Wave) -> str:
    """Return the name of the step that applies a wave."""
    return f"apply the {wave}"


def _rollout_step(ref: WorkloadRef) -> PlannedStep:
    return PlannedStep(
        name=f"wait for the rollout of {ref.name}",
        kind="wait for the rollout",
        target=f"deployment {ref}",
        arguments={
            "namespace": ref.namespace,
            "workload": ref.name,
            "containers": list(ref.containers),
            "applied by": apply_step(Wave.WORKLOADS),
        },
    )
