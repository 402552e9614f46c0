"""What every source makes of a post."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from continuity.domain.alerts import Alert
from deployments.receiving.signatures import Verify

LONGEST_SUMMARY = 300

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\U0010ffff]+")


@dataclass(frozen=True, kw_only=True)
class Post:
    """The alerts of a post. `left_out` is how many more the sender knows of and has not sent."""

    alerts: tuple[Alert, ...]
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where one source posts: its path, how its senders are known, and how its JSON is read."""

    path: str
    verify: Verify
    read: Callable[[Any], Post]


class Foreign(BaseModel):
    """JSON of another system: unknown keys are left aside, since newer versions add some."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _plausible(moment: datetime) -> datetime:
    if not 2000 <= moment.year <= 9000:  # noqa: PLR2004 -- at the ends of the calendar no other zone has this moment
        raise ValueError("no moment of an alert")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
Fingerprint = Annotated[str, Field(min_length=1, max_length=200)]


def in_a_line(text: str) -> str:
    """Return foreign text as one bounded line without control characters."""
    return _UNPRINTABLE.sub(" ", text)[:LONGEST_SUMMARY].strip()
