"""A small blottr: real HTTP and real SQL on the protected database, one process a pod of the embedded stack.

    python -m deployments.local.sample_application RELEASE [good | corrupting | crashing] [PHASE …]

Of the PHASES named its code was built without: it has none of their pages, whatever the flags say.

All pods listen on 127.0.0.1:PORT together (SO_REUSEPORT), so that the port is closed when none runs, and each on its own
POD_IP:PORT. DATABASE_URL and FLAGS (flagd's JSON) come from the environment.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg

from deployments.local.sample_database import (
    APPOINTMENTS,
    APPOINTMENTS_ALONE,
    ARTISTS,
    BOOK,
    DOUBLE_BOOK,
    LOCK_ARTIST,
    LOSE_PRICES,
    MIGRATION_HEAD,
    PICTURES,
    SALONS,
    UPLOAD,
    USER,
    USER_WITHOUT_ROLE,
    WRITE_LETTER,
    Pool,
    Row,
)

CORRUPTION_SECONDS = 0.5
PAGES_OF = {
    "business-core": {"/artists", "/salons"},
    "content": {"/tattoos"},
    "booking": {"/appointments", "/contact"},
}
"""Pages that a phase has brought."""
FLAG_OF = {
    "authentication": "roleBasedAuth",
    "business-core": "businessEntities",
    "content": "portfolioUploads",
    "booking": "bookingSystem",
}
KNOWN_FLAGS = ("roleBasedAuth", "businessEntities", "portfolioUploads", "bookingSystem")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request is answered with: JSON, or a page where `page` is given."""

    status: int
    content: Any = None
    page: str = ""


