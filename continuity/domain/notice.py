"""What people are told of an incident: the facts, before they are put into anybody's words."""

from dataclasses import dataclass
from datetime import datetime

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain, IncidentId, MessageKind


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


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one audience reads: harmless in every channel."""

    subject: str
    """One line of at most 120 characters."""
    text: str
    html: str
