"""Accept an alert durably, or say why it starts nothing, and withdraw it when it is over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from continuity.adapters.alert_records import AlertRecords
from continuity.domain.alerts import AcceptedAlert, Action, Alert, AlertId, ApprovalRule, Route, Withdrawn, alert_id
from continuity.domain.routing import Decision, Turn, decide
from continuity.errors import Overtaken, VaultError

ATTEMPTS = 50
"""How often a decision is made again because another alert had its turn meanwhile. Each time somebody else got on."""


class Answered(StrEnum):
    """What was done about an alert."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    """It was accepted before: nothing new is started."""
    IGNORED = "ignored"
    WITHDRAWN = "withdrawn"
    """It is over, and what it has led to is called off as far as it waits for a person."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was done about an alert for one application, with the reason; `run` is the id under which it is known."""

    answered: Answered
    because: str
    application: str = ""
    action: str = ""
    run: str = ""
    accepted: AcceptedAlert | None = field(default=None, repr=False)


def answer_alert(
    alert: Alert, routes: Sequence[Route], *, records: AlertRecords, environment: str, dry_run: bool, now: datetime
) -> list[Answer]:
    """Answer an alert for each application whose route it takes. Called again with the same alert it starts nothing more.

    Raises:
        VaultError: nothing could be recorded, or read; nothing was started, and the sender has to come again.

    """
    return [_answer(alert, route, records, environment, dry_run=dry_run, now=now) for route in routes]


def _answer(alert: Alert, route: Route, records: AlertRecords, environment: str, *, dry_run: bool, now: datetime) -> Answer:
    if route.action is Action.NONE:
        return _ignored(route, "its route says that it starts nothing")
    name = alert_id(alert, route, environment=environment)
    if known := records.find(name):
        return _withdraw(known, records, now) if not alert.firing else told(known, Answered.REPEATED)
    if not alert.firing:
        return _ignored(route, "it is over, and has led to nothing")
    decision = _take_turn(alert, route, name, records, dry_run=dry_run, now=now)
    if not decision.starts:
        return _ignored(route, decision.because)
    accepted = AcceptedAlert(
        id=name,
        application=route.application,
        environment=environment,
        source=alert.source,
        alert=route.alert,
        fingerprint=alert.fingerprint,
        started=alert.started.astimezone(UTC),
        action=route.action,
        level=route.level,
        approval=decision.approval,
        hold=route.hold,
        maximum_age=route.maximum_age,
        accepted=now,
        because=decision.because,
        summary=alert.summary,
    )
    if records.accept(accepted):
        return told(accepted, Answered.ACCEPTED)
    return told(records.find(name) or accepted, Answered.REPEATED)


def _take_turn(alert: Alert, route: Route, name: AlertId, records: AlertRecords, *, dry_run: bool, now: datetime) -> Decision:
    """Decide, and take the action's turn by compare-and-set before anything is recorded: of a storm one gets through.

    Killed between the two, the turn is taken and nothing started: the sender's next try finds the turn to be its own.
    """
    switch = records.switch(route.application)
    for _ in range(ATTEMPTS):
        seen = records.turns(route.application)
        decision = decide(alert, route, name, switch=switch, turns=seen.turns, dry_run=dry_run, now=now)
        turn = seen.turns.actions.get(route.action)
        mine = turn is not None and turn.alert == name
        if not decision.starts or mine or not (route.cooldown or route.action.destroys):
            return decision
        automatic = decision.approval is route.approval is ApprovalRule.AUTOMATIC
        try:
            records.take_turn(
                route.application, seen.turns.taken(route.action, Turn(alert=name, at=now), automatic=automatic), seen=seen
            )
        except Overtaken:
            continue
        return decision
    raise VaultError(f"{route.application} has too many alerts at the same time", hint="Send it again.", transient=True)


def _withdraw(known: AcceptedAlert, records: AlertRecords, now: datetime) -> Answer:
    records.note(Withdrawn(alert=known.id, at=now))
    return told(known, Answered.WITHDRAWN)


def told(accepted: AcceptedAlert, answered: Answered) -> Answer:
    """Return the answer about an accepted alert."""
    return Answer(
        answered=answered,
        because=accepted.because,
        application=accepted.application,
        action=accepted.action,
        run=accepted.id,
        accepted=accepted,
    )


def _ignored(route: Route, because: str) -> Answer:
    return Answer(answered=Answered.IGNORED, because=because, application=route.application, action=route.action)
