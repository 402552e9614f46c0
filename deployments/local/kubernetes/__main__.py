"""The stand-in's process: `python -m deployments.local.kubernetes PORT STATE_DIRECTORY`, ended by SIGTERM."""

import logging
import signal
import sys
import threading
from pathlib import Path

from deployments.local.kubernetes.admission import admitted
from deployments.local.kubernetes.api import Api
from deployments.local.kubernetes.containers import Surroundings
from deployments.local.kubernetes.controllers import Controllers
from deployments.local.kubernetes.pods import Kubelet
from deployments.local.kubernetes.resources import NAMESPACES, PODS, declared_resources
from deployments.local.kubernetes.server import Server
from deployments.local.kubernetes.store import Store
from deployments.local.kubernetes.warden import Warden
from deployments.local.processes import LOCALHOST


def main(port: int, directory: Path) -> None:
    """Serve until told to end; the warden ends the pods."""
    logging.basicConfig(level=logging.WARNING)
    registry = directory / "cluster.json"
    store = Store(directory / "objects.json", declared_resources(registry))
    for name in ("default", "kube-system"):
        if store.find(NAMESPACES, "", name) is None:
            store.write(NAMESPACES, admitted(NAMESPACES, "", {"metadata": {"name": name}}))
    for pod in store.list(PODS):
        # It was ended with the former process: nothing of it runs any more.
        if "deletionTimestamp" in pod["metadata"]:
            store.remove(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
    around = Surroundings(store=store, registry=registry, logs=directory / "logs", warden=Warden())
    server = Server(port, Api(store, around.logs), (directory / "token").read_text().strip())
    Controllers(store, Kubelet(around, _pod_address)).start()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)


def _pod_address(number: int) -> str:
    # All of 127.0.0.0/8 is this machine on Linux: every pod has an address of its own there.
    return f"127.77.{number // 250 % 250}.{number % 250 + 1}" if sys.platform == "linux" else LOCALHOST


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
