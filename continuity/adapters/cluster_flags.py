"""Feature flags in a ConfigMap: read, one of them changed by compare-and-set, and how the pods of a workload come by them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from continuity.adapters.cluster import Cluster, Document, compare_and_set, value_at
from continuity.domain.application import FlagSource, WorkloadRef
from continuity.domain.feature import FlagUse
from continuity.domain.flags import read_definitions, same, says, with_definition
from continuity.domain.workloads import FlagsState
from continuity.errors import ClusterError, ConfigurationRefused, NotInCluster, UnsafeOperation

KEEPERS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "meta.helm.sh/release-name": "Helm",
}
"""Annotations and labels by which tools mark what they keep as it is described elsewhere."""


@dataclass(frozen=True, kw_only=True)
class FlagDocument:
    """The document of flags with its ConfigMap's identity and version; `kept_by` is what would write it anew."""

    uid: str
    version: str
    document: str
    kept_by: str = ""


def read_flags(cluster: Cluster, source: FlagSource) -> FlagsState:
    """Read the feature flags from their ConfigMap, in flagd's format.

    Raises:
        NotInCluster: there is no such ConfigMap, or it has no such key.
        ClusterError: the document is not flagd's, or the cluster could not be reached.

    """
    document = read_flag_document(cluster, source).document
    return FlagsState(
        namespace=source.namespace,
        config_map=source.config_map,
        key=source.key,
        document=document,
        variants=_variants(document),
    )


def read_flag_document(cluster: Cluster, source: FlagSource) -> FlagDocument:
    """Read the document of flags, and make sure that it is flagd's.

    Raises:
        NotInCluster: there is no such ConfigMap, or it has no such key.
        ClusterError: the document is not flagd's, or the cluster could not be reached.

    """
    found = _reader(cluster, source)()
    metadata = found["metadata"]
    document = _document(found, source)
    try:
        read_definitions(document)
    except ConfigurationRefused as error:
        raise ClusterError(
            f"{source.key} of configmap {_where(source)} is not in flagd's format", detail=error.message, hint=error.hint
        ) from error
    marks = {**metadata.get("labels", {}), **metadata.get("annotations", {})}
    return FlagDocument(
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        document=document,
        kept_by=next((keeper for mark, keeper in KEEPERS.items() if mark in marks), ""),
    )


def _variants(document: str) -> dict[str, str]:
    import json

    variants = {}
    for name, definition in read_definitions(document).items():
        flag = json.loads(definition)
        variants[name] = str(flag.get("defaultVariant") or "") if flag.get("state", "ENABLED") == "ENABLED" else "disabled"
    return variants


def write_flags(cluster: Cluster, source: FlagSource, document: str) -> None:
    """Put a document of flags in the place of the one that is there; other keys stay. Run twice, it changes once.

    Raises:
        NotInCluster: there is no such ConfigMap.
        ClusterError: not done; transient where it may go through later.

    """
    read = _reader(cluster, source)
    compare_and_set(
        f"set the flags in configmap {_where(source)}",
        uid=read()["metadata"]["uid"],
        read=read,
        reached=lambda found: value_at(found, ("data", source.key)) == document,
        write=lambda version: _write(cluster, source, version, document),
    )


def change_flag(cluster: Cluster, source: FlagSource, *, uid: str, flag: str, expected: str, wanted: str) -> None:
    """Give one flag another definition, if it still has the expected one; all other bytes stay, as they are then.

    A change of another flag meanwhile is a conflict: the document is read again, and that change survives. Run twice, it
    changes once.

    Raises:
        UnsafeOperation: the flag is gone or says something else by now, or another ConfigMap has the name.
        ClusterError: not done; transient where it may go through later.

    """
    read = _reader(cluster, source)

    def reached(found: Document) -> bool:
        return same(flag_in(_document(found, source), flag), wanted)

    def write(version: str) -> Document:
        # A document that is newer than `version` is refused by it, and everything is read again.
        document = _document(read(), source)
        present = flag_in(document, flag)
        if not same(present, expected):
            raise changed_by_others(f"configmap {_where(source)}", flag, present)
        return _write(cluster, source, version, with_definition(document, flag, wanted))

    compare_and_set(f"set flag {flag!r} in configmap {_where(source)}", uid=uid, read=read, reached=reached, write=write)


