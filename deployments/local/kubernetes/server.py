"""The stand-in's HTTP: paths to verbs, watches as streams, errors as Status objects. Every request needs the token."""

import hmac
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from deployments.local.kubernetes.api import Api, selected
from deployments.local.kubernetes.refusals import Object, Refused
from deployments.local.kubernetes.resources import PODS, Resource
from deployments.local.processes import LOCALHOST

PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/.))?(?:/(?P<plural>[^/]+))(?:/(?P<name>[^/]+))?(?:/(?P<part>[^/]+))?/?"
)
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.0-continuity.stand-in", "platform": "stand-in"}
OPEN = {"/healthz": b"ok", "/readyz": b"ok", "/livez": b"ok", "/version": json.dumps(VERSION).encode()}
WATCH_SECONDS = 1800.0


class Server(ThreadingHTTPServer):
    """The server, on this machine only."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, api: Api, token: str) -> None:
        super().__init__((LOCALHOST, port), Handler)
        self.api = api
        self.token = token


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    server: Server

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length)
        try:
            if url.path in OPEN:
                self._answer(200, OPEN[url.path])
                return
            self._dispatch(url.path, dict(parse_qsl(url.query, keep_blank_values=True)), content)
        except Refused as refused:
            self._answer(refused.status, json.dumps(refused.as_status()).encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 -- the names that BaseHTTPRequestHandler calls

    def _dispatch(self, path: str, query: dict[str, str], content: bytes) -> None:
        if not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {self.server.token}"):
            raise Refused(401, "the stand-in wants the token of its kubeconfig")
        match = PATH.fullmatch(path)
        resource = self._resource(match) if match else None
        if match is None or resource is None:
            raise Refused(404, f"the stand-in does not serve {path}")
        namespace, name, part = match["namespace"] or "", match["name"] or "", match["part"] or ""
        if self.command == "GET" and not name and query.get("watch") in {"true", "1"}:
            self._watch(resource, namespace, query)
        elif self.command == "GET" and resource is PODS and part == "log":
            self._answer(200, self.server.api.read_log(namespace, name, query), kind="text/plain")
        else:
            try:
                body = json.loads(content) if content else {}
            except ValueError as error:
                raise Refused(400, f"the body is not JSON: {error}") from error
            status = 201 if self.command == "POST" else 200
            self._answer(status, json.dumps(self._verb(resource, namespace, name, part, body, query)).encode())

    def _resource(self, match: re.Match[str]) -> Resource | None:
        wanted = (match["group"] or "", match["version"], match["plural"])
        known = {(each.group, each.version, each.plural): each for each in self.server.api.resources}
        return known.get(wanted)

    def _verb(self, resource: Resource, namespace: str, name: str, part: str, body: Any, query: dict[str, str]) -> Object:  # noqa: C901, PLR0911 -- a table
        api, kind = self.server.api, self.headers.get("Content-Type", "").partition(";")[0]
        match (self.command, part, bool(name)):
            case ("GET", "", False):
                return api.list(resource, namespace, query)
            case ("GET", "" | "status", True):
                return api.store.get(resource, namespace, name)
            case ("GET", "scale", True):
                return api.scale(resource, namespace, name)
            case ("POST", "", False):
                return api.create(resource, namespace, body, query)
            case ("PUT", "", True):
                return api.replace(resource, namespace, name, body, query)
            case ("PATCH", "", True):
                return api.patch(resource, namespace, name, body, kind, query)
            case ("PATCH", "status", True):
                return api.write_status(resource, namespace, name, body, kind)
            case ("PUT", "scale", True):
                return api.write_scale(resource, namespace, name, body, "", query)
            case ("PATCH", "scale", True):
                return api.write_scale(resource, namespace, name, body, kind, query)
            case ("DELETE", "", True):
                return api.delete(resource, namespace, name, body, query)
        raise Refused(405, f"the stand-in does not {self.command} {self.path}")

    def _watch(self, resource: Resource, namespace: str, query: dict[str, str]) -> None:
        store = self.server.api.store
        until = time.monotonic() + float(query.get("timeoutSeconds", WATCH_SECONDS))
        with store.lock:
            given = int(query.get("resourceVersion") or 0)
            since = given or store.version
            present = [] if given else store.list(resource, namespace)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for each in present:
            self._send_event("ADDED", each, namespace, query)
        self.wfile.flush()
        try:
            for event in store.follow(resource, since, until=until):
                self._send_event(event.type, event.object, namespace, query)
        except Refused as expired:
            self._chunk(json.dumps({"type": "ERROR", "object": expired.as_status()}).encode() + b"\n")
        self._chunk(b"")

    def _send_event(self, kind: str, changed: Object, namespace: str, query: dict[str, str]) -> None:
        if namespace in {"", changed["metadata"].get("namespace")} and selected(changed, query):
            self._chunk(json.dumps({"type": kind, "object": changed}).encode() + b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _answer(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            # Not told, a client would send its next request into a connection that is being closed.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is BaseHTTPRequestHandler's
        """Write no line for each request: the log is for what goes wrong."""
