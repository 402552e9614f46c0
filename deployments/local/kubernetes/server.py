"""The stand-in's HTTP: paths to verbs, watches as streams, errors as Status objects. Every request needs the token."""

import hmac
import json
import re
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml  # type: ignore[import-untyped]

from deployments.local.kubernetes.api import APPLY, Api, Request, selected
from deployments.local.kubernetes.refusals import Object, Refused
from deployments.local.kubernetes.resources import PODS, Resource, discovery
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
        api, resources = self.server.api, self.server.api.store.resources
        if self.command == "GET" and (known := discovery(resources, path)):
            self._answer(200, json.dumps(known).encode())
            return
        request = self._request(path, query, content, resources)
        match (self.command, request.part, bool(request.name)):
            case ("GET", "", False) if query.get("watch") in {"true", "1"}:
                self._watch(request)
                return
            case ("GET", "log", True) if request.resource is PODS:
                self._answer(200, api.read_log(request), kind="text/plain")
                return
            case ("GET", "", False):
                answer = api.list(request)
            case ("GET", "" | "scale", True):
                answer = api.read(request)
            case ("POST", "", False):
                answer = api.create(request)
            case ("PUT" | "PATCH", "" | "scale", True):
                answer = api.change(request)
            case ("DELETE", "", True):
                answer = api.delete(request)
            case _:
                raise Refused(405, f"the stand-in does not {self.command} {self.path}")
        self._answer(201 if self.command == "POST" else 200, json.dumps(answer).encode())

    def _request(self, path: str, query: dict[str, str], content: bytes, resources: Iterable[Resource]) -> Request:
        match = PATH.fullmatch(path)
        known = {(each.group, each.version, each.plural): each for each in resources}
        resource = match and known.get((match["group"] or "", match["version"], match["plural"]))
        if match is None or resource is None:
            raise Refused(404, f"the stand-in does not serve {path}")
        kind = self.headers.get("Content-Type", "").partition(";")[0] if self.command == "PATCH" else ""
        try:
            # YAML holds JSON; only what is applied comes as YAML.
            body = yaml.safe_load(content) if kind == APPLY else json.loads(content or b"{}")
        except (ValueError, yaml.YAMLError) as error:
            raise Refused(400, f"the body cannot be read: {error}") from error
        named = {part: match[part] or "" for part in ("namespace", "name", "part")}
        agent = self.headers.get("User-Agent", "")
        return Request(resource=resource, **named, query=query, body=body, patch=kind, agent=agent)

    def _watch(self, request: Request) -> None:
        store, resource, query = self.server.api.store, request.resource, request.query
        until = time.monotonic() + float(query.get("timeoutSeconds", WATCH_SECONDS))
        with store.lock:
            given = int(query.get("resourceVersion") or 0)
            since = given or store.version
            present = [] if given else store.list(resource, request.namespace)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for each in present:
            self._send_event("ADDED", each, request)
        self.wfile.flush()
        try:
            for event in store.follow(resource, since, until=until):
                self._send_event(event.type, event.object, request)
        except Refused as expired:
            self._chunk(json.dumps({"type": "ERROR", "object": expired.as_status()}).encode() + b"\n")
        self._chunk(b"")

    def _send_event(self, kind: str, changed: Object, request: Request) -> None:
        if request.namespace in {"", changed["metadata"].get("namespace")} and selected(changed, request.query):
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
