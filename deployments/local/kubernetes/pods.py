"""The kubelet of the stand-in: a thread for each pod, from its creation until its last process has ended."""

import signal
import threading
import time
from collections.abc import Callable

from deployments.local.kubernetes.admission import timestamp
from deployments.local.kubernetes.containers import Container, Surroundings
from deployments.local.kubernetes.refusals import Object
from deployments.local.kubernetes.resources import PODS

ROUND_SECONDS = 0.05


class Kubelet:
    """Runs the pods that the store holds."""

    def __init__(self, surroundings: Surroundings, address: Callable[[int], str]) -> None:
        self._around = surroundings
        self._address = address
        self._workers: dict[str, threading.Thread] = {}
        self._numbered = 0

    def attend(self) -> None:
        """Give every pod that has none a thread of its own."""
        for uid in [uid for uid, worker in self._workers.items() if not worker.is_alive()]:
            del self._workers[uid]
        for pod in self._around.store.list(PODS):
            uid = pod["metadata"]["uid"]
            if uid not in self._workers:
                self._numbered += 1
                life = PodLife(pod, self._around, self._address(self._numbered))
                self._workers[uid] = threading.Thread(target=life.live, name=pod["metadata"]["name"], daemon=True)
                self._workers[uid].start()


class PodLife:
    """One pod."""

    def __init__(self, pod: Object, surroundings: Surroundings, address: str) -> None:
        self._around = surroundings
        self._namespace, self._name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self._uid = pod["metadata"]["uid"]
        self._ended = pod["status"].get("phase") in {"Succeeded", "Failed"}
        self._pod = pod | {"status": {"podIP": address, "startTime": timestamp()}}
        self._containers = [Container(spec, self._pod, surroundings) for spec in pod["spec"]["containers"]]

    def live(self) -> None:
        """Run it until it is to end, end it, and take it from the store only when nothing of it runs any more."""
        while (pod := self._current()) is not None and "deletionTimestamp" not in pod["metadata"]:
            if not self._ended:
                for container in self._containers:
                    container.advance()
                self._report()
            time.sleep(ROUND_SECONDS)
        self._end()
        # A namesake that was made after this one had been removed by force is another's.
        with self._around.store.lock:
            if self._current() is not None:
                self._around.store.remove(PODS, self._namespace, self._name)

    def _current(self) -> Object | None:
        pod = self._around.store.find(PODS, self._namespace, self._name)
        return pod if pod is not None and pod["metadata"]["uid"] == self._uid else None

    def _end(self) -> None:
        began = time.monotonic()
        for container in self._containers:
            container.signal(signal.SIGTERM)
        while any(container.runs for container in self._containers):
            pod = self._current()
            grace_seconds = float(pod["metadata"]["deletionGracePeriodSeconds"]) if pod else 0.0
            if time.monotonic() - began >= grace_seconds:
                for container in self._containers:
                    container.signal(signal.SIGKILL)
            time.sleep(0.02)
            for container in self._containers:
                container.settle()
            self._report()

    def _report(self) -> None:
        statuses = [container.as_status() for container in self._containers]
        phase = self._phase()
        ready = str(all(container.ready for container in self._containers))
        conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}]
        status = self._pod["status"] | {"phase": phase, "conditions": conditions, "containerStatuses": statuses}

        def change(pod: Object) -> None:
            if pod["metadata"]["uid"] == self._uid:
                pod["status"] = status

        self._around.store.update(PODS, self._namespace, self._name, change)

    def _phase(self) -> str:
        if all(container.finished for container in self._containers):
            return "Failed" if any(container.exit_code for container in self._containers) else "Succeeded"
        begun = all(container.runs or container.finished or container.restarts for container in self._containers)
        return "Running" if begun else "Pending"
