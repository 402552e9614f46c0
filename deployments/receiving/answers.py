"""The page behind the address in a message, by which somebody takes an incident on: shown by GET, done by POST alone.

Mail scanners and previews follow every address: what they fetch changes nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from continuity.adapters.records import Records
from continuity.domain.answers_by_link import why_not
from continuity.domain.incidents import Incident
from continuity.errors import ConfigurationRefused, ContinuityError
from continuity.procedures.incidents import acknowledge, find_incident, records_of
from continuity.settings import Environment
from deployments.receiving.bodies import Body, Budget, Refused
from deployments.receiving.signatures import read_secrets

logger = logging.getLogger(__name__)

OK, FORBIDDEN, MISSING, UNAVAILABLE = 200, 403, 404, 503
MOST_BYTES = 4096
LONGEST_NAME = 80
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = (
    ":root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}"
    "input,button{font:inherit;padding:.6rem;width:100%;box-sizing:border-box;margin:.4rem 0}"
)


@dataclass(frozen=True, kw_only=True)
class AnswerDesk:
    """Answers who comes by an address in a message."""

    records: Records
    secrets: Sequence[bytes]

    def show(self, incident: str, until: str, signature: str, *, now: datetime) -> HTMLResponse:
        """Show what it is about, with a form. Changes nothing."""
        return self._answer(incident, until, signature, None, now)

    def take_on(self, incident: str, until: str, signature: str, name: str, *, now: datetime) -> HTMLResponse:
        """Record that somebody takes it on. Called again it changes nothing: the first word stands."""
        return self._answer(incident, until, signature, name.strip()[:LONGEST_NAME], now)

    def _answer(self, incident: str, until: str, signature: str, name: str | None, now: datetime) -> HTMLResponse:
        if because := why_not(incident, until, signature, self.secrets, now=now):
            logger.warning("refused an address of a message because=%s", because)
            return _page(
                FORBIDDEN, "This address is not good", f"<p>{because}. Take the incident on in a terminal:</p>{_COMMAND}"
            )
        try:
            found = find_incident(self.records, incident)
            if name:
                found = acknowledge(self.records, incident, by=name, via="link", now=now)
        except ConfigurationRefused as error:
            return _page(MISSING, "There is no such incident", f"<p>{escape(error.message)}</p>")
        except ContinuityError as error:
            logger.error("not answered incident=%s because=%s", incident, error.message)  # noqa: TRY400 -- the fact is enough
            return _page(UNAVAILABLE, "It could not be recorded", f"<p>Try again in a moment, or in a terminal:</p>{_COMMAND}")
        return _page(OK, found.opened.title, _facts(found) + _standing(found, asks_name=name == ""))


def add_answers(app: FastAPI, environment: Environment) -> None:
    """Serve the page, where the environment signs addresses.

    Raises:
        ConfigurationRefused: a secret is missing or too short.

    """
    section = environment.notices
    if section is None or not section.link_secrets:
        return
    secrets = read_secrets("[notices] link_secrets", section.link_secrets)
    desk, budget = AnswerDesk(records=records_of(environment), secrets=secrets), Budget(MOST_BYTES * 64)

    @app.get("/incidents/{incident}", response_model=None)
    async def show(incident: str, until: str = "", signature: str = "") -> HTMLResponse:
        return await run_in_threadpool(desk.show, incident, until, signature, now=datetime.now(UTC))

    @app.post("/incidents/{incident}", response_model=None)
    async def take_on(request: Request, incident: str, until: str = "", signature: str = "") -> HTMLResponse:
        body = Body(budget)
        try:
            await body.read(request.stream(), limit_bytes=MOST_BYTES)
            name = parse_qs(bytes(body.data).decode(errors="replace")).get("name", [""])[0]
        except Refused as refused:
            return _page(refused.status, "That was too much", f"<p>{escape(refused.because)}</p>")
        finally:
            body.let_go()
        return await run_in_threadpool(desk.take_on, incident, until, signature, name, now=datetime.now(UTC))


def _facts(incident: Incident) -> str:
    opened = incident.opened
    exercise = "<p><strong>Exercise: nothing is wrong.</strong></p>" if opened.exercise else ""
    return (
        f"{exercise}<p>{escape(opened.application)}, {incident.level.value}, since {opened.began:%Y-%m-%d %H:%M} UTC</p>"
        f"<p>{escape(opened.summary)}</p>"
    )


def _standing(incident: Incident, *, asks_name: bool) -> str:
    if said := incident.resolved:
        return f"<p><strong>It is over</strong> since {said.ended:%H:%M} UTC: {escape(said.because)} ({escape(said.by)})</p>"
    if taken := incident.acknowledged:
        return f"<p><strong>{escape(taken.by)} has taken it on</strong>, {taken.at:%H:%M:%S} UTC. Nobody else is asked.</p>"
    missing = "<p><strong>Say who you are.</strong></p>" if asks_name else ""
    # The form goes to its own address, signature and all.
    return (
        f'{missing}<form method="post"><label>Your name <input name="name" required maxlength="{LONGEST_NAME}" autofocus></label>'
        "<button>I take it on</button></form>"
    )


def _page(status: int, title: str, body: str) -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    return HTMLResponse(html, status_code=status, headers=HEADERS)


_COMMAND = "<p><code>continuity acknowledge ID --as NAME</code></p>"
