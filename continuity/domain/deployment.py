"""How a directory of manifests is brought about: adjusted to a recovery point, in waves, at no traffic. Pure."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from continuity.domain.application import WorkloadRef
from continuity.domain.manifests import LATER, RUNNING, Manifest, Wave, containers_in, fingerprint
from continuity.domain.plan import PlannedStep
from continuity.domain.weights import CanaryWeights, RouteWeights
from continuity.errors import ConfigurationRefused

STILL: Mapping[str, tuple[str, Any]] = {
    **dict.fromkeys(("Deployment", "StatefulSet", "ReplicaSet"), ("replicas", 0)),
    **dict.fromkeys(("CronJob", "Job"), ("suspend", True)),
}
"""The field and the value by which a workload stands still, where it can."""
NAMED_IN_TARGET = 5


@dataclass(frozen=True, kw_only=True)
class Adjustments:
    """What is made of manifests before they are applied. Workloads are named "namespace/name", as they are written."""

    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By workload and container, the image that it is to run."""
    priority: Sequence[str] = ()
    """Workloads in the order in which they are applied, what earns or protects revenue first; others come after them."""
    at_zero: Sequence[str] = ()
    """Workloads that get 0 replicas, and jobs that are suspended; the others run, and have no visitors."""
    quiet: Mapping[str, str] = field(default_factory=dict)
    """What divides traffic (see `quiet_route`): it gives the recovered side nothing, whatever is written there."""
    leave_out: Sequence[str] = ()
    """For a rehearsal: objects, as "Kind namespace/name", that are not applied."""
    into: str = ""
    """For a rehearsal: the namespace into which all is moved. Routes, and what stands in no namespace, are left out."""


def arranged(manifests: Sequence[Manifest], adjustments: Adjustments) -> tuple[Manifest, ...]:
    """Return the manifests adjusted, in the order in which they are applied.

    Raises:
        ConfigurationRefused: the adjustments name a workload or a container that the manifests do not hold, or two objects
            would have one place in the namespace of a rehearsal.
        UnsafeOperation: with nothing for the recovered side, visitors would get errors.

    """
    manifests = [each for each in manifests if str(each) not in adjustments.leave_out]
    _make_sure(manifests, adjustments)
    places = {place: number for number, place in enumerate(adjustments.priority)}
    waves = list(Wave)

    def rank(manifest: Manifest) -> tuple[int, bool, int]:
        return waves.index(manifest.wave), manifest.kind in LATER, places.get(manifest.place, len(places))

    in_order = [_silenced(_adjusted(each, adjustments), adjustments.quiet) for each in sorted(manifests, key=rank)]
    return _moved(in_order, adjustments.into) if adjustments.into else tuple(in_order)


def _make_sure(manifests: Sequence[Manifest], adjustments: Adjustments) -> None:
    images, at_zero = adjustments.images, adjustments.at_zero
    written = {each.place: each for each in manifests if each.kind in RUNNING}
    wrong = [place for place in (*images, *at_zero) if place not in written]
    wrong += [
        f"{place}, container {container}"
        for place, wanted in images.items()
        if place in written
        for container in wanted
        if container not in {each["name"] for each in containers_in(written[place].content)}
    ]
    wrong += [f"{place} as what can stand still" for place in at_zero if place in written and written[place].kind not in STILL]
    if wrong:
        raise ConfigurationRefused(
            f"the manifests do not hold {wrong[0]}",
            detail="\n".join(wrong),
            hint="What the application names has to stand in the manifests, under the same names; nothing was changed.",
        )


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


def _adjusted(manifest: Manifest, adjustments: Adjustments) -> Manifest:
    images, at_zero = adjustments.images, adjustments.at_zero
    if manifest.kind not in RUNNING or (manifest.place not in images and manifest.place not in at_zero):
        return manifest
    content = copy.deepcopy(dict(manifest.content))
    for container in containers_in(content):
        container["image"] = images.get(manifest.place, {}).get(container["name"], container["image"])
    if manifest.place in at_zero:
        name, value = STILL[manifest.kind]
        content["spec"][name] = value
    return replace(manifest, content=content)


def _moved(manifests: Sequence[Manifest], namespace: str) -> tuple[Manifest, ...]:
    content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    home = Manifest(api_version="v1", kind="Namespace", name=namespace, content=content, source="the rehearsal's own")
    moved = [_settled(each, namespace) for each in manifests if each.namespace and each.wave is not Wave.ROUTES]
    named = [(each.api_version, str(each)) for each in moved]
    if twice := [str(each) for each, name in zip(moved, named, strict=True) if named.count(name) > 1]:
        raise ConfigurationRefused(
            f"two objects of several namespaces would be {twice[0]}", hint="Give them different names, or rehearse elsewhere."
        )
    return (home, *moved)


def _settled(manifest: Manifest, namespace: str) -> Manifest:
    content = copy.deepcopy(dict(manifest.content))
    content["metadata"]["namespace"] = namespace
    for subject in content.get("subjects") or []:
        # A right of the real application's account would be one over the rehearsal.
        if subject.get("namespace") == manifest.namespace:
            subject["namespace"] = namespace
    return replace(manifest, namespace=namespace, content=content)


def manifest_steps(
    manifests: Sequence[Manifest],
    adjustments: Adjustments,
    *,
    directory: str,
    workloads: Sequence[WorkloadRef] = (),
    force: bool = False,
) -> tuple[PlannedStep, ...]:
    """Plan to apply a directory wave by wave, and to wait until the application's own workloads run.

    `workloads` are the application's, as they are written. `force` takes over fields that other managers have set.

    Raises:
        ConfigurationRefused, UnsafeOperation: as `arranged`.

    """
    in_order = arranged(manifests, adjustments)
    there = [replace(each, namespace=adjustments.into or each.namespace) for each in workloads]
    steps = []
    for wave in Wave:
        objects = [str(each) for each in in_order if each.wave is wave]
        if not objects:
            continue
        more = f" and {len(objects) - NAMED_IN_TARGET} more" if len(objects) > NAMED_IN_TARGET else ""
        steps.append(
            PlannedStep(
                name=f"apply the {wave}",
                kind="apply the manifests",
                target=", ".join(objects[:NAMED_IN_TARGET]) + more,
                arguments={
                    "directory": directory,
                    "sha256": fingerprint(manifests),
                    "wave": wave.value,
                    "objects": objects,
                    "adjustments": asdict(adjustments),
                    "force": force,
                },
            )
        )
        if wave is Wave.WORKLOADS:
            steps += [_rollout_step(each) for each in there if f"Deployment {each}" in objects]
    return tuple(steps)


def _rollout_step(ref: WorkloadRef) -> PlannedStep:
    return PlannedStep(
        name=f"wait for the rollout of {ref.name}",
        kind="wait for the rollout",
        target=f"deployment {ref}",
        arguments={"namespace": ref.namespace, "workload": ref.name, "containers": list(ref.containers)},
    )
