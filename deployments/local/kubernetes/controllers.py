"""The controllers of the stand-in: Deployments into ReplicaSets, ReplicaSets into pods, Jobs, and what owners leave behind."""

import copy
import hashlib
import json
import logging
import threading
import time
from datetime import UTC, datetime

from deployments.local.kubernetes.admission import admitted, raised, timestamp
from deployments.local.kubernetes.pods import Kubelet
from deployments.local.kubernetes.refusals import Object
from deployments.local.kubernetes.resources import DEPLOYMENTS, JOBS, NAMESPACES, PODS, REPLICA_SETS, Resource
from deployments.local.kubernetes.store import Store

logger = logging.getLogger(__name__)

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
ROUND_SECONDS = 0.2


class Controllers:
    """All controllers, in one thread, one round after each change."""

    def __init__(self, store: Store, kubelet: Kubelet) -> None:
        self._store = store
        self._kubelet = kubelet

    def start(self) -> None:
        """Work from now on."""
        threading.Thread(target=self._work, name="controllers", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._store.awaiting_change(ROUND_SECONDS):
                try:
                    self._round()
                except Exception:
                    # What is wrong with one object must not stop the others for good; the log says what it was.
                    logger.exception("a round of the controllers failed")
                    time.sleep(ROUND_SECONDS)

    def _round(self) -> None:
        # One object at a time and each in one go, so that requests come in between.
        for resource, act in ((DEPLOYMENTS, roll_out), (REPLICA_SETS, fill), (JOBS, work_off)):
            for listed in self._store.list(resource):
                with self._store.lock:
                    if (current := self._store.find(resource, *_address(listed))) is not None:
                        act(self._store, current)
        self._kubelet.attend()
        for namespace in self._store.list(NAMESPACES):
            name = namespace["metadata"]["name"]
            if "deletionTimestamp" in namespace["metadata"] and not self._store.within(name):
                self._store.remove(NAMESPACES, "", name)


def _address(owned: Object) -> tuple[str, str]:
    return owned["metadata"]["namespace"], owned["metadata"]["name"]


def owned_by(store: Store, resource: Resource, owner: Object) -> list[Object]:
    """Give the objects that an owner controls."""
    uid, namespace = owner["metadata"]["uid"], owner["metadata"]["namespace"]
    listed = store.list(resource, namespace)
    return [each for each in listed if any(one["uid"] == uid for one in each["metadata"].get("ownerReferences") or [])]


def _owned(owner: Object, metadata: Object) -> Object:
    identity = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    identity |= {field: owner["metadata"][field] for field in ("name", "uid")}
    return metadata | {"ownerReferences": [identity | {"controller": True, "blockOwnerDeletion": True}]}


def delete_pod(store: Store, pod: Object) -> None:
    """Begin to end a pod; it stays listed until its processes have ended."""
    seconds = int(pod["spec"]["terminationGracePeriodSeconds"])
    ends = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def change(found: Object) -> None:
        if found["metadata"]["uid"] == pod["metadata"]["uid"] and "deletionTimestamp" not in found["metadata"]:
            found["metadata"] |= {"deletionTimestamp": ends, "deletionGracePeriodSeconds": seconds}

    store.update(PODS, *_address(pod), change)


def is_active(pod: Object) -> bool:
    """Tell whether a pod counts as a replica: it neither ends nor has ended."""
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def is_ready(pod: Object) -> bool:
    """Tell whether a pod's condition Ready holds."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def roll_out(store: Store, deployment: Object) -> None:
    """Bring a Deployment's ReplicaSets one step nearer to what it asks for, and write its status.

    There is one pod more than wanted at the most, and an old one that is ready goes only when a new one is.
    """
    wanted = int(deployment["spec"]["replicas"])
    sets = sorted(owned_by(store, REPLICA_SETS, deployment), key=_revision)
    current = next((each for each in sets if _template_of(each) == deployment["spec"]["template"]), None)
    if current is None or current is not sets[-1]:
        current = current or _new_set(deployment)
        current["metadata"]["annotations"] = {REVISION: str(_revision(sets[-1]) + 1 if sets else 1)}
        current = store.write(REPLICA_SETS, current)
    old = [each for each in sets if each["metadata"]["uid"] != current["metadata"]["uid"]]
    fresh = [pod for pod in owned_by(store, PODS, current) if is_active(pod)]
    stale = [pod for each in old for pod in owned_by(store, PODS, each) if is_active(pod)]
    left = sum(int(each["spec"]["replicas"]) for each in old)
    _scale(store, current, max(min(wanted, wanted + 1 - left), min(int(current["spec"]["replicas"]), wanted)))
    sick = sum(not is_ready(pod) for pod in stale)
    to_stop = max(0, sum(map(is_ready, fresh + stale)) - wanted) + sick
    for each in old:
        stopped = min(int(each["spec"]["replicas"]), to_stop)
        to_stop -= stopped
        _scale(store, each, int(each["spec"]["replicas"]) - stopped)
    _write_status(store, deployment, _revision(current), fresh, stale)


def _revision(replica_set: Object) -> int:
    return int(replica_set["metadata"]["annotations"][REVISION])


def _template_of(replica_set: Object) -> Object:
    template: Object = copy.deepcopy(replica_set["spec"]["template"])
    template["metadata"]["labels"].pop(HASH, None)
    return template


def _new_set(deployment: Object) -> Object:
    template = copy.deepcopy(deployment["spec"]["template"])
    mark = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
    template["metadata"]["labels"][HASH] = mark
    metadata = {"name": f"{deployment['metadata']['name']}-{mark}", "labels": template["metadata"]["labels"]}
    selector = {"matchLabels": deployment["spec"]["selector"]["matchLabels"] | {HASH: mark}}
    made = {"metadata": _owned(deployment, metadata), "spec": {"replicas": 0, "selector": selector, "template": template}}
    return admitted(REPLICA_SETS, deployment["metadata"]["namespace"], made)


def _scale(store: Store, replica_set: Object, replicas: int) -> None:
    new = copy.deepcopy(replica_set)
    new["spec"]["replicas"] = replicas
    store.write(REPLICA_SETS, raised(REPLICA_SETS, replica_set, new))


def _write_status(store: Store, deployment: Object, revision: int, fresh: list[Object], stale: list[Object]) -> None:
    wanted, active = int(deployment["spec"]["replicas"]), len(fresh + stale)
    ready = sum(map(is_ready, fresh + stale))
    counts = {"replicas": active, "updatedReplicas": len(fresh), "readyReplicas": ready, "availableReplicas": ready}
    counts["unavailableReplicas"] = active - ready
    complete = len(fresh) == wanted == ready == active
    reason = "NewReplicaSetAvailable" if complete else "ReplicaSetUpdated"
    conditions = [
        {"type": "Available", "status": str(ready >= wanted), "reason": "MinimumReplicas"},
        {"type": "Progressing", "status": "True", "reason": reason},
    ]
    deployment["metadata"].setdefault("annotations", {})[REVISION] = str(revision)
    # The server leaves out what is zero.
    shown: Object = {name: count for name, count in counts.items() if count}
    deployment["status"] = shown | {"observedGeneration": deployment["metadata"]["generation"], "conditions": conditions}
    store.write(DEPLOYMENTS, deployment)


def fill(store: Store, replica_set: Object) -> None:
    """Make or end pods until a ReplicaSet has as many as it should, and write its status."""
    active = [pod for pod in owned_by(store, PODS, replica_set) if is_active(pod)]
    wanted = int(replica_set["spec"]["replicas"])
    for _ in range(wanted - len(active)):
        _make_pod(store, replica_set)
    unready_first = sorted(active, key=lambda pod: (is_ready(pod), pod["metadata"]["creationTimestamp"]))
    for pod in unready_first[: max(0, len(active) - wanted)]:
        delete_pod(store, pod)
    counts = {"replicas": len(active), "readyReplicas": sum(map(is_ready, active))}
    store.write(REPLICA_SETS, replica_set | {"status": counts})


def _make_pod(store: Store, owner: Object) -> None:
    template = copy.deepcopy(owner["spec"]["template"])
    metadata = template.get("metadata", {}) | {"generateName": f"{owner['metadata']['name']}-"}
    pod = template | {"metadata": _owned(owner, metadata)}
    store.write(PODS, admitted(PODS, owner["metadata"]["namespace"], pod))


def work_off(store: Store, job: Object) -> None:
    """Run a Job's pod to its end, again up to backoffLimit times when it fails, and write its status."""
    status, spec = job.get("status") or {}, job["spec"]
    if status.get("conditions"):
        return
    pods = owned_by(store, PODS, job)
    phases = [pod.get("status", {}).get("phase") for pod in pods]
    active, failed = [pod for pod in pods if is_active(pod)], phases.count("Failed")
    began = status.get("startTime", timestamp())
    counts = {"active": len(active), "failed": failed, "succeeded": phases.count("Succeeded")}
    late = time.time() - datetime.fromisoformat(began).timestamp() > int(spec.get("activeDeadlineSeconds", 1 << 31))
    verdict = ("", "")
    if counts["succeeded"] >= int(spec["completions"]):
        verdict = ("Complete", "CompletionsReached")
    elif failed > int(spec["backoffLimit"]) or late:
        verdict = ("Failed", "DeadlineExceeded" if late else "BackoffLimitExceeded")
    elif not active and not any("deletionTimestamp" in pod["metadata"] for pod in pods):
        _make_pod(store, job)
    status = {"startTime": began} | {name: count for name, count in counts.items() if count}
    if verdict[0]:
        for pod in active:
            delete_pod(store, pod)
        status["conditions"] = [{"type": verdict[0], "status": "True", "reason": verdict[1], "lastTransitionTime": timestamp()}]
    store.write(JOBS, job | {"status": status})
