"""Plans how a recovered application comes to a cluster: its manifests, with what the point has recorded. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.deployment import Adjustments, manifest_steps
from continuity.domain.manifests import Manifest, Wave
from continuity.domain.plan import PlannedStep
from continuity.domain.recovery_point import Manifest as PointManifest
from continuity.domain.traffic import flag_steps, wanted_images
from continuity.domain.workloads import ReferencedConfig, WorkloadState
from continuity.errors import UnsafeOperation

SET_CONFIGURATION = "set the configuration"


def deployment_steps(
    application: Application, point: PointManifest, manifests: Sequence[Manifest], *, directory: str, quiet: Mapping[str, str]
) -> tuple[PlannedStep, ...]:
    """Plan to apply a directory at zero traffic, with what the point has recorded, and to wait until all of it runs.

    `quiet` names what divides traffic: it gives the recovered side nothing.

    Raises:
        UnsafeOperation: the point does not know an image by digest.
        ConfigurationRefused: the manifests and the application do not fit.

    """
    states = point.workloads.states if point.workloads else ()
    adjustments = Adjustments(
        images={str(state.ref): wanted_images(state, state.ref) for state in states},
        priority=[str(each) for each in application.workloads],
        quiet=quiet,
    )
    steps = manifest_steps(manifests, adjustments, directory=directory, workloads=application.workloads)
    from_point = (*configuration_steps(states), *flag_steps(point.flags))
    first = next((number for number, step in enumerate(steps) if step.arguments.get("wave") == Wave.WORKLOADS.value), len(steps))
    return (*steps[:first], *from_point, *steps[first:])


def needed_secrets(point: PointManifest, manifests: Sequence[Manifest]) -> tuple[tuple[str, str], ...]:
    """Name the Secrets (namespace, name) that the point's workloads read and that the manifests do not bring along."""
    states = point.workloads.states if point.workloads else ()
    read = {(state.ref.namespace, each.name) for state in states for each in state.config if each.kind == "Secret"}
    brought = {(each.namespace, each.name) for each in manifests if each.is_secret}
    return tuple(sorted(read - brought))


def check_secrets(needed: Sequence[tuple[str, str]], there: Sequence[tuple[str, str]]) -> Iterator[Check]:
    """Say which Secrets are lacking, all of them at once."""
    if not needed:
        return
    lacking = [f"{namespace}/{name}" for namespace, name in needed if (namespace, name) not in there]
    yield Check(
        name="secrets of the cluster",
        passed=not lacking,
        detail=f"lacking: {', '.join(lacking)}" if lacking else f"all {len(needed)} are there",
        hint="No point holds them. Make them from your secret store, or add them to the manifests." if lacking else "",
    )


def refuse_undescribed(application: Application, point: PointManifest) -> None:
    """Make sure that an application of a cluster can be brought there.

    Raises:
        UnsafeOperation: its workloads are described, and no manifests are.

    """
    if application.workloads and point.workloads:
        raise UnsafeOperation(
            f"{application.name} has {len(application.workloads)} workloads, and nothing says how they are made",
            detail="Nothing was changed.",
            hint="Name the folder of its manifests in `[recovery] manifests`.",
        )


def configuration_steps(states: Sequence[WorkloadState]) -> Iterator[PlannedStep]:
    """Return the steps that bring back the ConfigMaps that workloads refer to, as they were recorded."""
    by_namespace: dict[str, dict[str, ReferencedConfig]] = {}
    for state in states:
        for each in state.config:
            if each.data is not None:
                by_namespace.setdefault(state.ref.namespace, {})[each.name] = each
    for namespace, configs in by_namespace.items():
        yield PlannedStep(
            name=f"set the configuration of {namespace}",
            kind=SET_CONFIGURATION,
            target=", ".join(f"configmap {namespace}/{name}" for name in configs),
            arguments={"namespace": namespace, "config": [_plain(each) for each in configs.values()]},
        )


def _plain(config: ReferencedConfig) -> dict[str, object]:
    return asdict(config) | {"data": dict(config.data or {})}
