"""The Kubernetes API through the official client: opened, every call limited in time, its errors translated once."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from continuity.domain.workloads import FieldValue
from continuity.errors import ClusterConflict, ClusterError, ConfigurationRefused, FieldConflict, NotInCluster, UnsafeOperation
from continuity.settings import ClusterSection

if TYPE_CHECKING:
    from kubernetes import client

Document = dict[str, Any]

REQUEST_SECONDS = (3.05, 15.0)
"""To connect, and to wait for an answer."""
REREADS = 5
OK, REDIRECTED, NOT_FOUND, CONFLICT, INVALID = 200, 300, 404, 409, 422
PASSING = frozenset({CONFLICT, 429, 500, 502, 503, 504})
"""Statuses after which the same call may go through (API conventions, "HTTP Status codes")."""
HINTS = {
    401: "Renew the credentials in the kubeconfig.",
    403: "Give the role of the kubeconfig this right; `continuity check` lists what is needed.",
    404: "Check namespace and name in application.toml, and `[cluster] context`.",
}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """An open connection to a cluster. `timeout` limits every call, in seconds to connect and to read."""

    api: "client.ApiClient"
    timeout: tuple[float, float] = REQUEST_SECONDS

    @property
    def host(self) -> str:
        """The address of the API server, without credentials."""
        return str(self.api.configuration.host)

    def call(self, what: str, method: Callable[..., Any], *arguments: Any, **options: Any) -> Document:
        """Call a method of the client, and return what it gives as plain JSON.

        Raises:
            NotInCluster: there is no such object, or the cluster does not know its kind.
            ClusterConflict: the object has changed, or exists.
            ClusterError: anything else; transient where the call may go through later.

        """
        with translated(f"{what} at {self.host}"):
            answer = method(*arguments, _request_timeout=self.timeout, **options)
            plain: Document = self.api.sanitize_for_serialization(answer)  # type: ignore[no-untyped-call]
            return plain

    def request(
        self,
        what: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Document:
        """Ask for a path of the API: for kinds of objects that are known only when they are read.

        Raises:
            FieldConflict: others manage what was to be applied.
            NotInCluster, ClusterConflict, ClusterError: as `call`.

        """
        with translated(f"{what} at {self.host}"):
            prepared = self.api.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = self.api.call_api(*prepared, _request_timeout=self.timeout)
            said = answer.read()  # type: ignore[no-untyped-call]
            if not OK <= answer.status < REDIRECTED:
                # It raises what an answer of this status means.
                self.api.response_deserialize(answer, {})
            plain: Document = json.loads(said)
            return plain

    def text(self, what: str, method: Callable[..., Any], *arguments: Any, **options: Any) -> str:
        """Call a method of the client that gives text."""
        with translated(f"{what} at {self.host}"):
            # Deserialized by the client, text that looks like JSON would be taken for it.
            answer = method(*arguments, _request_timeout=self.timeout, _preload_content=False, **options)
            return bytes(answer.data).decode(errors="replace")


@contextmanager
def open_cluster(section: ClusterSection, *, timeout: tuple[float, float] = REQUEST_SECONDS) -> Iterator[Cluster]:
    """Open the cluster of a kubeconfig file and context; without a file as kubectl would find it, or as inside a pod.

    Raises:
        ConfigurationRefused: the kubeconfig cannot be used; nothing was contacted.

    """
    from kubernetes import client, config

    settings = client.Configuration()
    try:
        if section.kubeconfig or not _inside_a_pod():
            file = str(section.kubeconfig) if section.kubeconfig else None
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=file, context=section.context, client_configuration=settings
            )
        else:
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError, ValueError) as error:
        raise ConfigurationRefused(
            f"the kubeconfig {section.kubeconfig or 'of this account'} cannot be used: {error}",
            hint="Set `[cluster] kubeconfig` and `context`.",
        ) from error
    # Retries live in one place, the policy of the step: here they would hide that a write was sent twice.
    settings.retries = False
    api = client.ApiClient(settings)
    try:
        yield Cluster(api=api, timeout=timeout)
    finally:
        api.close()  # type: ignore[no-untyped-call]


def _inside_a_pod() -> bool:
    import os

    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the client's errors into ours; `what` names the call."""
    from kubernetes.client import ApiException
    from urllib3 import exceptions

    try:
        yield
    except ApiException as error:
        status = int(error.status or 0)
        if conflicts := _field_conflicts(error):
            raise FieldConflict(
                f"{what}: {conflicts[0]}" + (f" and {len(conflicts) - 1} more" if conflicts[1:] else ""),
                detail="\n".join(conflicts),
                hint="Let the manager that is named give the fields up, leave them out, or ask to take them over.",
            ) from error
        kind = {NOT_FOUND: NotInCluster, CONFLICT: ClusterConflict}.get(status, ClusterError)
        # Without a status the answer never came or made no sense.
        raise kind(
            f"{what}: {f'HTTP {status}' if status else 'no answer'}, {_told(error)}",
            hint=HINTS.get(status, ""),
            transient=status in PASSING or not status,
        ) from error
    except exceptions.TimeoutError as error:
        raise ClusterError(
            f"{what}: no answer in time", detail=str(error), hint="Look at the API server's health.", transient=True
        ) from error
    except exceptions.HTTPError as error:
        raise ClusterError(
            f"{what}: {type(error).__name__}", detail=str(error), hint="Check that the API server is up.", transient=True
        ) from error


