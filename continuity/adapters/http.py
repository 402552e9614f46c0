"""Asks an application over HTTP as its users do. What goes wrong on the way is an answer too: it is a value, not an error."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from threading import Timer
from typing import Any

import httpx

from continuity.domain.answers import Answer, excerpt
from continuity.errors import ConfigurationRefused

LARGEST_BODY_BYTES = 1 << 20
AGENT = "continuity"


class Visitor:
    """One visitor of an application, with the cookies that it was given. Follows no redirect; each request connects anew."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        answer_seconds: float,
    ) -> Answer:
        """Send one request and return its answer, which has to be here to its last byte within `answer_seconds`.

        A body beyond 1 MiB, a server that drips, a refused connection and a certificate that does not hold come back as
        an answer without a status, with the trouble in words.
        """
        started = time.monotonic()
        deadline = _Deadline(answer_seconds)
        request = self._client.build_request(
            method,
            path,
            json=json,
            data=dict(form) if form else None,
            content=content,
            headers=dict(headers or {}),
            timeout=answer_seconds,
            extensions={"trace": deadline.watch},
        )
        try:
            with deadline:
                answer = self._exchange(request)
        except (httpx.HTTPError, ssl.SSLError) as error:
            answer = Answer(trouble=deadline.said or _trouble(error, answer_seconds))
        if deadline.said:
            answer = Answer(trouble=deadline.said)
        return replace(answer, seconds=round(time.monotonic() - started, 3))

    def cookie(self, name: str) -> str | None:
        """Return a cookie that the application has set."""
        with suppress(httpx.CookieConflict):
            return self._client.cookies.get(name)
        return None

    def _exchange(self, request: httpx.Request) -> Answer:
        response = self._client.send(request, stream=True)
        try:
            body = b""
            # Raw: a few compressed bytes could become gigabytes, and no compression was asked for.
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > LARGEST_BODY_BYTES:
                    return Answer(trouble=f"answered {response.status_code} with more than {LARGEST_BODY_BYTES:,} bytes")
            return Answer(status=response.status_code, body=body, location=response.headers.get("Location", ""))
        finally:
            response.close()


class _Deadline:
    """Ends an exchange that takes too long as a whole: time-outs of single reads do not stop a server that drips."""

    def __init__(self, seconds: float) -> None:
        self.said = ""
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._timer = Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Be told by httpx what it does, and remember the connection that it has opened."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def _pass(self) -> None:
        self.said = _too_slow(self._seconds)
        if self._socket is not None:
            # It wakes whoever reads from it; the reader closes it. Closed by now means that nobody reads.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def visiting(url: str, *, ca_file: Path | None = None) -> Iterator[Visitor]:
    """Open a visitor of the application at a base address. Certificates are verified, against `ca_file` where one is given.

    Proxies that the process environment names are used, but never for this machine itself.

    Raises:
        ConfigurationRefused: the certificate file cannot be read.

    """
    try:
        verify = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise ConfigurationRefused(
            f"{ca_file} holds no certificates that can be read", hint="Check `[traffic] ca_file`."
        ) from error
    client = httpx.Client(
        base_url=url,
        verify=verify,
        trust_env=not _is_loopback(httpx.URL(url).host),
        follow_redirects=False,
        limits=httpx.Limits(max_keepalive_connections=0),
        headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
    )
    with client:
        yield Visitor(client)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _trouble(error: Exception, answer_seconds: float) -> str:
    """Say why no answer came. The library's own words may quote what the server sent."""
    if isinstance(error, httpx.TimeoutException):
        return _too_slow(answer_seconds)
    cause = error.__cause__ or error.__context__ or error
    if isinstance(error, httpx.ConnectError):
        return f"could not be reached: {excerpt(error)}"
    return f"broke off without a whole answer ({type(cause).__name__})"


def _too_slow(answer_seconds: float) -> str:
    return f"gave no whole answer within {answer_seconds:g} s"
