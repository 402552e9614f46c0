"""A person's word that the application works after a run."""

from dataclasses import dataclass
from datetime import datetime

from continuity.domain.run import RunId


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Who has looked, when, and what they say. `actor` is the account that recorded it."""

    run: RunId
    by: str
    at: datetime
    actor: str
    because: str = ""

    def __str__(self) -> str:
        said = f": {self.because}" if self.because else ""
        return f"{self.by} at {self.at:%Y-%m-%d %H:%M:%S} UTC{said}"
