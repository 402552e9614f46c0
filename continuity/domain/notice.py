"""What people are told of an incident: the facts, before they are put into anybody's words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain, IncidentId, MessageKind

LINES_TOLD = 8
"""So many of the newest lines of what was done are in a message; all of them are in the incident's report."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One message about one incident. Texts in it may be foreign: they are made harmless where they are written out."""

    incident: IncidentId
    application: ApplicationName
    message: MessageKind
    level: Level
    chain: Chain
    title: str
    began: datetime
    at: datetime
    """When it is told."""
    summary: str = ""
    step: int = 0
    """Which step of the chain, from 0."""
    run: str = ""
    plan: str = ""
    """Hash of the plan that waits for an approval or is being carried out."""
    done: tuple[str, ...] = ()
    """What the system has done, oldest first, a line each."""
    next_step: str = ""
    """What to do next: an action, with its command."""
    impact: str = ""
    """What it means for those who use the application, in plain words."""
    next_update: datetime | None = None
    because: str = ""
    """Why it is told: of an escalation, who has not answered; of the end, by whose word."""
    by: str = ""
    """Who has taken it on, or has ended it."""
    ended: datetime | None = None
    exercise: bool = False
    answer: str = ""
    """What the page that takes it on asks for beside the incident: when the address ends, and its signature."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one audience reads: harmless in every channel."""

    subject: str
    """One line of at most 120 characters."""
    text: str
    html: str


def facts(notice: Notice, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """Say what whoever acts has to know, by its name; what nobody knows is left out."""
    yield "application", notice.application
    yield "level", notice.level
    yield "since", moment(notice.began, zone)
    if notice.ended:
        yield "until", moment(notice.ended, zone)
    yield from ((name, value) for name, value in _known(notice) if value)


def _known(notice: Notice) -> Iterator[tuple[str, str]]:
    yield "what", notice.summary
    yield "impact", notice.impact
    yield "because", notice.because
    yield "ended by" if notice.message is MessageKind.RESOLVED else "taken on by", notice.by
    yield "run", notice.run
    yield "plan", notice.plan
    yield "incident", notice.incident


def moment(at: datetime, zone: tzinfo) -> str:
    """Say a moment as the clock on the wall shows it, and in UTC, by which all records are."""
    if zone in (UTC, None):
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone} ({at.astimezone(UTC):%H:%M} UTC)"
