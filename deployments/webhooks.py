"""The receiver of alerts: over HTTP in, recorded in the vault, answered, and acted on behind the answer.

    continuity webhooks, or python -m deployments.webhooks

Any number of receivers may run on one vault: they keep nothing that is not there.
"""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Thread

import uvicorn
from fastapi import FastAPI, Request
from fastapi import Response as PlainResponse
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from continuity.adapters.alert_files import load_routes
from continuity.adapters.alert_records import AlertRecords
from continuity.domain.alerts import AcceptedAlert, Action, Begun, CalledOff, Heard, HoldDone, Withdrawn
from continuity.errors import ConfigurationRefused, VaultError
from continuity.procedures.alert_incidents import open_for_alert
from continuity.procedures.alerts import Answered
from continuity.settings import Environment
from continuity.steps.places import journals_of
from continuity.webhook_settings import WebhooksSection
from deployments.receiving import alertmanager, generic, grafana
from deployments.receiving.answers import add_answers
from deployments.receiving.bodies import Body, Budget, Refused
from deployments.receiving.desk import UNAVAILABLE, Desk, Response
from deployments.receiving.escalator import Escalator
from deployments.receiving.holding import hold_for, rehearse
from deployments.receiving.metrics import exposition
from deployments.receiving.posts import Door
from deployments.receiving.residents import Resident
from deployments.receiving.starting import DEPLOYMENTS, call_off, start_run
from deployments.receiving.status_pages import StatusPages
from deployments.receiving.watching import Watch

logger = logging.getLogger(__name__)

