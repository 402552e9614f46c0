"""The step that gathers how the pods are and what they have written, while it can still be read."""

import logging

from continuity.adapters.cluster import Cluster, open_cluster
from continuity.adapters.cluster_pods import list_pods, read_logs
from continuity.domain.application import WorkloadRef
from continuity.domain.plan import Facts
from continuity.domain.pod_logs import PodLog, end_of_log, unwell
from continuity.errors import ClusterError
from continuity.steps.operation import ONCE
from continuity.steps.step import Step, World

logger = logging.getLogger(__name__)

LINES = 40
MOST_PODS = 20


def _gather(world: World, _facts: Facts) -> Facts:
    """Gather of every workload. A cluster that cannot be asked is noted: these are clues, and no judgement."""
    gathered: list[PodLog] = []
    noted: list[str] = []
    with open_cluster(world.environment.cluster) as cluster:
        for ref in world.application.workloads:
            try:
                pods = list_pods(cluster, ref)
            except ClusterError as error:
                noted.append(f"the pods of {ref} could not be read: {error.message}")
                continue
            if len(pods) > MOST_PODS:
                noted.append(f"{ref} has {len(pods)} pods: the logs of {MOST_PODS} were gathered")
            # Those that are not well first: theirs are the logs that somebody will want.
            chosen = sorted(pods, key=lambda pod: (pod.ready, -pod.restarts))[:MOST_PODS]
            gathered += [PodLog(pod=pod, logs=_logs(cluster, ref, pod.name, restarted=pod.restarts > 0)) for pod in chosen]
            noted += unwell(pods)
    logger.info("gathered pods=%d not_well=%d", len(gathered), len(noted))
    return {
        "pods": [
            {
                "name": each.pod.name,
                "phase": each.pod.phase,
                "ready": each.pod.ready,
                "restarts": each.pod.restarts,
                "waiting": list(each.pod.waiting),
                "logs": dict(each.logs),
            }
            for each in gathered
        ],
        "noted": noted,
    }


def _logs(cluster: Cluster, ref: WorkloadRef, pod: str, *, restarted: bool) -> tuple[tuple[str, str], ...]:
    lives = [(container, previous) for container in ref.containers for previous in ([True, False] if restarted else [False])]
    return tuple((_title(container, previous), _log(cluster, ref, pod, container, previous)) for container, previous in lives)


def _title(container: str, previous: bool) -> str:  # noqa: FBT001 -- one of two lives
    return f"{container}, before it was restarted" if previous else container


def _log(cluster: Cluster, ref: WorkloadRef, pod: str, container: str, previous: bool) -> str:  # noqa: FBT001 -- as above
    try:
        return end_of_log(read_logs(cluster, ref.namespace, pod, container, lines=LINES, previous=previous))
    except ClusterError as error:
        return f"(could not be read: {error.message})"


GATHER_PODS = Step(kind="gather pods and logs", do=_gather, observes=True, retry=ONCE)
