"""An incident, as the records of it: what was noticed, who was told and has answered, what was done, what was learned.

Each value is one record, written once and never changed. What an incident is now follows from all of its records in their
order (`domain/incidents.py`).
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NewType

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.errors import ConfigurationRefused

IncidentId = NewType("IncidentId", str)  # "blottr-incident-20261123T191515Z-3f2a9c0d4b5e6f70"

_ID = re.compile(r"(?P<application>[a-z][a-z0-9-]*)-incident-\d{8}T\d{6}Z-[0-9a-f]{16}")
_DIGEST_DIGITS = 16


class Chain(StrEnum):
    """Along whom an incident is escalated until somebody answers."""

    TECHNICAL = "technical"
    BUSINESS = "business"
    SECURITY = "security"
    LEGAL = "legal"


class Origin(StrEnum):
    """What an incident was opened by, or what a run or an alert is to it."""

    ALERT = "alert"
    RUN = "run"
    HEALTH = "health"
    PERSON = "person"


class MessageKind(StrEnum):
    """What people are told about."""

    OPENED = "opened"
    UPDATE = "update"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class FollowUpKind(StrEnum):
    """What a follow-up improves."""

    TECHNICAL = "technical"
    PROCESS = "process"
    DOCUMENTATION = "documentation"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The first record of an incident. All times are aware."""

    incident: IncidentId
    application: ApplicationName
    title: str
    level: Level
    chain: Chain
    origin: Origin
    refers: str
    """The alert, the run or the check that it was opened by; "" where a person has."""
    began: datetime
    """When the trouble began, as far as is known: for an alert, when it began to fire."""
    noticed: datetime
    """When this system heard of it."""
    by: str
    summary: str = ""
    risk: str = ""
    """The entry of the register that has come true; "" while nobody has said."""
    exercise: bool = False
    """An exercise is never counted among real incidents."""


@dataclass(frozen=True, kw_only=True)
class LevelChanged:
    """Somebody or a rule has found it better or worse than it was taken for."""

    incident: IncidentId
    at: datetime
    level: Level
    by: str
    because: str


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A line of the timeline."""

    incident: IncidentId
    at: datetime
    by: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Linked:
    """A run or a further alert that belongs to the incident; the report takes its part of the timeline from the journal."""

    incident: IncidentId
    at: datetime
    origin: Origin
    refers: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """One message to one channel, and whether the channel has taken it."""

    incident: IncidentId
    at: datetime
    message: MessageKind
    audience: str
    to: str
    """Who: a role or a name of people.toml. Never an address."""
    channel: str
    """The channel's name in the environment. Its address is a secret."""
    delivered: bool
    because: str = ""
    """Why it was not delivered, without the address."""
    text: str = ""
    """The message itself, kept where no channel of theirs has taken it."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """When the next message or step of the escalation is due: stored, so that a restart forgets nothing."""

    incident: IncidentId
    at: datetime
    due: datetime
    message: MessageKind
    step: int = 0
    """Which step of the escalation, from 0, counted on where the chain begins anew; of updates, which one, from 1."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A process is about to send a message: created once, so that of several one sends."""

    incident: IncidentId
    at: datetime
    message: MessageKind
    step: int
    by: str
    """Which process."""
    attempt: int = 1
    """Another one where a process has taken the message and has not said that it is sent."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message that was taken is with the channels, or with none: what each has said of it, its `Told` say."""

    incident: IncidentId
    at: datetime
    message: MessageKind
    step: int


@dataclass(frozen=True, kw_only=True)
class Closed:
    """It is over, and who was told of it knows: nothing more is due."""

    incident: IncidentId
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """Somebody has taken it on: escalation stops."""

    incident: IncidentId
    at: datetime
    by: str
    via: str
    """command, link, form."""


@dataclass(frozen=True, kw_only=True)
class Assessed:
    """What people know of the cause and the damage. Of several, each field's newest word counts; None says nothing."""

    incident: IncidentId
    at: datetime
    by: str
    root_cause: str | None = None
    users_affected: int | None = None
    users_total: int | None = None
    rows_lost: int | None = None
    revenue_hours: float | None = None
    """For how long the application could not earn."""
    risk: str | None = None
    """The entry of the register that has come true, where the opening did not know it or was wrong."""
    went_well: tuple[str, ...] = ()
    to_improve: tuple[str, ...] = ()
    process_changes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """It is over: since when, and by whose word."""

    incident: IncidentId
    at: datetime
    ended: datetime
    by: str
    because: str


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """Something to be done so that it does not happen again."""

    incident: IncidentId
    at: datetime
    name: str
    """Short and unique within the incident."""
    what: str
    kind: FollowUpKind
    owner: str
    due: date


@dataclass(frozen=True, kw_only=True)
class FollowUpDone:
    """A follow-up is done."""

    incident: IncidentId
    at: datetime
    name: str
    by: str


Development = (
    LevelChanged
    | Remark
    | Linked
    | Told
    | Due
    | Taken
    | Sent
    | Acknowledged
    | Assessed
    | Resolved
    | Closed
    | FollowUp
    | FollowUpDone
)
"""What is recorded of an incident after it was opened."""

IncidentRecord = Opened | Development


def incident_id(application: ApplicationName, *, began: datetime, origin: Origin, refers: str) -> IncidentId:
    """Name an incident by what it was opened by, so that the same cause opens one however often it is heard of."""
    moment = began.astimezone(UTC)
    digest = hashlib.sha256(json.dumps([application, moment.isoformat(), origin, refers]).encode()).hexdigest()
    return IncidentId(f"{application}-incident-{moment:%Y%m%dT%H%M%SZ}-{digest[:_DIGEST_DIGITS]}")


def application_of(incident: str) -> ApplicationName:
    """Return the application that an incident's id names.

    Raises:
        ConfigurationRefused: the text is no such id.

    """
    match = _ID.fullmatch(incident)
    if match is None:
        raise ConfigurationRefused(f"{incident!r} is not the id of an incident", hint="See `continuity incidents APP`.")
    return ApplicationName(match["application"])
