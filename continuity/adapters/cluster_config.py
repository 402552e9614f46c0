"""The configuration that a workload refers to: ConfigMaps, read and given back; Secrets are never read."""

import hashlib

from continuity.adapters.cluster import Cluster, Document, canonical, compare_and_set
from continuity.domain.workloads import ReferencedConfig
from continuity.errors import ClusterConflict, NotInCluster


def read_config(cluster: Cluster, namespace: str, kind: str, name: str) -> ReferencedConfig:
    """Read what a workload refers to: a ConfigMap with its data, a Secret by its name alone.

    Raises:
        ClusterError: the cluster refused or could not be reached.

    """
    # The contents of a Secret are never read: they would have to be kept safe wherever the value goes.
    if kind == "Secret":
        return ReferencedConfig(kind=kind, name=name)
    from kubernetes import client

    core = client.CoreV1Api(cluster.api)
    try:
        found = cluster.call(f"read configmap {namespace}/{name}", core.read_namespaced_config_map, name, namespace)
    except NotInCluster:
        # A reference may be optional; that nothing was there is what is recorded.
        return ReferencedConfig(kind=kind, name=name)
    data: dict[str, str] = found.get("data", {})
    return ReferencedConfig(kind=kind, name=name, sha256=hashlib.sha256(canonical(data)).hexdigest(), data=data)


def restore_config(cluster: Cluster, namespace: str, config: ReferencedConfig) -> None:
    """Make a ConfigMap hold exactly the recorded data; it is made where it is gone. Run twice, it changes once.

    Pods that run see it only when they are started anew. Of a Secret nothing was recorded, so nothing is done.

    Raises:
        ClusterError: not done; transient where it may go through later.

    """
    if config.data is None:
        return
    from kubernetes import client

    core = client.CoreV1Api(cluster.api)
    name, wanted = config.name, dict(config.data)
    what = f"restore configmap {namespace}/{name}"

    def read() -> Document:
        return cluster.call(what, core.read_namespaced_config_map, name, namespace)

    def write(version: str) -> Document:
        surplus = dict.fromkeys(set(read().get("data", {})) - set(wanted))
        body = {"metadata": {"resourceVersion": version}, "data": {**wanted, **surplus}}
        return cluster.call(what, core.patch_namespaced_config_map, name, namespace, body)

    try:
        present = read()
    except NotInCluster:
        try:
            cluster.call(what, core.create_namespaced_config_map, namespace, {"metadata": {"name": name}, "data": wanted})
        except ClusterConflict:
            # Somebody, or a lost answer of ours, made it meanwhile: it is compared like any other.
            present = read()
        else:
            return
    compare_and_set(
        what,
        uid=present["metadata"]["uid"],
        read=read,
        reached=lambda found: found.get("data", {}) == wanted,
        write=write,
    )
