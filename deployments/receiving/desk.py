"""Answers a post: each alert by the routes of the applications, recorded before its sender hears of it."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from starlette.datastructures import Headers

from continuity.adapters.alert_records import AlertRecords
from continuity.domain.alerts import AcceptedAlert, Alert, Route
from continuity.domain.routing import routes_for
from continuity.errors import ContinuityError
from continuity.procedures.alerts import Answer, Answered, answer_alert
from deployments.receiving.bodies import Refused, parse_json
from deployments.receiving.posts import Door

logger = logging.getLogger(__name__)

ACCEPTED, OK, UNAVAILABLE = 202, 200, 503
MOST_TOLD = 50
"""How many answers are spelt out in one response; all of them are counted."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """A status, and what the sender's log may show."""

    status: int
    content: dict[str, Any]


@dataclass(kw_only=True)
class Desk:
    """Where posts are answered, by several threads at the same time."""

    records: AlertRecords
    routes: Sequence[Route]
    environment: str
    dry_run: bool
    hand_over: Callable[[AcceptedAlert, Answered], None]
    """Told of what was accepted or withdrawn, after it is recorded. Must not wait."""
    _honest: bool = False
    _asking: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._by_name: dict[str, list[Route]] = defaultdict(list)
        for route in self.routes:
            self._by_name[route.alert].append(route)

    def answer(self, door: Door, headers: Headers, body: bytes, now: datetime) -> Response:
        """Verify, read and answer a post."""
        try:
            door.verify(headers, body, now)
            post = door.read(parse_json(body))
            answers = [answer for alert in post.alerts for answer in self._answer(alert, now)]
        except Refused as refused:
            logger.warning("refused path=%s status=%d because=%s bytes=%d", door.path, refused.status, refused.because, len(body))
            return Response(status=refused.status, content={"error": refused.because})
        except ContinuityError as error:
            # Alertmanager and Grafana send again after a 5xx, and never after a 4xx: nothing is lost by not knowing now.
            logger.error("not recorded path=%s because=%s", door.path, error.message)  # noqa: TRY400 -- the fact is enough
            return Response(status=UNAVAILABLE, content={"error": "nothing can be recorded now; send it again"})
        if post.left_out:
            logger.warning("the sender has left alerts out path=%s left_out=%d", door.path, post.left_out)
        return _response(answers, post.left_out)

    def check_honest(self) -> None:
        """Make sure, once, that the vault creates a key once.

        Raises:
            UnsafeOperation: it does not.
            VaultError: it cannot be reached; the next alert asks again.

        """
        with self._asking:
            if not self._honest:
                self.records.check_honest()
                self._honest = True

    def _answer(self, alert: Alert, now: datetime) -> list[Answer]:
        routes, because = routes_for(alert, self._by_name.get(alert.name, ()))
        if not routes:
            return [Answer(answered=Answered.IGNORED, because=because)]
        self.check_honest()
        answers = answer_alert(alert, routes, records=self.records, environment=self.environment, dry_run=self.dry_run, now=now)
        for answer in answers:
            level = logging.INFO if answer.accepted else logging.WARNING
            logger.log(
                level,
                "%s alert=%r application=%s action=%s run=%s because=%s",
                answer.answered, routes[0].alert, answer.application, answer.action, answer.run, answer.because,
            )  # fmt: skip
            if answer.accepted and answer.answered is not Answered.REPEATED:
                self.hand_over(answer.accepted, answer.answered)
        return answers


def _response(answers: Sequence[Answer], left_out: int) -> Response:
    counts = Counter(answer.answered.value for answer in answers)
    told = [
        {
            "answered": each.answered.value,
            "application": each.application,
            "action": each.action,
            "run": each.run,
            "because": each.because,
        }
        for each in answers[:MOST_TOLD]
    ]
    status = ACCEPTED if counts[Answered.ACCEPTED] else OK
    return Response(status=status, content={"counts": dict(counts), "left_out_by_sender": left_out, "alerts": told})
