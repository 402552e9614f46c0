"""Tells a dead-man's switch that a scheduled job has begun, and what it came to, without ever holding the job up.

The protocol is that of healthchecks.io ("Pinging API"): POST to the check's address, with `/start` or `/fail` behind it; of
the body the first 10 kB are kept. Runs are not told apart (`rid`): a start without an end of its own would become an alarm
there, though another run that was at work has ended well.
"""

import logging
import time
from queue import SimpleQueue
from threading import Event, Thread
from typing import NamedTuple
from urllib.parse import urlsplit

from continuity.adapters.http import visiting
from continuity.adapters.secrets import read_secret
from continuity.errors import ContinuityError
from continuity.ping_settings import PingsSection

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
TRIES = 3
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 6.0
"""How long a job that is over waits for its ping to be taken; it goes on being sent for as long as the process lives."""
LARGEST_BODY_BYTES = 10_000
THREAD = "ping"


class _Ping(NamedTuple):
    suffix: str
    body: bytes
    tries: int
    taken: Event


class Pinger:
    """Pings one check, in order, from a thread of its own. Nothing raises, and nothing is said of the address but its host."""

    def __init__(self, section: PingsSection, check: str) -> None:
        self.check = check
        self._address = _address(section, check)
        self._queue: SimpleQueue[_Ping] = SimpleQueue()
        if self._address:
            _keep_addresses_out_of_logs()
            Thread(target=self._send_all, name=THREAD, daemon=True).start()

    def start(self) -> None:
        """Tell that the job begins, and wait for nothing."""
        # Tried once: one that comes after the end would say that the job has begun again.
        self._put("/start", "", tries=1)

    def succeed(self, said: str) -> None:
        """Tell that the job has done what it is there for; waits `PATIENCE_SECONDS` at most."""
        self._put("", said).wait(PATIENCE_SECONDS)

    def fail(self, said: str) -> None:
        """Tell that the job has failed; waits as `succeed` does."""
        self._put("/fail", said).wait(PATIENCE_SECONDS)

    def _put(self, suffix: str, said: str, *, tries: int = TRIES) -> Event:
        taken = Event()
        if self._address:
            body = said.encode()[:LARGEST_BODY_BYTES].decode(errors="ignore").encode()
            self._queue.put(_Ping(suffix=suffix, body=body, tries=tries, taken=taken))
        else:
            taken.set()
        return taken

    def _send_all(self) -> None:
        while True:
            ping = self._queue.get()
            self._send(ping)
            ping.taken.set()
            if ping.suffix != "/start":
                return

    def _send(self, ping: _Ping) -> None:
        host = urlsplit(self._address).hostname
        trouble = ""
        for number in range(ping.tries):
            if number:
                time.sleep(PAUSE_SECONDS * number)
            try:
                trouble = self._try(ping)
            except Exception as error:  # noqa: BLE001 -- a ping must not fail what it tells of; its words may quote the address
                trouble = type(error).__name__
            if not trouble:
                logger.info("pinged check=%s%s host=%s", self.check, ping.suffix, host)
                return
        logger.warning("not pinged check=%s%s host=%s because=%s", self.check, ping.suffix, host, trouble)

    def _try(self, ping: _Ping) -> str:
        """Send once, and return what went wrong, or ""."""
        parts = urlsplit(self._address)
        path = f"{parts.path.rstrip('/')}{ping.suffix}"
        with visiting(f"{parts.scheme}://{parts.netloc}") as visitor:
            answer = visitor.ask(path, method="POST", content=ping.body, answer_seconds=ANSWER_SECONDS)
        if answer.trouble:
            return answer.trouble
        return "" if answer.status and answer.status < 300 else f"it answered {answer.status}"  # noqa: PLR2004 -- HTTP's own


def _address(section: PingsSection, check: str) -> str:
    """Return a check's address, or "" where nobody is told of it. A secret that cannot be read is told of, and stops nothing."""
    place = section.urls.get(check) or section.base
    if not place:
        return ""
    try:
        secret = read_secret("pings", place).strip()
    except ContinuityError as error:
        logger.warning("not pinged check=%s because=%s", check, error.message)
        return ""
    if urlsplit(secret).scheme not in {"http", "https"}:
        logger.warning("not pinged check=%s because=the secret at %s is no address of http or https", check, place)
        return ""
    return secret if check in section.urls else f"{secret.rstrip('/')}/{check}"


def _keep_addresses_out_of_logs() -> None:
    """Keep httpx from logging the addresses that these threads ask: whoever knows one can silence the alarm."""
    library = logging.getLogger("httpx")
    if _unless_pinging not in library.filters:
        library.addFilter(_unless_pinging)


def _unless_pinging(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD
