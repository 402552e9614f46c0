"""The controllers of the stand-in: Deployments into ReplicaSets, ReplicaSets into pods, Jobs, and what owners leave behind."""

import hashlib
import json
import logging
import math
import threading
import time
from datetime import UTC, datetime
from typing import Any

from deployments.local.kubernetes.admission import admitted, raised, timestamp
from deployments.local.kubernetes.pods import Kubelet
from deployments.local.kubernetes.refusals import Object
from deployments.local.kubernetes.resources import (
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    Resource,
)
from deployments.local.kubernetes.store import Store

logger = logging.getLogger(__name__)

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
ROUND_SECONDS = 0.2


class Controllers:
    """All controllers, in one thread, one round after each change."""

    def __init__(self, store: Store, kubelet: Kubelet, resources: tuple[Resource, ...]) -> None:
        self._store = store
        self._kubelet = kubelet
        self._resources = resources

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
        for deployment in self._store.list(DEPLOYMENTS):
            with self._store.lock:
                if self._store.find(DEPLOYMENTS, *_address(deployment)) is not None:
                    roll_out(self._store, self._store.get(DEPLOYMENTS, *_address(deployment)))
        for replica_set in self._store.list(REPLICA_SETS):
            with self._store.lock:
                if (current := self._store.find(REPLICA_SETS, *_address(replica_set))) is not None:
                    fill(self._store, current)
        for job in self._store.list(JOBS):
            with self._store.lock:
                if (current := self._store.find(JOBS, *_address(job))) is not None:
                    work_off(self._store, current)
        self._kubelet.attend()
        self._finish_namespaces()

    def _finish_namespaces(self) -> None:
        for namespace in self._store.list(NAMESPACES):
            name = namespace["metadata"]["name"]
            if "deletionTimestamp" in namespace["metadata"] and not any(self._store.within(name, self._resources)):
                self._store.remove(NAMESPACES, "", name)


def _address(owned: Object) -> tuple[str, str]:
    return owned["metadata"]["namespace"], owned["metadata"]["name"]


def owned_by(store: Store, resource: Resource, owner: Object) -> list[Object]:
    """Give the objects that an owner controls."""
    uid, namespace = owner["metadata"]["uid"], owner["metadata"]["namespace"]
    return [
        each
        for each in store.list(resource, namespace)
        if any(reference["uid"] == uid for reference in each["metadata"].get("ownerReferences") or [])
    ]


def reference_to(owner: Object) -> Object:
    """Give the reference by which a controller's object names it."""
    metadata = owner["metadata"]
    identity = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return identity | {"controller": True, "blockOwnerDeletion": True}


def delete_pod(store: Store, pod: Object, grace_seconds: int | None = None) -> None:
    """Begin to end a pod; it stays listed until its processes have ended."""
    spec_seconds = int(pod["spec"].get("terminationGracePeriodSeconds", 30))
    seconds = spec_seconds if grace_seconds is None else grace_seconds

    def change(found: Object) -> None:
        former = found["metadata"].get("deletionGracePeriodSeconds")
        if found["metadata"]["uid"] == pod["metadata"]["uid"] and (former is None or seconds < former):
            found["metadata"]["deletionTimestamp"] = _later(seconds)
            found["metadata"]["deletionGracePeriodSeconds"] = seconds

    store.update(PODS, *_address(pod), change)


def _later(seconds: int) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_active(pod: Object) -> bool:
    """Tell whether a pod counts as a replica: it neither ends nor has ended."""
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def is_ready(pod: Object) -> bool:
    """Tell whether a pod's condition Ready holds."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def roll_out(store: Store, deployment: Object) -> None:
    """Bring a Deployment's ReplicaSets one step nearer to what it asks for, and write its status."""
    spec, sets = deployment["spec"], owned_by(store, REPLICA_SETS, deployment)
    current = next((each for each in sets if _template_of(each) == spec["template"]), None)
    revisions = [int(each["metadata"]["annotations"][REVISION]) for each in sets]
    if current is None:
        current = _new_set(store, deployment, revision=max(revisions, default=0) + 1)
        sets.append(current)
    revision = int(current["metadata"]["annotations"][REVISION])
    if revision < max(revisions, default=0):
        revision = max(revisions) + 1
        current["metadata"]["annotations"][REVISION] = str(revision)
        current = store.write(REPLICA_SETS, current)
    pods = {each["metadata"]["uid"]: owned_by(store, PODS, each) for each in sets}
    old = [each for each in sets if each["metadata"]["uid"] != current["metadata"]["uid"]]
    for each, replicas in _wanted(spec, current, old, pods):
        if each["spec"]["replicas"] != replicas:
            _scale_set(store, each, replicas)
    spare = sorted((each for each in old if not pods[each["metadata"]["uid"]]), key=_revision)
    for each in spare[: max(0, len(spare) - int(spec.get("revisionHistoryLimit", 10)))]:
        store.remove(REPLICA_SETS, *_address(each))
    _write_status(store, deployment, revision, pods[current["metadata"]["uid"]], [pod for each in pods.values() for pod in each])


def _revision(replica_set: Object) -> int:
    return int(replica_set["metadata"]["annotations"][REVISION])


def _template_of(replica_set: Object) -> Object:
    template: Object = json.loads(json.dumps(replica_set["spec"]["template"]))
    template["metadata"]["labels"].pop(HASH, None)
    return template