def _told(error: Any) -> str:
    """Return the message of a Status object, or the reason phrase."""
    try:
        return str(json.loads(error.body)["message"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


def _field_conflicts(error: Any) -> list[str]:
    """Return which managers have set which fields, where that is why something was not applied."""
    try:
        causes = json.loads(error.body)["details"]["causes"]
    except (ValueError, KeyError, TypeError):
        return []
    return [f"{each['message']}: {each['field']}" for each in causes if each.get("reason") == "FieldManagerConflict"]


def cluster_uid(cluster: Cluster) -> str:
    """Return what identifies a cluster, whatever its address is called: the uid of its namespace kube-system."""
    from kubernetes import client

    core = client.CoreV1Api(cluster.api)
    found = cluster.call("read namespace kube-system", core.read_namespace, "kube-system")
    return str(found["metadata"]["uid"])


def compare_and_set(
    what: str,
    *,
    uid: str,
    read: Callable[[], Document],
    reached: Callable[[Document], bool],
    write: Callable[[str], Document],
) -> Document:
    """Change an object of this uid unless it is as wanted already; `write` gets the resourceVersion that it must have.

    After a conflict the object is read again, a bounded number of times, and only while it is the same object. A write
    whose answer was lost is settled by what the object looks like, never by assuming. Run twice, it changes once.

    Raises:
        UnsafeOperation: another object has the name now; nothing was changed.
        NotInCluster: there is none.
        ClusterError: not reached; transient where it may go through later.

    """
    current = _same(what, read(), uid)
    for left in reversed(range(REREADS)):
        if reached(current):
            return current
        try:
            return write(str(current["metadata"]["resourceVersion"]))
        except ClusterError as error:
            if not error.transient:
                raise
            current = _same(what, read(), uid)
            if reached(current):
                return current
            if not (isinstance(error, ClusterConflict) and left):
                raise
    raise AssertionError(what)


def _same(what: str, found: Document, uid: str) -> Document:
    if found["metadata"]["uid"] != uid:
        raise UnsafeOperation(
            f"{what}: the object has uid {found['metadata']['uid']}, the plan is for {uid}",
            detail="Nothing was changed.",
            hint="It was deleted and made anew, or this is another cluster: make a new plan.",
        )
    return found


def value_at(found: Document, path: tuple[str, ...]) -> Any:
    """Return a field of an object, None where it does not have it."""
    value: Any = found
    for part in path:
        value = (value or {}).get(part)
    return value


def patch_of(fields: Iterable[FieldValue]) -> Document:
    """Write fields as a merge patch; a value of None removes its field."""
    patch: Document = {}
    for field in fields:
        inner = patch
        for part in field.path[:-1]:
            inner = inner.setdefault(part, {})
        inner[field.path[-1]] = field.value
    return patch


def canonical(value: Any) -> bytes:
    """Return JSON that is the same for the same value, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
