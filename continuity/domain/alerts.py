"""Alerts of other systems, what an application answers to them, and what is remembered of an alert that was accepted."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NewType

from continuity.domain.application import ApplicationName
from continuity.domain.plan import PlanHash
from continuity.errors import ConfigurationRefused

AlertId = NewType("AlertId", str)  # "blottr-rollback-alert-20261123T191515Z-3f2a9c0d4b5e6f70"

_ID = re.compile(
    r"(?P<application>[a-z][a-z0-9-]*)-(?P<action>hold|backup|drill|validate|rollback)-alert-(?P<day>\d{8})T\d{6}Z-[0-9a-f]{16}",
)
DIGEST_DIGITS = 16


class Source(StrEnum):
    """Who sends alerts."""

    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    GENERIC = "generic"


class Action(StrEnum):
    """What an alert may lead to: a closed list."""

    NONE = "none"
    """Known, and deliberately left to people."""
    HOLD = "hold"
    """Traffic and writes are stopped at once. Exactly reversible."""
    BACKUP = "backup"
    DRILL = "drill"
    VALIDATE = "validate"
    ROLLBACK = "rollback"
    """To the latest proven point. Which one, and of what, no alert can say."""

    @property
    def destroys(self) -> bool:
        """Whether it replaces live data."""
        return self is Action.ROLLBACK


class ApprovalRule(StrEnum):
    """Whose word a rollback needs that an alert has started."""

    PERSON = "person"
    """The plan is made and waits for a person, like any other."""
    AUTOMATIC = "automatic"
    """The alert counts as one approval, while it is fresh, and once a day."""


class Level(StrEnum):
    """How bad an alert is, by the application's own word."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert as its sender describes it: foreign text, of which nothing but `name` and `labels` is compared.

    `fingerprint` and `started` stay the same for as long as the alert lasts.
    """

    source: Source
    name: str
    firing: bool
    fingerprint: str
    started: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class Route:
    """What an application answers to an alert of this name that carries at least these labels."""

    application: ApplicationName
    alert: str
    labels: Mapping[str, str]
    action: Action
    level: Level
    approval: ApprovalRule = ApprovalRule.PERSON
    hold: bool = False
    """Whether traffic is stopped at once, before the run that the action starts has come up."""
    cooldown: timedelta
    """After an alert has led to this action, no other does for so long."""
    maximum_age: timedelta
    """An alert that has been firing for longer starts nothing."""


@dataclass(frozen=True, kw_only=True)
class AcceptedAlert:
    """An alert that leads to something: recorded before its sender hears of it, and acted on afterwards."""

    id: AlertId
    application: ApplicationName
    environment: str
    source: Source
    alert: str
    fingerprint: str
    started: datetime
    action: Action
    level: Level
    approval: ApprovalRule
    hold: bool
    maximum_age: timedelta
    accepted: datetime
    because: str
    """Why it was accepted as it was."""
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What became of an accepted alert: the flow run that Prefect has for it, or why there is none."""

    alert: AlertId
    at: datetime
    flow_run: str = ""
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class HoldDone:
    """What the hold came to that an alert has asked for: its run, or why there is none."""

    alert: AlertId
    at: datetime
    run: str = ""
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """The sender has said that the alert is over."""

    alert: AlertId
    at: datetime


@dataclass(frozen=True, kw_only=True)
class CalledOff:
    """What became of the run of an alert that is over: cancelled where it still waited, left alone where it did not."""

    alert: AlertId
    at: datetime
    because: str


@dataclass(frozen=True, kw_only=True)
class Approved:
    """The one plan for which an alert has counted as an approval."""

    alert: AlertId
    at: datetime
    plan: PlanHash


@dataclass(frozen=True, kw_only=True)
class Heard:
    """The incident that an accepted alert has opened or belongs to, or why there is none."""

    alert: AlertId
    at: datetime
    incident: str = ""
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A person's word on whether alerts may start anything for an application."""

    on: bool
    by: str
    because: str
    at: datetime


def alert_id(alert: Alert, route: Route, *, environment: str) -> AlertId:
    """Name what an alert leads to, the same however often and wherever it arrives.

    Two environments, two applications, two actions and two outbreaks of one alert have different names.
    """
    started = alert.started.astimezone(UTC)
    identity = [alert.source, alert.fingerprint, started.isoformat(), environment, route.application, route.action]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:DIGEST_DIGITS]
    return AlertId(f"{route.application}-{route.action}-alert-{started:%Y%m%dT%H%M%SZ}-{digest}")


def place_of(alert: str) -> tuple[ApplicationName, str]:
    """Return the application and the day (20261123) that an alert's id names.

    Raises:
        ConfigurationRefused: the text is no such id.

    """
    match = _parts(alert)
    return ApplicationName(match["application"]), match["day"]


def action_of(alert: str) -> Action:
    """Return the action that an alert's id names.

    Raises:
        ConfigurationRefused: the text is no such id.

    """
    return Action(_parts(alert)["action"])


def _parts(alert: str) -> re.Match[str]:
    match = _ID.fullmatch(alert)
    if match is None:
        raise ConfigurationRefused(
            f"{alert!r} is not the id of an accepted alert", hint="See `continuity alerts APP` for those there are."
        )
    return match