MOST_BYTES = 32 << 20
"""Of bodies in memory at the same time."""
MOST_CONNECTIONS = 512
"""Beyond them the answer is 503, which senders repeat."""
RETRY_AFTER_SECONDS = 5
SWITCH_SECONDS = 0.0005
END_SECONDS = 20
"""How long the end waits for answers and acts that go on."""
DISCONNECTED = 400


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A receiver that is ready to serve: what it answers by, and the threads that act."""

    section: WebhooksSection
    doors: Sequence[Door]
    desk: Desk
    residents: Sequence[Resident]
    watch: Watch
    """Keeps the figures that are told at /metrics."""
    escalator: Escalator
    """Sends what is due of incidents."""
    answers: Callable[[FastAPI], None]
    """Adds the page by which people take an incident on."""
    pages: StatusPages | None
    """None where the environment does not say that they are served."""
    rehearse: Callable[[], None]
    """Done once, beside the first answers."""


def open_receiver(environment: Environment) -> Receiver:
    """Read secrets and routes, and see that the vault can be relied on.

    Raises:
        ConfigurationRefused: there is no `[webhooks]`, a secret is missing or too short, or a route is wrong.
        UnsafeOperation: the vault replaces what exists.

    """
    section = environment.webhooks
    if section is None:
        raise ConfigurationRefused(
            "the environment has no [webhooks]", hint="Name a source and its secret there; see docs/runbooks/alerts.md."
        )
    routes = load_routes(environment.applications)
    if not routes:
        raise ConfigurationRefused(
            f"no application in {environment.applications} has an alerts.toml", hint="Write one; see docs/runbooks/alerts.md."
        )
    records = AlertRecords(journals_of(environment))
    names = sorted({route.application for route in routes})
    prefect = environment.prefect
    holds = Resident(
        records,
        names,
        outcome=HoldDone,
        actions=[Action.HOLD, Action.ROLLBACK],
        wanted=lambda alert: alert.hold,
        act=partial(hold_for, environment=environment, records=records),
    )
    runs = Resident(records, names, outcome=Begun, actions=DEPLOYMENTS, act=partial(start_run, records=records, prefect=prefect))
    recalls = Resident(
        records,
        names,
        outcome=CalledOff,
        actions=[Action.ROLLBACK],
        act=partial(call_off, records=records, prefect=prefect),
        after=Withdrawn,
    )

    hears = Resident(records, names, outcome=Heard, actions=list(Action), act=partial(open_for_alert, environment=environment))

    def hand_over(alert: AcceptedAlert, answered: Answered) -> None:
        for resident in (holds, hears, runs) if answered is Answered.ACCEPTED else (recalls,):
            resident.hand(alert)

    desk = Desk(records=records, routes=routes, environment=section.environment, dry_run=section.dry_run, hand_over=hand_over)
    try:
        desk.check_honest()
    except VaultError as error:
        logger.warning("the vault cannot be reached yet: alerts are answered with 503 until it can; because=%s", error.message)
    held = sorted({route.application for route in routes if route.hold})
    return Receiver(
        section=section,
        doors=_open_doors(section),
        desk=desk,
        residents=(holds, hears, runs, recalls),
        watch=Watch(environment),
        escalator=Escalator(environment),
        answers=partial(add_answers, environment=environment),
        pages=StatusPages(environment) if section.status_pages else None,
        rehearse=partial(rehearse, held, environment),
    )


def make_app(receiver: Receiver) -> FastAPI:
    """Return the application that serves a receiver; its threads live as long as it does."""

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        Thread(target=receiver.rehearse, name="rehearsal", daemon=True).start()
        for resident in receiver.residents:
            resident.start()
        receiver.escalator.start()
        receiver.watch.start()
        yield
        await run_in_threadpool(receiver.escalator.stop, END_SECONDS)
        await run_in_threadpool(receiver.watch.stop, END_SECONDS)
        for resident in receiver.residents:
            await run_in_threadpool(resident.stop, END_SECONDS)

    app = FastAPI(title="Continuity: alerts", docs_url=None, redoc_url=None, openapi_url=None, lifespan=living)
    budget = Budget(MOST_BYTES)
    for door in receiver.doors:
        # Grafana can be told to PUT.
        app.add_api_route(door.path, _taking(door, receiver, budget), methods=["POST", "PUT"], response_model=None)

    receiver.answers(app)

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"serving": [door.path for door in receiver.doors], "dry_run": receiver.section.dry_run}

    @app.get("/metrics", response_model=None)
    async def metrics() -> PlainResponse:
        # What is read from memory needs no thread, and so none of those that posts are answered by.
        content = exposition(receiver.watch.readings(), datetime.now(UTC))
        return PlainResponse(content, media_type=CONTENT_TYPE_LATEST)

    if pages := receiver.pages:
        app.add_api_route("/status/{application}", pages.answer, methods=["GET"], response_model=None)

    return app


def serve(environment: Environment, *, host: str = "", port: int = 0) -> None:
    """Serve until a signal ends it: answers and acts that go on are waited for, the rest the next receiver finds.

    Raises:
        ConfigurationRefused, UnsafeOperation: as `open_receiver`.

    """
    # A thread that looks through records must not make answers wait for its whole turn, which by default is 5 ms a time.
    sys.setswitchinterval(SWITCH_SECONDS)
    receiver = open_receiver(environment)
    section = receiver.section
    if section.dry_run:
        logger.warning("dry run: alerts are answered with what they would start, and start nothing")
    for door in receiver.doors:
        logger.info("taking alerts url=http://%s:%d%s", host or section.host, port or section.port, door.path)
    uvicorn.run(
        make_app(receiver),
        host=host or section.host,
        port=port or section.port,
        loop="asyncio",
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=END_SECONDS,
    )


def _open_doors(section: WebhooksSection) -> list[Door]:
    doors = []
    if section.alertmanager:
        doors.append(alertmanager.door(section.alertmanager))
    if section.grafana:
        doors.append(grafana.door(section.grafana))
    if section.generic:
        doors.append(generic.door(section.generic))
    return doors


def _taking(door: Door, receiver: Receiver, budget: Budget) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def take(request: Request) -> JSONResponse:
        body, headers = Body(budget), {}
        try:
            await body.read(request.stream(), limit_bytes=receiver.section.largest_body_bytes)
            answer = await run_in_threadpool(receiver.desk.answer, door, request.headers, bytes(body.data), datetime.now(UTC))
        except Refused as refused:
            answer = Response(status=refused.status, content={"error": refused.because})
            # The rest of the body is not waited for: it may never end.
            headers["Connection"] = "close"
        except ClientDisconnect:
            answer = Response(status=DISCONNECTED, content={"error": "the sender has gone"})
        finally:
            body.let_go()
        if answer.status == UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return JSONResponse(answer.content, status_code=answer.status, headers=headers)

    return take


if __name__ == "__main__":
    from deployments.cli import main

    sys.argv[1:1] = ["webhooks"]
    main()