def _wanted(spec: Object, current: Object, old: list[Object], pods: dict[str, list[Object]]) -> list[tuple[Object, int]]:
    """Say how many replicas each set should have now, so that neither too many nor too few run on the way."""
    replicas = int(spec["replicas"])
    running = [pod for each in old for pod in pods[each["metadata"]["uid"]]]
    if spec["strategy"]["type"] == "Recreate":
        # The new ones wait until the old ones have really ended.
        begun = int(current["spec"]["replicas"]) > 0
        return [(each, 0) for each in old] + ([(current, replicas)] if begun or not running else [])
    left = sum(int(each["spec"]["replicas"]) for each in old)
    if left == 0:
        return [(current, replicas)]
    rolling = spec["strategy"].get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    missing = _share(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    if surge == missing == 0:
        missing = 1
    fresh = min(replicas, replicas + surge - left)
    ready = sum(is_ready(pod) for each in pods.values() for pod in each if is_active(pod))
    sick = sum(not is_ready(pod) for pod in running if is_active(pod))
    to_stop = max(0, ready - (replicas - missing)) + sick
    wanted = [(current, max(fresh, min(int(current["spec"]["replicas"]), replicas)))]
    for each in sorted(old, key=_revision):
        has = int(each["spec"]["replicas"])
        stopped = min(has, to_stop)
        to_stop -= stopped
        wanted.append((each, has - stopped))
    return wanted


def _share(value: Any, replicas: int, rounded: Any) -> int:
    return int(rounded(replicas * int(value[:-1]) / 100)) if isinstance(value, str) else int(value)


def _new_set(store: Store, deployment: Object, *, revision: int) -> Object:
    template = json.loads(json.dumps(deployment["spec"]["template"]))
    mark = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
    template["metadata"]["labels"][HASH] = mark
    wanted = {**deployment["spec"]["selector"].get("matchLabels", {}), HASH: mark}
    made = {
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{mark}",
            "labels": template["metadata"]["labels"],
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [reference_to(deployment)],
        },
        "spec": {"replicas": 0, "selector": {"matchLabels": wanted}, "template": template},
    }
    return store.write(REPLICA_SETS, admitted(REPLICA_SETS, deployment["metadata"]["namespace"], made))


def _scale_set(store: Store, replica_set: Object, replicas: int) -> None:
    former = store.get(REPLICA_SETS, *_address(replica_set))
    new = json.loads(json.dumps(former))
    new["spec"]["replicas"] = replicas
    store.write(REPLICA_SETS, raised(REPLICA_SETS, former, new))


def _write_status(store: Store, deployment: Object, revision: int, updated: list[Object], every: list[Object]) -> None:
    wanted = int(deployment["spec"]["replicas"])
    active = [pod for pod in every if is_active(pod)]
    ready = sum(is_ready(pod) for pod in active)
    fresh = sum(is_active(pod) for pod in updated)
    counts = {"replicas": len(active), "updatedReplicas": fresh, "readyReplicas": ready, "availableReplicas": ready}
    counts["unavailableReplicas"] = len(active) - ready
    complete = fresh == wanted == ready == len(active)
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
        _make_pod(store, replica_set, replica_set["spec"]["template"])
    unready_first = sorted(active, key=lambda pod: (is_ready(pod), pod["metadata"]["creationTimestamp"]))
    for pod in unready_first[: max(0, len(active) - wanted)]:
        delete_pod(store, pod)
    replica_set["status"] = {
        "replicas": len(active),
        "readyReplicas": sum(is_ready(pod) for pod in active),
        "observedGeneration": replica_set["metadata"]["generation"],
    }
    store.write(REPLICA_SETS, replica_set)


def _make_pod(store: Store, owner: Object, template: Object) -> None:
    pod = json.loads(json.dumps(template))
    pod.setdefault("metadata", {})["generateName"] = f"{owner['metadata']['name']}-"
    pod["metadata"]["ownerReferences"] = [reference_to(owner)]
    store.write(PODS, admitted(PODS, owner["metadata"]["namespace"], pod))


def work_off(store: Store, job: Object) -> None:
    """Run a Job's pod to its end, again up to backoffLimit times when it fails, and write its status."""
    status = job.get("status") or {}
    if status.get("conditions"):
        return
    pods = owned_by(store, PODS, job)
    phases = [pod.get("status", {}).get("phase") for pod in pods]
    active, failed = [pod for pod in pods if is_active(pod)], phases.count("Failed")
    status |= {"startTime": status.get("startTime", timestamp()), "active": len(active), "failed": failed}
    status["succeeded"] = phases.count("Succeeded")
    spec, verdict = job["spec"], ("", "")
    started = datetime.fromisoformat(status["startTime"]).timestamp()
    if status["succeeded"] >= int(spec["completions"]):
        verdict = ("Complete", "CompletionsReached")
    elif failed > int(spec["backoffLimit"]):
        verdict = ("Failed", "BackoffLimitExceeded")
    elif "activeDeadlineSeconds" in spec and time.time() - started > int(spec["activeDeadlineSeconds"]):
        verdict = ("Failed", "DeadlineExceeded")
    elif not active and not any("deletionTimestamp" in pod["metadata"] for pod in pods):
        _make_pod(store, job, spec["template"])
    if verdict[0]:
        for pod in active:
            delete_pod(store, pod)
        status["conditions"] = [{"type": verdict[0], "status": "True", "reason": verdict[1], "lastTransitionTime": timestamp()}]
        if verdict[0] == "Complete":
            status["completionTime"] = timestamp()
    job["status"] = {name: value for name, value in status.items() if value != 0}
    store.write(JOBS, job)
