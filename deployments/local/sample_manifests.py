"""What blottr is on the embedded stack's cluster, as manifests: with its own port, and as small as a demonstration needs."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from deployments.local.sample_cluster import (
    CONFIG_MAP,
    DEPLOYMENT,
    FLAGS,
    NAMESPACE,
    REPLICAS,
    STABLE,
    autoscaler,
    deployment,
    flags_document,
)

ROUTE = "blottr"
MAINTENANCE = "maintenance-page"


def sample_manifests(port: int, replicas: int = REPLICAS) -> dict[str, list[dict[str, Any]]]:
    """Give the manifests by file name: what has to be there first, the application, and how visitors reach it."""
    return {
        "10-configuration.yaml": [
            _object("v1", "ConfigMap", CONFIG_MAP, data={"PORT": str(port)}),
            _object("v1", "ConfigMap", FLAGS, data={"flags.json": flags_document()}),
        ],
        "20-application.yaml": [
            _described("apps/v1", "Deployment", deployment(STABLE, port=port, replicas=replicas)),
            _described("autoscaling/v2", "HorizontalPodAutoscaler", autoscaler(replicas)),
        ],
        "30-visitors.yaml": [route(port)],
    }


def route(port: int) -> dict[str, Any]:
    """Give the HTTPRoute that divides visitors between the application and the maintenance page."""
    backends = [{"name": DEPLOYMENT, "port": port, "weight": 100}, {"name": MAINTENANCE, "port": 80, "weight": 0}]
    spec = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "rules": [{"backendRefs": backends}]}
    return _object("gateway.networking.k8s.io/v1", "HTTPRoute", ROUTE, spec=spec)


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """As a person would write it: no anchors, and text of several lines as such."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write_manifests(folder: Path, port: int, replicas: int = REPLICAS) -> None:
    """Write the manifests into a folder; what is there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, objects in sample_manifests(port, replicas).items():
        (folder / name).write_text(yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def _object(version: str, kind: str, name: str, **parts: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **parts}


def _described(version: str, kind: str, built: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in built["metadata"].items() if value} | {"namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": built["spec"]}