class Blottr:
    """The application: a method for each page."""

    def __init__(self, *, release: str, flags: Mapping[str, bool], pool: Pool, without: Sequence[str] = ()) -> None:
        self.release = release
        # What the code does not have cannot be switched on.
        self.flags = dict(flags) | {FLAG_OF[phase]: False for phase in without}
        self._gone = {path for phase in without for path in PAGES_OF.get(phase, ())}
        self.pool = pool

    def answer(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Answer a request; without its database every page but the health check says that it is away."""
        pages: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "/health-check"): self.health,
            ("GET", "/"): self.front,
            ("GET", "/artists"): lambda: self._behind("businessEntities", ARTISTS),
            ("GET", "/salons"): lambda: self._behind("businessEntities", SALONS),
            ("GET", "/tattoos"): lambda: Answer(status=200, content=self.pool.run(PICTURES)),
            ("POST", "/tattoos"): lambda: self.upload(body),
            ("GET", "/appointments"): lambda: self._behind("bookingSystem", self._appointments()),
            ("POST", "/appointments"): lambda: self.book(body),
            ("POST", "/contact"): lambda: self.write_letter(body),
            ("POST", "/login"): lambda: self.login(body),
        }
        page = pages.get((method, path))
        if page is None or path in self._gone:
            return Answer(status=404, content={"error": f"there is no {method} {path}"})
        try:
            return page()
        except psycopg.OperationalError as error:
            return Answer(status=503, content={"error": f"the database is away: {type(error).__name__}"})
        except (psycopg.DataError, psycopg.IntegrityError, KeyError) as error:
            return Answer(status=422, content={"error": f"not possible: {type(error).__name__}"})
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            return Answer(status=503, content={"error": f"this page's data is set aside: {type(error).__name__}"})

    def health(self) -> Answer:
        """Say which release this is, and whether it reaches its database."""
        facts: Row = {"release": self.release, "flags": dict(self.flags), "pod": os.environ.get("POD_NAME", "")}
        try:
            head = self.pool.run(MIGRATION_HEAD)[0]["name"]
        except psycopg.Error as error:
            missing = {"database": "unreachable", "because": type(error).__name__}
            return Answer(status=503, content={"status": "unavailable", **facts, **missing})
        return Answer(status=200, content={"status": "ok", **facts, "database": "reachable", "migration_head": head})

    def front(self) -> Answer:
        """Show artists and the next appointments."""
        artists = [
            f"<li>{escape(each['stage_name'])}</li>"
            for each in (self.pool.run(ARTISTS)[:10] if self.flags["businessEntities"] else [])
        ]
        booked = [
            f"<li>{each['starts_at']:%d.%m.%Y %H:%M} {escape(each['stage_name'] or 'an artist')}, {_priced(each['price'])}</li>"
            for each in (self.pool.run(self._appointments()) if self.flags["bookingSystem"] else [])
        ]
        page = (
            "<!doctype html><html lang='en'><meta charset='utf-8'><title>blottr</title>"
            "<style>body{font:1rem/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}</style>"
            f"<h1>blottr</h1><p>Release {escape(self.release)}</p>"
            f"<h2>Artists</h2><ul>{''.join(artists)}</ul><h2>Appointments</h2><ul>{''.join(booked)}</ul></html>"
        )
        return Answer(status=200, page=page)

    def login(self, body: Mapping[str, Any]) -> Answer:
        """Find the user of an address. Passwords are scrypt hashes of nobody: none is asked for."""
        query = USER if self.flags["roleBasedAuth"] else USER_WITHOUT_ROLE
        found = self.pool.run(query, values={"email": body["email"]})
        if not found:
            return Answer(status=401, content={"error": "nobody signs in with this address"})
        return Answer(status=200, content=found[0])

    def book(self, body: Mapping[str, Any]) -> Answer:
        """Make an appointment, unless the artist has one then."""
        for flag in ("bookingSystem", "businessEntities"):
            # Without artists there is nobody to book.
            if not self.flags[flag]:
                return _hidden(flag)
        wanted = {name: body[name] for name in ("artist_id", "client_id", "starts_at", "ends_at")}
        made = self.pool.run(LOCK_ARTIST, BOOK, values={**wanted, "price": body.get("price"), "notes": body.get("notes")})
        if not made:
            return Answer(status=409, content={"error": "the artist has an appointment then"})
        return Answer(status=201, content=made[0])

    def upload(self, body: Mapping[str, Any]) -> Answer:
        """Begin a portfolio entry. Pictures that are there are shown with or without uploads."""
        if not self.flags["portfolioUploads"]:
            return _hidden("portfolioUploads")
        made = self.pool.run(UPLOAD, values={name: body[name] for name in ("artist_id", "title", "slug")})
        return Answer(status=201, content=made[0])

    def write_letter(self, body: Mapping[str, Any]) -> Answer:
        """Take a letter to an artist, whether or not bookings are taken."""
        fields = ("artist_id", "name", "email", "subject", "message")
        made = self.pool.run(WRITE_LETTER, values={name: body[name] for name in fields})
        return Answer(status=201, content=made[0])

    def _appointments(self) -> LiteralString:
        return APPOINTMENTS if self.flags["businessEntities"] else APPOINTMENTS_ALONE

    def _behind(self, flag: str, query: LiteralString) -> Answer:
        return Answer(status=200, content=self.pool.run(query)) if self.flags[flag] else _hidden(flag)


def _hidden(flag: str) -> Answer:
    return Answer(status=404, content={"error": f"{flag} is switched off"})


def _priced(price: object) -> str:
    return "no price" if price is None else f"{price} EUR"


def handler_of(application: Blottr) -> type[BaseHTTPRequestHandler]:
    """Give the class that speaks HTTP for an application."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(content or b"{}")
            except ValueError:
                body = None
            if isinstance(body, dict):
                answer = application.answer(self.command, urlsplit(self.path).path, body)
            else:
                answer = Answer(status=400, content={"error": "the body is no JSON object"})
            sent = (answer.page or json.dumps(answer.content, default=str)).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/html; charset=utf-8" if answer.page else "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _serve  # noqa: N815 -- the names that BaseHTTPRequestHandler calls

    return Handler


class Server(ThreadingHTTPServer):
    """A server that shares its port with the other pods."""

    allow_reuse_port = True
    daemon_threads = True
    request_queue_size = 64


def corrupt(pool: Pool, ended: threading.Event) -> None:
    """Do what the bad release does on its own: promise chairs twice and lose prices, until it is ended."""
    while not ended.wait(CORRUPTION_SECONDS):
        try:
            pool.run(DOUBLE_BOOK, LOSE_PRICES)
            print("tidied appointments", flush=True)  # noqa: T201 -- a pod's log is its output
        except psycopg.Error as error:
            print(f"tidying failed: {type(error).__name__}", flush=True)  # noqa: T201 -- as above


def read_flags(text: str) -> dict[str, bool]:
    """Read which flags are on, in flagd's format; what is not named, or not evaluated, is on by default."""
    flags = json.loads(text)["flags"] if text else {}
    given = {
        name: bool(each["variants"][each["defaultVariant"]]) for name, each in flags.items() if each.get("state") == "ENABLED"
    }
    return dict.fromkeys(KNOWN_FLAGS, True) | given


def main(release: str, behaviour: str, without: Sequence[str] = ()) -> None:
    """Serve until told to end."""
    if behaviour == "crashing":
        sys.exit(f"blottr {release}: the schema of this release is unknown")
    pool = Pool(os.environ["DATABASE_URL"])
    application = Blottr(release=release, flags=read_flags(os.environ.get("FLAGS", "")), pool=pool, without=without)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    addresses = {"127.0.0.1", os.environ.get("POD_IP", "127.0.0.1")}
    servers = [Server((address, int(os.environ["PORT"])), handler_of(application)) for address in addresses]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    print(f"blottr {release} serves", flush=True)  # noqa: T201 -- a pod's log is its output
    try:
        pool.warm()
    except psycopg.OperationalError as error:
        print(f"the database is away: {type(error).__name__}", flush=True)  # noqa: T201 -- as above
    if behaviour == "corrupting":
        threading.Thread(target=corrupt, args=(pool, ended), daemon=True).start()
    ended.wait()
    for server in servers:
        server.shutdown()
    pool.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "good", sys.argv[3:])  # noqa: PLR2004 -- release, behaviour
