"""A namespace that a run makes for itself, and deletes again: it carries the run's name, so that it is nobody else's."""

import time

from continuity.adapters.cluster import Cluster, Document
from continuity.errors import ClusterConflict, ClusterError, NotInCluster, UnsafeOperation

RUN_ANNOTATION = "continuity/run"
"""Not a label: those end at 63 characters."""
GONE_SECONDS, POLL_SECONDS = 120.0, 0.2


def find_namespace(cluster: Cluster, name: str) -> Document | None:
    """Return a namespace, or None where there is none. Changes nothing.

    Raises:
        ClusterError: the cluster does not tell.

    """
    try:
        return cluster.request(f"read namespace {name}", "GET", f"/api/v1/namespaces/{name}")
    except NotInCluster:
        return None


def is_of_run(namespace: Document, run: str) -> bool:
    """Whether a namespace was made by that run."""
    return bool(namespace["metadata"].get("annotations", {}).get(RUN_ANNOTATION) == run)


def make_namespace(cluster: Cluster, name: str, run: str) -> None:
    """Make a namespace for a run. Running it twice finds the first one's.

    Raises:
        UnsafeOperation: somebody else has made it meanwhile.
        ClusterError: the cluster refuses.

    """
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": {RUN_ANNOTATION: run}}}
    try:
        cluster.request(f"make namespace {name}", "POST", "/api/v1/namespaces", body=body)
    except ClusterConflict:
        found = find_namespace(cluster, name)
        if found is None or not is_of_run(found, run):
            raise UnsafeOperation(f"namespace {name} is somebody else's", hint="Name another one.") from None


def delete_namespace(cluster: Cluster, name: str, run: str) -> bool:
    """Delete the namespace of a run with all that is in it, and wait until it is gone; return whether there was one.

    One that is not this run's stays.

    Raises:
        ClusterError: it is not gone in time (transient), or the cluster refuses.

    """
    found = find_namespace(cluster, name)
    if found is None or not is_of_run(found, run):
        return False
    uid = found["metadata"]["uid"]
    if "deletionTimestamp" not in found["metadata"]:
        options = {"preconditions": {"uid": uid}}
        try:
            cluster.request(f"delete namespace {name}", "DELETE", f"/api/v1/namespaces/{name}", body=options)
        except NotInCluster:
            return True
    until = time.monotonic() + GONE_SECONDS
    while (left := find_namespace(cluster, name)) and left["metadata"]["uid"] == uid:
        if time.monotonic() > until:
            raise ClusterError(
                f"namespace {name} is still being deleted after {GONE_SECONDS:g} s",
                hint="Look at what in it has finalizers.",
                transient=True,
            )
        time.sleep(POLL_SECONDS)
    return True
