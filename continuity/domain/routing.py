"""Whether an alert leads to anything, and to what: decided from the routes and from what is recorded, with the reason. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from continuity.domain.alerts import AcceptedAlert, Action, Alert, AlertId, ApprovalRule, Route, Switch

BREAKER = timedelta(days=1)
"""At most one rollback without a person in this time, whatever fires."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""So far ahead of ours may a sender's clock be."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Which alert has last led to something, and when."""

    alert: AlertId
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Turns:
    """An application's last turn of each action, and its last rollback without a person."""

    actions: Mapping[Action, Turn] = field(default_factory=dict)
    automatic: Turn | None = None

    def taken(self, action: Action, turn: Turn, *, automatic: bool) -> "Turns":
        """Return them with a further turn."""
        return replace(
            self, actions={**self.actions, action: turn}, automatic=turn if automatic and action.destroys else self.automatic
        )


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether an alert starts what its route says, with the reason. `approval` may be stricter than the route's."""

    starts: bool
    because: str
    approval: ApprovalRule = ApprovalRule.PERSON


def routes_for(alert: Alert, routes: Iterable[Route]) -> tuple[tuple[Route, ...], str]:
    """Return what each application answers to an alert (its first route that fits), and where none does, why.

    Labels can only keep an alert from a route: which application it is about, and what happens, the route says.
    """
    named = [route for route in routes if route.alert == alert.name]
    fitting: dict[str, Route] = {}
    for route in named:
        if route.labels.items() <= alert.labels.items():
            fitting.setdefault(route.application, route)
    if fitting:
        return tuple(fitting.values()), ""
    if not named:
        return (), "no application has a route for an alert of this name"
    wanted = sorted({", ".join(f"{name}={value}" for name, value in route.labels.items()) for route in named})
    return (), f"it does not carry the labels that its routes ask for: {' or '.join(wanted)}"


def decide(
    alert: Alert,
    route: Route,
    name: AlertId,
    *,
    switch: Switch | None,
    turns: Turns,
    dry_run: bool,
    now: datetime,
) -> Decision:
    """Decide on a firing alert of that id. On doubt nothing starts: a person can always start it by hand."""
    objection = (
        _stale(alert, route, now)
        or (f"{switch.by} has switched alerts off: {switch.because}" if switch and not switch.on else "")
        or _cooling(route, name, turns, now)
        or (f"dry run: it would start {route.action}" if dry_run else "")
    )
    return Decision(starts=False, because=objection) if objection else _approved(route, name, turns, now=now)


def _stale(alert: Alert, route: Route, now: datetime) -> str:
    if alert.started > now + CLOCK_TOLERANCE:
        return f"it says that it began at {alert.started:%Y-%m-%d %H:%M:%S} UTC, which is to come"
    if now - alert.started > route.maximum_age:
        minutes = int((now - alert.started).total_seconds() // 60)
        return f"it has been firing for {minutes} min, its route takes {_minutes(route.maximum_age)}"
    return ""


def _cooling(route: Route, name: AlertId, turns: Turns, now: datetime) -> str:
    last = turns.actions.get(route.action)
    if last and last.alert != name and now - last.at < route.cooldown:
        return f"{last.alert} led to {route.action} less than {_minutes(route.cooldown)} ago (cooldown)"
    return ""


def _approved(route: Route, name: AlertId, turns: Turns, *, now: datetime) -> Decision:
    said = f"route {route.alert!r} of {route.application} says {route.action}"
    if not route.action.destroys:
        return Decision(starts=True, because=said)
    automatic = turns.automatic
    if route.approval is ApprovalRule.AUTOMATIC and automatic and automatic.alert != name and now - automatic.at < BREAKER:
        because = f"{said}; a person has to approve it: {automatic.alert} has rolled back without one within a day"
        return Decision(starts=True, because=because, approval=ApprovalRule.PERSON)
    return Decision(starts=True, because=said, approval=route.approval)


def may_approve(accepted: AcceptedAlert, *, switch: Switch | None, now: datetime) -> tuple[bool, str]:
    """Tell whether an alert that is not over counts as one approval of the plan that it has led to, and why.

    Asked again when the run has come up: that may be hours later, and then a person decides.
    """
    if accepted.approval is not ApprovalRule.AUTOMATIC:
        return False, "its route asks for a person"
    if switch and not switch.on:
        return False, f"{switch.by} has switched alerts off: {switch.because}"
    if now - accepted.accepted > accepted.maximum_age:
        return False, f"it was accepted more than {_minutes(accepted.maximum_age)} ago"
    return True, "its route needs no person"


def in_order(accepted: Sequence[AcceptedAlert]) -> list[AcceptedAlert]:
    """Put those first that matter most, then the oldest."""
    ranks = ["critical", "high", "medium", "low"]
    return sorted(accepted, key=lambda each: (ranks.index(each.level), each.accepted))


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:g} min"
