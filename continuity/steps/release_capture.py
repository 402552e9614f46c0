"""Records what of the application runs on the cluster: workloads with digests, configuration, scalers, flags, release."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from continuity.adapters.cluster import Cluster, cluster_uid, open_cluster
from continuity.adapters.cluster_flags import read_flags
from continuity.adapters.cluster_workloads import read_workload
from continuity.domain.application import Application, FlagSource
from continuity.domain.checks import Check
from continuity.domain.workloads import CapturedWorkloads, FlagsState, WorkloadState, changes_between
from continuity.errors import ContinuityError
from continuity.settings import Environment


@dataclass(frozen=True, kw_only=True)
class CapturedRelease:
    """What a cluster told of an application; None for what the application does not name."""

    workloads: CapturedWorkloads | None = None
    flags: FlagsState | None = None


def capture_release(application: Application, environment: Environment) -> CapturedRelease:
    """Read the workloads and flags of an application. Changes nothing.

    Raises:
        ClusterError: one of them cannot be read; transient where it may go through later.

    """
    if not application.uses_cluster:
        return CapturedRelease()
    with open_cluster(environment.cluster) as cluster:
        states = tuple(read_workload(cluster, ref) for ref in application.workloads)
        workloads = CapturedWorkloads(cluster_uid=cluster_uid(cluster), taken=datetime.now(UTC), states=states)
        return CapturedRelease(
            workloads=workloads if states else None,
            flags=read_flags(cluster, application.flags) if isinstance(application.flags, FlagSource) else None,
        )


def compare_release(application: Application, environment: Environment, before: CapturedRelease) -> tuple[str, ...]:
    """Say what has changed on the cluster since a release was recorded: the point then holds two moments. Changes nothing.

    Raises:
        ClusterError: it cannot be read; transient where it may go through later.

    """
    if before.workloads is None and before.flags is None:
        return ()
    after = capture_release(application, environment)
    changes: list[str] = []
    if before.workloads and after.workloads:
        changes += changes_between(before.workloads, after.workloads)
    if before.flags != after.flags:
        changes.append("the feature flags")
    return tuple(f"changed while the backup ran, recorded as it was before: {change}" for change in changes)


def _warnings(state: WorkloadState) -> Iterator[str]:
    for image in state.images:
        if image.container in state.ref.containers and not image.digest:
            yield f"no pod tells the digest of {image.reference}: the point cannot bring exactly that image back"
    if not state.replicas:
        yield "it has no replicas now"


def check_release(application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at whether the cluster and everything that the application names on it can be read. Changes nothing."""
    if not application.uses_cluster:
        return (Check(name="cluster", passed=True, detail="the application names no workload"),)
    try:
        with open_cluster(environment.cluster) as cluster:
            uid = cluster_uid(cluster)
            reached = Check(name="cluster", passed=True, detail=f"{cluster.host}, uid {uid}")
            return (reached, *_object_checks(application, cluster))
    except ContinuityError as error:
        return (_failed("cluster", error),)


def _object_checks(application: Application, cluster: Cluster) -> Iterator[Check]:
    for ref in application.workloads:
        name = f"workload {ref}"
        try:
            state = read_workload(cluster, ref)
        except ContinuityError as error:
            yield _failed(name, error)
            continue
        running = ", ".join(image.pinned or image.reference for image in state.images if image.container in ref.containers)
        unpinned = tuple(_warnings(state))
        yield Check(
            name=name, passed=True, detail="; ".join([f"{running}, {state.replicas} replicas", *unpinned]),
            hint="Deploy images by digest." if unpinned else "",
        )  # fmt: skip
    if isinstance(application.flags, FlagSource):
        name = f"flags {application.flags.namespace}/{application.flags.config_map}"
        try:
            flags = read_flags(cluster, application.flags)
            yield Check(name=name, passed=True, detail=f"{len(flags.variants)} flags")
        except ContinuityError as error:
            yield _failed(name, error)


def _failed(name: str, error: ContinuityError) -> Check:
    return Check(name=name, passed=False, detail=error.message, hint=error.hint or "See the detail of the error.")
