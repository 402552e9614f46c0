"""A command in the application's own image: a Job made from a workload's pod template, waited for, read, and removed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from continuity.adapters.cluster import Cluster, Document
from continuity.adapters.cluster_pods import pods_by_selector, read_logs
from continuity.domain.application import WorkloadRef
from continuity.domain.workloads import PodState
from continuity.errors import ClusterConflict, ClusterError, NotInCluster

POLL_SECONDS = 0.3
LINES_KEPT = 500
JOB_LABEL = "batch.kubernetes.io/job-name"
NEVER_STARTS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What a Job came to: whether its command ended with 0, why not, and the end of its output."""

    succeeded: bool
    because: str
    output: str
    seconds: float


def run_job(
    cluster: Cluster,
    ref: WorkloadRef,
    *,
    name: str,
    command: Sequence[str],
    deadline_seconds: int,
    image: str = "",
) -> JobResult:
    """Run a command to its end in the first container of a workload, with that container's environment, then remove it.

    `name` identifies the attempt: a Job of that name which an interrupted call has left is waited for, not run again.
    The pod carries none of the workload's labels, so that neither a Service nor the Deployment takes it for its own.
    An image that cannot be pulled ends it at once.

    Raises:
        NotInCluster: there is no such workload.
        ClusterError: the cluster refused, or could not be reached.

    """
    from kubernetes import client

    batch, apps = client.BatchV1Api(cluster.api), client.AppsV1Api(cluster.api)
    found = cluster.call(f"read deployment {ref}", apps.read_namespaced_deployment, ref.name, ref.namespace)
    body = _job(found["spec"]["template"]["spec"], ref, name=name, command=command, seconds=deadline_seconds, image=image)
    started = time.monotonic()
    try:
        cluster.call(f"create job {name}", batch.create_namespaced_job, ref.namespace, body)
    except ClusterConflict:
        # Left by a call that was cut off: it is the same attempt, and is waited for.
        cluster.call(f"read job {name}", batch.read_namespaced_job, name, ref.namespace)
    try:
        succeeded, because = _ended(cluster, ref, name, until=started + deadline_seconds)
        output = _output(cluster, ref, name)
    finally:
        remove_job(cluster, ref.namespace, name)
    return JobResult(succeeded=succeeded, because=because, output=output, seconds=time.monotonic() - started)


def remove_job(cluster: Cluster, namespace: str, name: str) -> None:
    """Remove a Job and its pods; does nothing when it is gone.

    Raises:
        ClusterError: the cluster refused, or could not be reached.

    """
    from kubernetes import client

    batch = client.BatchV1Api(cluster.api)
    try:
        # The default of batch/v1 leaves the pods behind.
        cluster.call(f"delete job {name}", batch.delete_namespaced_job, name, namespace, propagation_policy="Background")
    except NotInCluster:
        return


def _job(pod: Document, ref: WorkloadRef, *, name: str, command: Sequence[str], seconds: int, image: str) -> Document:
    own = next(each for each in pod["containers"] if each["name"] == ref.containers[0])
    dropped = {"readinessProbe", "livenessProbe", "startupProbe", "lifecycle", "ports", "args"}
    container = {field: value for field, value in own.items() if field not in dropped} | {"command": list(command)}
    if image:
        container["image"] = image
    labels = {"app.kubernetes.io/managed-by": "continuity", "app.kubernetes.io/part-of": ref.name}
    spec = {**pod, "containers": [container], "restartPolicy": "Never"}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds,
            # Should this process die, the cluster clears it away.
            "ttlSecondsAfterFinished": 3600,
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _ended(cluster: Cluster, ref: WorkloadRef, name: str, *, until: float) -> tuple[bool, str]:
    """Wait for the end, and say whether it is a good one, and why not."""
    from kubernetes import client

    batch = client.BatchV1Api(cluster.api)
    while True:
        try:
            status = cluster.call(f"read job {name}", batch.read_namespaced_job, name, ref.namespace).get("status", {})
            for condition in status.get("conditions", []):
                if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}:
                    return condition["type"] == "Complete", condition.get("reason", "")
            if stuck := [reason for pod in _pods(cluster, ref, name) for reason in pod.waiting if _never_starts(reason)]:
                return False, stuck[0]
        except ClusterError as error:
            if not error.transient:
                raise
        if time.monotonic() > until:
            return False, "DeadlineExceeded"
        time.sleep(POLL_SECONDS)


def _never_starts(waiting: str) -> bool:
    return waiting.rpartition(": ")[2] in NEVER_STARTS


def _pods(cluster: Cluster, ref: WorkloadRef, name: str) -> tuple[PodState, ...]:
    return pods_by_selector(cluster, ref, f"{JOB_LABEL}={name}")


def _output(cluster: Cluster, ref: WorkloadRef, name: str) -> str:
    texts = []
    for pod in _pods(cluster, ref, name):
        try:
            texts.append(read_logs(cluster, ref.namespace, pod.name, ref.containers[0], lines=LINES_KEPT))
        except ClusterError as error:
            # What it came to is known; that its output is not says so itself.
            texts.append(f"(no output: {error.message})")
    return "\n".join(texts)
