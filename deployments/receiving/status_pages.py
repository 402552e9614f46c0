"""The status page of each application over HTTP, where the environment says so: whoever reaches the receiver can read it."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.responses import Response as Answer

from continuity.adapters.application_files import list_applications, load_application
from continuity.adapters.pages.html import CONTENT_POLICY, page_html
from continuity.domain.application import ApplicationName
from continuity.errors import ContinuityError
from continuity.procedures.overview import read_status_page
from continuity.settings import Environment

logger = logging.getLogger(__name__)

FRESH_SECONDS = 30.0
"""A page is read from the vault no more often, however often it is asked for."""
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, kw_only=True)
class _Made:
    html: str
    at: float


class StatusPages:
    """Makes status pages and keeps each for a while. Safe to use from several threads, and none waits for another.

    Posts are answered by the same threads: a crowd that looks at a page must not keep an alert waiting.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._made: dict[str, _Made] = {}
        self._making = Lock()

    def answer(self, application: str) -> Answer:
        """Answer with the page of an application; while it is being made anew, with the one before."""
        made = self._made.get(application)
        if (made is None or time.monotonic() - made.at > FRESH_SECONDS) and self._making.acquire(blocking=False):
            try:
                made = self._make(application)
            except ContinuityError as error:
                # What the error says may name hosts and folders: it is for the log, and not for whoever asks.
                logger.warning("no status page application=%s because=%s", application, error.message)
                return PlainTextResponse("the vault cannot be read now", status_code=503, headers=HEADERS)
            finally:
                self._making.release()
            if made is None:
                return PlainTextResponse("no such application", status_code=404, headers=HEADERS)
        if made is None:
            return PlainTextResponse("being made: ask again", status_code=503, headers={**HEADERS, "Retry-After": "2"})
        return HTMLResponse(made.html, headers=HEADERS)

    def _make(self, application: str) -> _Made | None:
        environment = self._environment
        if application not in list_applications(environment.applications):
            return None
        protected = load_application(environment.applications, ApplicationName(application))
        made = _Made(html=page_html(read_status_page(protected, environment, now=datetime.now(UTC))), at=time.monotonic())
        self._made[application] = made
        return made
