"""Plans how an application is stopped and started again, and which release it then runs. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from continuity.domain.application import WorkloadRef
from continuity.domain.builds import CommitBuild, ReleaseBuild, lost_images
from continuity.domain.live import Held
from continuity.domain.plan import Facts, PlannedStep
from continuity.domain.workloads import REVISION, FlagsState, WorkloadState, is_mutable
from continuity.errors import UnsafeOperation

_MARK = ("spec", "template", "metadata", "annotations", REVISION)
"""Where a workload is told its commit that has not said one so far."""


def stop_steps(workloads: Iterable[WorkloadState], database: Facts, held: Held | None) -> tuple[PlannedStep, ...]:
    """Plan to pause what would scale back, to stop every workload, and to wait until nobody is on the database."""
    states = tuple(workloads)
    if not states:
        return ()
    steps = [
        PlannedStep(
            name=f"pause what scales {state.ref.name}",
            kind="pause what scales back",
            target=_scalers(state),
            arguments=workload_arguments(state) | _was(held, "scalers", state),
        )
        for state in states
    ]
    steps += [
        PlannedStep(
            name=f"stop {state.ref.name}",
            kind="stop a workload",
            target=_deployment(state),
            arguments=workload_arguments(state) | _was(held, "replicas", state),
        )
        for state in states
    ]
    return (*steps, wait_step("wait until nobody is on the database", states, database))


def wait_step(name: str, workloads: Iterable[WorkloadState], database: Facts) -> PlannedStep:
    """Plan to wait until no session but ours is left, with every workload still stopped."""
    return PlannedStep(
        name=name,
        kind="wait for sessions",
        target=f"database {database['live']} (OID {database['live_oid']})",
        arguments={"live_oid": database["live_oid"], "workloads": [workload_arguments(state) for state in workloads]},
    )


def start_steps(workloads: Iterable[WorkloadState], held: Held | None = None) -> tuple[PlannedStep, ...]:
    """Plan to start every workload with its former replicas, and then to resume what scales them.

    Both come from this run's own stopping steps, or from the hold that is released.
    """
    states = tuple(workloads)
    steps = [
        PlannedStep(
            name=f"start {state.ref.name}",
            kind="start a workload",
            target=_deployment(state),
            arguments=workload_arguments(state) | {"stopped by": f"stop {state.ref.name}"} | _was(held, "replicas", state),
        )
        for state in states
    ]
    steps += [
        PlannedStep(
            name=f"resume what scales {state.ref.name}",
            kind="resume what scales back",
            target=_scalers(state),
            arguments=workload_arguments(state)
            | {"paused by": f"pause what scales {state.ref.name}"}
            | _was(held, "scalers", state),
        )
        for state in states
    ]
    return tuple(steps)


ROLLED_OUT = frozenset({"set the release", "scale a workload"})
"""Kinds of steps that the cluster takes its time to follow: what needs them done waits for the rollout."""


def release_waits(workloads: Iterable[WorkloadState]) -> tuple[PlannedStep, ...]:
    """Plan to wait for the rollout of releases and replicas, beside the waiting that flags have of their own."""
    return rollout_steps(workloads, of="release")


def rollout_steps(workloads: Iterable[WorkloadState], *, of: str = "rollout") -> tuple[PlannedStep, ...]:
    """Plan to wait until the cluster has rolled a release out, where the application was not stopped for it."""
    return tuple(
        PlannedStep(
            name=f"wait for the {of} of {state.ref.name}",
            kind="wait for the rollout",
            target=_deployment(state),
            arguments=workload_arguments(state),
        )
        for state in workloads
    )


def release_steps(
    now: Sequence[WorkloadState], then: Sequence[WorkloadState], build: ReleaseBuild | None = None
) -> tuple[PlannedStep, ...]:
    """Plan to give each workload the images and the configuration of the point; images that differ are pulled first.

    An image that the point does not know by digest is built before that, where there is a `build`.

    Raises:
        UnsafeOperation: the point does not know the digest of an image.

    """
    recorded = {str(state.ref): state for state in then}
    lost = lost_images(now, then) if build else ()
    steps: list[PlannedStep] = [build.step] if build and lost else []
    for state in now:
        former = recorded.get(str(state.ref))
        if former is None:
            continue
        built = [each.container for each in lost if each.now is state]
        images = wanted_images(former, state.ref, built)
        running = {image.container: image.pinned or image.reference for image in state.images}
        changed = [image for container, image in images.items() if running.get(container) != image]
        steps += pull_steps(state, changed)
        made: dict[str, object] = {}
        if build and built:
            made = {"built by": build.name, "built containers": built}
            steps.append(pull_built_step(state, build))
        config = [
            {"kind": each.kind, "name": each.name, "sha256": each.sha256, "data": dict(each.data)}
            for each in former.config
            if each.data is not None
        ]
        steps.append(
            PlannedStep(
                name=f"set the release of {state.ref.name}",
                kind="set the release",
                target=", ".join([*images.values(), *(f"{container} as it is built" for container in built)]),
                arguments=workload_arguments(state) | {"images": images, "config": config, "marks": _marks(former)} | made,
            )
        )
    return tuple(steps)


def pull_steps(state: WorkloadState, images: Sequence[str]) -> tuple[PlannedStep, ...]:
    """Plan to pull images, so that one which cannot be pulled is found before anything of the workload changes."""
    return tuple(
        PlannedStep(
            name=f"pull the image of {state.ref.name}" + (f" ({number})" if number else ""),
            kind="pull the image",
            target=image,
            arguments=workload_arguments(state) | {"image": image},
        )
        for number, image in enumerate(images)
    )


def pull_built_step(state: WorkloadState, build: ReleaseBuild | CommitBuild) -> PlannedStep:
    """Plan to pull the image that an earlier step builds."""
    return PlannedStep(
        name=f"pull the built image of {state.ref.name}",
        kind="pull the image",
        target=f"the image of {build.image} that is built",
        arguments=workload_arguments(state) | {"built by": build.name},
    )


def built_steps(state: WorkloadState, containers: Sequence[str], build: CommitBuild) -> tuple[PlannedStep, ...]:
    """Plan to give containers the image that an earlier step builds, and the workload the mark of its commit."""
    marked = [mark.path for mark in state.marks if mark.path[-1] == REVISION and mark.value is not None]
    made = {
        "built by": build.name,
        "built containers": list(containers),
        "revision at": [list(path) for path in marked or [_MARK]],
    }
    release = PlannedStep(
        name=f"set the release of {state.ref.name}",
        kind="set the release",
        target=", ".join(f"{container} as it is built" for container in containers),
        arguments=workload_arguments(state) | {"images": {}, "config": [], "marks": []} | made,
    )
    return (pull_built_step(state, build), release)


def image_steps(state: WorkloadState, images: Mapping[str, str]) -> tuple[PlannedStep, ...]:
    """Plan to give containers other images, by digest; each is pulled first."""
    release = PlannedStep(
        name=f"set the release of {state.ref.name}",
        kind="set the release",
        target=", ".join(images.values()),
        arguments=workload_arguments(state) | {"images": dict(images), "config": [], "marks": []},
    )
    return (*pull_steps(state, tuple(images.values())), release)


def scale_steps(state: WorkloadState, replicas: int) -> tuple[PlannedStep, ...]:
    """Plan to give a workload so many replicas, and to keep it there: what would scale it back is pinned before."""
    pinned = (
        PlannedStep(
            name=f"pin what scales {state.ref.name}",
            kind="pin what scales",
            target=_scalers(state),
            arguments=workload_arguments(state) | {"pinned to": replicas},
        ),
    )
    scaled = PlannedStep(
        name=f"scale {state.ref.name}",
        kind="scale a workload",
        target=f"{_deployment(state)}, from {state.replicas} to {replicas} replicas",
        arguments=workload_arguments(state) | {"replicas": replicas},
    )
    return (*(pinned if state.scalers else ()), scaled)


def flag_steps(then: FlagsState | None) -> tuple[PlannedStep, ...]:
    """Plan to put the feature flags back."""
    if then is None:
        return ()
    place = {"namespace": then.namespace, "config map": then.config_map, "key": then.key}
    return (
        PlannedStep(
            name="set the flags",
            kind="set the flags",
            target=f"configmap {then.namespace}/{then.config_map}, {len(then.variants)} flags",
            arguments=place | {"document": then.document},
        ),
    )


def wanted_images(state: WorkloadState, ref: WorkloadRef, built: Sequence[str] = ()) -> dict[str, str]:
    """Return the image of each of the application's containers, by digest, but for those that are `built`.

    Raises:
        UnsafeOperation: one is known by a tag only, which may mean another image by now.

    """
    wanted: dict[str, str] = {}
    for container in ref.containers:
        image = state.image_of(container)
        if image is None or container in built:
            continue
        if not image.pinned:
            kind = "a tag that moves" if is_mutable(image.reference) else "a tag"
            raise UnsafeOperation(
                f"the point knows the image of {ref}'s container {container} only as {image.reference}, {kind}",
                detail="Nothing was changed.",
                hint="Give --image REFERENCE@sha256:…, or --scope database; `[release] repository` can build it anew.",
            )
        wanted[container] = image.pinned
    return wanted


def workload_arguments(state: WorkloadState) -> dict[str, object]:
    """Return the identity of a workload, as steps on it compare with it."""
    return {
        "namespace": state.ref.namespace,
        "workload": state.ref.name,
        "containers": list(state.ref.containers),
        "uid": state.uid,
    }


def _was(held: Held | None, what: str, state: WorkloadState) -> dict[str, object]:
    known: Mapping[str, object] = getattr(held, what) if held else {}
    return {what: known[str(state.ref)]} if str(state.ref) in known else {}


def _marks(state: WorkloadState) -> list[dict[str, object]]:
    return [{"path": list(mark.path), "value": mark.value} for mark in state.marks]


def _deployment(state: WorkloadState) -> str:
    return f"deployment {state.ref} (uid {state.uid})"


def _scalers(state: WorkloadState) -> str:
    named = [f"{each.kind} {each.namespace}/{each.name}" for each in state.scalers]
    return ", ".join(named) or f"nothing scales deployment {state.ref}"
