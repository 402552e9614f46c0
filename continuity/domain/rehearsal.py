"""What a rehearsal does besides the database: a deployment that stands still in a namespace of its own, and the replica. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from continuity.domain.deployment import STILL, Adjustments, manifest_steps
from continuity.domain.manifests import RUNNING, Manifest, Wave
from continuity.domain.plan import PlannedStep
from continuity.domain.recovery_point import Manifest as PointManifest
from continuity.domain.redeployment import configuration_steps
from continuity.domain.reports import size
from continuity.domain.traffic import wanted_images

MAKE_NAMESPACE = "make the rehearsal's namespace"
CLEAR_NAMESPACE = "clear the rehearsal's namespace"
CHECK_REPLICA = "check the media replica"
"""Kinds of steps; in a plan each has its kind's name."""

SAMPLED_FILES = 20
"""So many files are read to their last byte; of all others the listing is compared."""

# By API group: what neither runs nor reaches outside of its namespace, as long as the workloads stand still.
_INSIDE = {
    "": {"ConfigMap", "Secret", "ServiceAccount", "Service", "LimitRange", "ResourceQuota"},
    "apps": {"Deployment", "StatefulSet", "ReplicaSet"},
    "batch": {"CronJob", "Job"},
    "policy": {"PodDisruptionBudget"},
    "autoscaling": {"HorizontalPodAutoscaler"},
    "networking.k8s.io": {"NetworkPolicy"},
    "rbac.authorization.k8s.io": {"Role", "RoleBinding"},
}


@dataclass(frozen=True, kw_only=True)
class RehearsedDeployment:
    """The steps that bring the manifests into a namespace of the rehearsal's own, and those that clear it away."""

    make: tuple[PlannedStep, ...] = ()
    clear: tuple[PlannedStep, ...] = ()


def rehearsed_deployment(
    point: PointManifest, manifests: Sequence[Manifest], *, directory: str, namespace: str
) -> RehearsedDeployment:
    """Plan to apply what stays inside of a namespace, with everything that runs standing still, and to delete that namespace.

    Nothing of the application runs: with the real configuration, a second worker would do real work. What controllers carry
    out of the namespace (addresses, names, volumes, kinds that nobody here knows) is left out, and told.

    Raises:
        ConfigurationRefused: two objects of several namespaces would be one.

    """
    kept = [each for each in manifests if _stays_inside(each)]
    out = [str(each) for each in manifests if each not in kept and each.namespace and each.wave is not Wave.ROUTES]
    states = point.workloads.states if point.workloads else ()
    there = {each.place for each in kept}
    adjustments = Adjustments(
        images={str(state.ref): wanted_images(state, state.ref) for state in states if str(state.ref) in there},
        at_zero=[each.place for each in kept if each.kind in STILL],
        leave_out=out,
        into=namespace,
    )
    moved = [replace(state, ref=replace(state.ref, namespace=namespace)) for state in states]
    applied = manifest_steps(manifests, adjustments, directory=directory)
    first = next((number for number, step in enumerate(applied) if step.arguments["wave"] == Wave.WORKLOADS.value), len(applied))
    home = {"namespace": namespace}
    target = f"namespace {namespace}, new" + (f"; left out, since it acts outside of it: {', '.join(out)}" if out else "")
    return RehearsedDeployment(
        make=(
            PlannedStep(name=MAKE_NAMESPACE, kind=MAKE_NAMESPACE, target=target, arguments=home),
            *applied[:first],
            *configuration_steps(moved),
            *applied[first:],
        ),
        clear=(
            PlannedStep(
                name=CLEAR_NAMESPACE, kind=CLEAR_NAMESPACE, target=f"namespace {namespace}, with all in it", arguments=home
            ),
        ),
    )


def _stays_inside(manifest: Manifest) -> bool:
    group = manifest.api_version.rpartition("/")[0]
    if not manifest.namespace or manifest.kind not in _INSIDE.get(group, ()):
        return False
    if manifest.kind in RUNNING:
        return manifest.kind in STILL
    # A Service of another type gets an address of the world's; by an annotation any may get a name there.
    plain = manifest.content.get("spec", {}).get("type", "ClusterIP") == "ClusterIP"
    return manifest.kind != "Service" or (plain and not manifest.content["metadata"].get("annotations"))


def replica_step(point: PointManifest, *, replica: str) -> tuple[PlannedStep, ...]:
    """Plan to hold the point's map of media against the replica; nothing where there is no map, or no replica."""
    media = point.media
    if media is None or not replica:
        return ()
    return (
        PlannedStep(
            name=CHECK_REPLICA,
            kind=CHECK_REPLICA,
            target=f"{media.objects:,} files ({size(media.total_bytes)}) in {replica}, {SAMPLED_FILES} of them read",
            arguments={"point": point.id, "map_sha256": media.versions.content_sha256, "replica": replica},
        ),
    )
