"""A container as a process: started with its environment, observed, restarted after ever longer pauses, ended."""

import base64
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from deployments.local.kubernetes.admission import timestamp
from deployments.local.kubernetes.images import pull
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
        self._readiness: Object = spec.get("readinessProbe") or {}
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
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
        }

    def _start(self) -> None:
        try:
            pulled = pull(self.around.registry, self.spec["image"])
            if pulled is None:
                again = self.state["waiting"]["reason"] != "ContainerCreating"
                message = f"the stand-in's registry has no image {self.spec['image']}"
                raise Waits("ImagePullBackOff" if again else "ErrImagePull", message)  # noqa: TRY301 -- it is one of several reasons to wait
            command = [*(self.spec.get("command") or pulled[1]), *(self.spec.get("args") or ())]
            environment = bare_environment() | self._environment()
            log = log_path(self.around.logs, self.pod, self.spec["name"], self.restarts)
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    cwd="/", env=environment, start_new_session=True,
                )  # fmt: skip
        except Waits as waits:
            self._pause(waits.reason, waits.message)
        except OSError as error:
            self._pause("RunContainerError", f"{error.strerror}: {error.filename}")
        else:
            self.around.warden.watch(self._process.pid)
            self.image_id = pulled[0]
            self.state = {"running": {"startedAt": timestamp()}}
            self._started = self._next_probe = time.monotonic()
            self.ready = not self._readiness

    def _environment(self) -> dict[str, str]:
        given: dict[str, str] = {}
        for source in self.spec.get("envFrom") or []:
            given |= self._data(source)[0]
        for each in self.spec.get("env") or []:
            given[each["name"]] = self._value(each["valueFrom"]) if "valueFrom" in each else each.get("value", "")
        return given

    def _value(self, source: Object) -> str:
        if "fieldRef" in source:
            part, _, field = source["fieldRef"]["fieldPath"].partition(".")
            return str(self.pod[part][field])
        data, reference = self._data(source)
        if reference["key"] not in data:
            raise Waits("CreateContainerConfigError", f"couldn't find key {reference['key']} in {reference['name']}")
        return data[reference["key"]]

    def _data(self, source: Object) -> tuple[dict[str, str], Object]:
        """Give what a reference to a ConfigMap or a Secret means, as a whole, and the reference."""
        [(kind, reference)] = source.items()
        resource = SECRETS if kind.startswith("secret") else CONFIG_MAPS
        found = self.around.store.find(resource, self.pod["metadata"]["namespace"], reference["name"])
        if found is None:
            raise Waits("CreateContainerConfigError", f'{resource.plural[:-1]} "{reference["name"]}" not found')
        data = found.get("data") or {}
        if resource is SECRETS:
            data = {name: base64.b64decode(value).decode() for name, value in data.items()} | found.get("stringData", {})
        return data, reference

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
        self._pause("CrashLoopBackOff", f"exit code {ended['exitCode']}")

    def _pause(self, reason: str, message: str) -> None:
        self.state = {"waiting": {"reason": reason, "message": message}}
        self._next_start = time.monotonic() + min(FIRST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
        self._failures += 1

    def _probe(self) -> None:
        if self._readiness and time.monotonic() >= self._next_probe:
            named = {each.get("name"): each["containerPort"] for each in self.spec.get("ports") or []}
            self.ready = answers(self._readiness, self.pod["status"]["podIP"], named)
            pause = float(self._readiness.get("periodSeconds", 10)) if self.ready else UNREADY_PROBE_SECONDS
            self._next_probe = time.monotonic() + pause


def answers(probe: Object, address: str, named: Mapping[str, int]) -> bool:
    """Ask a container as its readiness probe says; a probe of a kind that the stand-in does not know never succeeds.

    `named` are the container's ports by their names.
    """
    if "httpGet" not in probe:
        return False
    asked = probe["httpGet"]
    port = int(named.get(asked["port"], asked["port"]))
    connection = HTTPConnection(asked.get("host", address), port, timeout=float(probe.get("timeoutSeconds", 1)))
    try:
        connection.request("GET", asked.get("path", "/"))
        return connection.getresponse().status in HTTP_SUCCESS
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def log_path(logs: Path, pod: Object, container: str, restart: int) -> Path:
    """Say where the output of one life of a container is kept."""
    return logs / str(pod["metadata"]["uid"]) / f"{container}.{restart}.log"
