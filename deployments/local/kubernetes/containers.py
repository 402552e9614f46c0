"""A container as a process: started with its environment, observed, restarted after ever longer pauses, ended."""

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from deployments.local.kubernetes.admission import timestamp
from deployments.local.kubernetes.images import Image, pull
from deployments.local.kubernetes.refusals import Object
from deployments.local.kubernetes.resources import CONFIG_MAPS, SECRETS
from deployments.local.kubernetes.store import Store
from deployments.local.kubernetes.warden import Warden
from deployments.local.processes import bare_environment

# A kubelet waits 10 s, 20 s … 300 s; nobody wants to wait as long for a test.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 8.0
UNREADY_PROBE_SECONDS = 0.2
HTTP_SUCCESS = range(200, 400)


class Waits(Exception):
    """A container cannot start now; its reason and message are those of its waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What containers share: the objects, the registry, the folder of their logs, and who ends them at the end."""

    store: Store
    registry: Path
    logs: Path
    warden: Warden


class Container:
    """One container of a pod."""

    def __init__(self, spec: Object, pod: Object, surroundings: Surroundings) -> None:
        self.spec = spec
        self.pod = pod
        self.around = surroundings
        self.restarts = 0
        self.ready = False
        self.image_id = ""
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Object = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._next_start = self._next_probe = self._started = 0.0

    @property
    def runs(self) -> bool:
        """Tell whether its process is alive, as far as was last observed."""
        return self._process is not None

    @property
    def finished(self) -> bool:
        """Tell whether it has ended and will not be started again."""
        return "terminated" in self.state

    @property
    def exit_code(self) -> int:
        """Give with what it ended; 0 while it has not."""
        return int(self.state.get("terminated", {}).get("exitCode", 0))

    def advance(self) -> None:
        """Take the next step of its life: notice that it ended, start it when its time has come, probe it."""
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process)
        if self._process is None and not self.finished and time.monotonic() >= self._next_start:
            self._start()
        if self._process is not None:
            self._probe()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGTERM to its first process, as a kubelet does, SIGKILL to all of them."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                if number is signal.SIGKILL:
                    os.killpg(self._process.pid, number)
                else:
                    self._process.send_signal(number)

    def settle(self) -> None:
        """Notice that it ended, and start nothing."""
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process, restart=False)

    def as_status(self) -> Object:
        """Give its entry of status.containerStatuses."""
        return {
            "name": self.spec["name"],
            "image": self.spec["image"],
            "imageID": self.image_id,
            "ready": self.ready,
            "started": self.runs,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
        }

    def _start(self) -> None:
        first = self.state["waiting"]["reason"] == "ContainerCreating"
        try:
            image = self._pull(again=not first)
            command = [*(self.spec.get("command") or image.argv), *(self.spec.get("args") or ())]
            environment = bare_environment() | self._environment()
            log = log_path(self.around.logs, self.pod, self.spec["name"], self.restarts)
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    cwd="/", env=environment, start_new_session=True,
                )  # fmt: skip
        except Waits as waits:
            self.state = {"waiting": {"reason": waits.reason, "message": waits.message}}
            self._pause()
        except OSError as error:
            self.state = {"waiting": {"reason": "RunContainerError", "message": f"{error.strerror}: {error.filename}"}}
            self._pause()
        else:
            self.around.warden.watch(self._process.pid)
            self.image_id = image.reference
            self.state = {"running": {"startedAt": timestamp()}}
            self._started = self._next_probe = time.monotonic()
            self._next_probe += float(self._probe_spec().get("initialDelaySeconds", 0))
            self.ready = not self._probe_spec()

    def _pull(self, *, again: bool) -> Image:
        image = pull(self.around.registry, self.spec["image"])
        if image is None:
            message = f"the stand-in's registry has no image {self.spec['image']}"
            raise Waits("ImagePullBackOff" if again else "ErrImagePull", message)
        return image

    def _environment(self) -> dict[str, str]:
        given: dict[str, str] = {}
        for source in self.spec.get("envFrom") or []:
            reference = source.get("configMapRef") or source["secretRef"]
            values = self._values("configMapRef" in source, reference)
            given |= {source.get("prefix", "") + name: value for name, value in values.items()}
        for each in self.spec.get("env") or []:
            value = each.get("value", "") if "valueFrom" not in each else self._value(each["valueFrom"])
            if value is not None:
                given[each["name"]] = value
        return given

    def _value(self, source: Object) -> str | None:
        if "fieldRef" in source:
            known: dict[str, Any] = {
                "metadata.name": self.pod["metadata"]["name"],
                "metadata.namespace": self.pod["metadata"]["namespace"],
                "status.podIP": self.pod["status"]["podIP"],
            }
            return str(known[source["fieldRef"]["fieldPath"]])
        reference = source.get("configMapKeyRef") or source["secretKeyRef"]
        found = self._values("configMapKeyRef" in source, reference).get(reference["key"])
        if found is None and not reference.get("optional"):
            raise Waits("CreateContainerConfigError", f"couldn't find key {reference['key']} in {reference['name']}")
        return found

    def _values(self, is_config: bool, reference: Object) -> dict[str, str]:  # noqa: FBT001 -- of two kinds
        resource = CONFIG_MAPS if is_config else SECRETS
        found = self.around.store.find(resource, self.pod["metadata"]["namespace"], reference["name"])
        if found is None:
            if reference.get("optional"):
                return {}
            raise Waits("CreateContainerConfigError", f'{resource.plural[:-1]} "{reference["name"]}" not found')
        return secret_values(found) if resource is SECRETS else dict(found.get("data") or {})

    def _ended(self, process: subprocess.Popen[bytes], *, restart: bool = True) -> None:
        # A container ends with its first process: what that has left behind goes too.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self.around.warden.forget(process.pid)
        code = process.returncode
        ended = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": self.state["running"]["startedAt"],
            "finishedAt": timestamp(),
        }
        self._process, self.ready = None, False
        policy = self.pod["spec"].get("restartPolicy", "Always")
        if not restart or policy == "Never" or (policy == "OnFailure" and code == 0):
            self.state = {"terminated": ended}
            return
        self.last_state = {"terminated": ended}
        self.restarts += 1
        if time.monotonic() - self._started > LONGEST_PAUSE_SECONDS:
            self._failures = 0
        self.state = {"waiting": {"reason": "CrashLoopBackOff", "message": f"exit code {ended['exitCode']}"}}
        self._pause()

    def _pause(self) -> None:
        self._next_start = time.monotonic() + min(FIRST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
        self._failures += 1

    def _probe_spec(self) -> Object:
        return self.spec.get("readinessProbe") or {}

    def _probe(self) -> None:
        probe = self._probe_spec()
        if not probe or time.monotonic() < self._next_probe:
            return
        self.ready = answers(probe, self.pod["status"]["podIP"])
        pause = float(probe.get("periodSeconds", 10)) if self.ready else UNREADY_PROBE_SECONDS
        self._next_probe = time.monotonic() + pause


def answers(probe: Object, address: str) -> bool:
    """Ask a container as its readiness probe says; a probe of a kind that the stand-in does not know never succeeds."""
    seconds = float(probe.get("timeoutSeconds", 1))
    if tcp := probe.get("tcpSocket"):
        try:
            socket.create_connection((tcp.get("host", address), int(tcp["port"])), timeout=seconds).close()
        except OSError:
            return False
        return True
    if http := probe.get("httpGet"):
        connection = HTTPConnection(http.get("host", address), int(http["port"]), timeout=seconds)
        try:
            connection.request("GET", http.get("path", "/"))
            return connection.getresponse().status in HTTP_SUCCESS
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
    return False


def secret_values(secret: Object) -> dict[str, str]:
    """Decode a Secret."""
    import base64

    plain = {name: base64.b64decode(value).decode() for name, value in (secret.get("data") or {}).items()}
    return plain | (secret.get("stringData") or {})


def log_path(logs: Path, pod: Object, container: str, restart: int) -> Path:
    """Say where the output of one life of a container is kept."""
    return logs / str(pod["metadata"]["uid"]) / f"{container}.{restart}.log"