def flag_in(document: str, flag: str) -> str:
    """Return the definition of a flag that was there.

    Raises:
        UnsafeOperation: it is gone.

    """
    definitions = read_definitions(document)
    if flag not in definitions:
        raise UnsafeOperation(f"flag {flag!r} is gone", hint="Find out who has removed it; then make a new plan.")
    return definitions[flag]


def changed_by_others(where: str, flag: str, present: str) -> UnsafeOperation:
    """Say that somebody else has changed a flag since it was looked at: it is theirs now."""
    return UnsafeOperation(
        f"flag {flag!r} in {where} was changed by somebody else: it is {says(present)} now",
        detail=present,
        hint="It was left as it is. Find out who; then make a new plan.",
    )


def flag_use(cluster: Cluster, ref: WorkloadRef, source: FlagSource) -> tuple[FlagUse, bool]:
    """Tell how a Deployment's pods come by the flags, and whether its rollout is paused.

    Raises:
        NotInCluster: there is no such Deployment.
        ClusterError: the cluster refused or could not be reached.

    """
    from kubernetes import client

    read = client.AppsV1Api(cluster.api).read_namespaced_deployment
    found = cluster.call(f"read deployment {ref}", read, ref.name, ref.namespace)
    paused = bool(found["spec"].get("paused"))
    # A pod can name ConfigMaps of its own namespace only.
    if ref.namespace != source.namespace:
        return FlagUse.NONE, paused
    return use_in(found["spec"]["template"]["spec"], source.config_map), paused


def use_in(pod: Document, config_map: str) -> FlagUse:
    """Tell from a pod's specification how it comes by a ConfigMap; what is read only once decides."""
    containers = [*pod["containers"], *pod.get("initContainers", [])]
    if any(config_map in _environment_of(each) for each in containers):
        return FlagUse.START
    volumes = {each["name"] for each in pod.get("volumes", []) if config_map in _mounted_by(each)}
    mounts = [mount for each in containers for mount in each.get("volumeMounts", []) if mount["name"] in volumes]
    if any(mount.get("subPath") or mount.get("subPathExpr") for mount in mounts):
        return FlagUse.START
    return FlagUse.FILE if mounts else FlagUse.NONE


def _environment_of(container: Document) -> Iterator[str]:
    for each in container.get("envFrom", []):
        yield each.get("configMapRef", {}).get("name", "")
    for each in container.get("env", []):
        yield each.get("valueFrom", {}).get("configMapKeyRef", {}).get("name", "")


def _mounted_by(volume: Document) -> Iterator[str]:
    for source in [volume, *volume.get("projected", {}).get("sources", [])]:
        yield source.get("configMap", {}).get("name", "")


def _reader(cluster: Cluster, source: FlagSource) -> Callable[[], Document]:
    from kubernetes import client

    read = client.CoreV1Api(cluster.api).read_namespaced_config_map
    return lambda: cluster.call(f"read configmap {_where(source)}", read, source.config_map, source.namespace)


def _write(cluster: Cluster, source: FlagSource, version: str, document: str) -> Document:
    from kubernetes import client

    body = {"metadata": {"resourceVersion": version}, "data": {source.key: document}}
    patch = client.CoreV1Api(cluster.api).patch_namespaced_config_map
    return cluster.call(f"set the flags in configmap {_where(source)}", patch, source.config_map, source.namespace, body)


def _document(found: Document, source: FlagSource) -> str:
    if source.key not in found.get("data", {}):
        raise NotInCluster(
            f"configmap {_where(source)} has no key {source.key!r}", hint="Mend `[flags] key` in application.toml."
        )
    return str(found["data"][source.key])


def _where(source: FlagSource) -> str:
    return f"{source.namespace}/{source.config_map}"
