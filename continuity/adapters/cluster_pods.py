"""The pods of a workload: which there are, how they are, and what they have written."""

import time
from collections.abc import Callable

from continuity.adapters.cluster import Cluster, Document
from continuity.domain.application import WorkloadRef
from continuity.domain.workloads import ContainerImage, PodState, digest_in
from continuity.errors import ClusterError

POLL_SECONDS = 0.5


def list_pods(cluster: Cluster, ref: WorkloadRef) -> tuple[PodState, ...]:
    """List a workload's pods by its selector, those that terminate included.

    Raises:
        NotInCluster: there is no such workload.
        ClusterError: the cluster refused or could not be reached.

    """
    from kubernetes import client

    apps = client.AppsV1Api(cluster.api)
    found = cluster.call(f"read deployment {ref}", apps.read_namespaced_deployment, ref.name, ref.namespace)
    return pods_by_selector(cluster, ref, selector_of(found["spec"]["selector"]))


def pods_by_selector(cluster: Cluster, ref: WorkloadRef, selector: str) -> tuple[PodState, ...]:
    """List the pods that a label selector chooses."""
    from kubernetes import client

    core = client.CoreV1Api(cluster.api)
    found = cluster.call(f"list pods of {ref}", core.list_namespaced_pod, ref.namespace, label_selector=selector)
    return tuple(_pod(each) for each in found["items"])


def selector_of(selector: Document) -> str:
    """Write a selector of labels as the query of a list."""
    parts = [f"{name}={value}" for name, value in selector.get("matchLabels", {}).items()]
    signs = {"In": "in", "NotIn": "notin"}
    for each in selector.get("matchExpressions", []):
        if each["operator"] in signs:
            parts.append(f"{each['key']} {signs[each['operator']]} ({','.join(each['values'])})")
        else:
            parts.append(each["key"] if each["operator"] == "Exists" else f"!{each['key']}")
    return ",".join(parts)


def _pod(pod: Document) -> PodState:
    status = pod.get("status", {})
    containers = status.get("containerStatuses", [])
    waiting = [
        f"{each['name']}: {each['state']['waiting'].get('reason', 'waiting')}"
        for each in containers + status.get("initContainerStatuses", [])
        if each.get("state", {}).get("waiting")
    ]
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        waiting.append(scheduled.get("reason", "Unschedulable"))
    return PodState(
        name=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        phase=status.get("phase", "Pending"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        terminating="deletionTimestamp" in pod["metadata"],
        waiting=tuple(waiting),
        restarts=sum(each.get("restartCount", 0) for each in containers),
        image_ids=_images(pod, containers),
    )


def _images(pod: Document, statuses: list[Document]) -> tuple[ContainerImage, ...]:
    reported = {each["name"]: digest_in(each.get("imageID", "")) for each in statuses}
    return tuple(
        ContainerImage(container=each["name"], reference=each["image"], digest=reported.get(each["name"], ""))
        for each in pod["spec"]["containers"]
    )


def read_logs(cluster: Cluster, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
    """Return the last lines that a container has written, or its `previous` life did.

    Raises:
        ClusterError: it has none yet, or the cluster could not be reached.

    """
    from kubernetes import client

    core = client.CoreV1Api(cluster.api)
    return cluster.text(
        f"read the log of pod {namespace}/{pod}",
        core.read_namespaced_pod_log,
        pod,
        namespace,
        container=container,
        tail_lines=lines,
        previous=previous,
    )


def wait_until_ready(cluster: Cluster, ref: WorkloadRef, *, replicas: int, deadline_seconds: float) -> None:
    """Wait until a workload runs so many ready pods of its present template, and no other pod is left.

    Raises:
        ClusterError: not so at the deadline; what the pods wait for is named.

    """
    from kubernetes import client

    apps = client.AppsV1Api(cluster.api)

    def missing() -> str:
        found = cluster.call(f"read deployment {ref}", apps.read_namespaced_deployment, ref.name, ref.namespace)
        status = found.get("status", {})
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        counts = [status.get(name, 0) for name in ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")]
        if seen and counts == [replicas] * 4:
            return ""
        pods = pods_by_selector(cluster, ref, selector_of(found["spec"]["selector"]))
        waiting = sorted({reason for each in pods for reason in each.waiting})
        return f"{status.get('readyReplicas', 0)} of {replicas} ready" + (f"; {', '.join(waiting)}" if waiting else "")

    wait(missing, what=f"{ref} is not ready", deadline_seconds=deadline_seconds)


def wait(missing: Callable[[], str], *, what: str, deadline_seconds: float) -> None:
    """Look again and again until nothing is missing. An API server that stumbles meanwhile is asked again.

    Raises:
        ClusterError: something is missing at the deadline.

    """
    deadline = time.monotonic() + deadline_seconds
    while True:
        trouble: ClusterError | None = None
        try:
            if not (left := missing()):
                return
        except ClusterError as error:
            if not error.transient:
                raise
            trouble, left = error, error.message
        if time.monotonic() >= deadline:
            raise ClusterError(
                f"{what} after {deadline_seconds:g} s: {left}", hint="Look at the pods and their logs.", transient=True
            ) from trouble
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
