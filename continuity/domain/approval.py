"""Whether a plan may be carried out: by whom it was approved, until when, and for exactly which content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.application import ApplicationName
from continuity.domain.plan import Plan, PlanHash
from continuity.errors import UnsafeOperation


@dataclass(frozen=True, kw_only=True)
class Approval:
    """One person's word for one plan. `signature` is "" for the person who starts the run: being there is their word."""

    application: ApplicationName
    plan: PlanHash
    by: str
    at: datetime
    signature: str = ""

    @property
    def text(self) -> bytes:
        """Return what is signed."""
        return f"continuity approval 1\n{self.application}\n{self.plan}\n{self.by}\n{self.at.isoformat()}\n".encode()


def check_approvals(
    plan: Plan, approvals: Sequence[Approval], *, needed: int, valid: timedelta, now: datetime
) -> tuple[str, ...]:
    """Return the names of those who have approved a plan. Signatures have been verified before.

    Raises:
        UnsafeOperation: too few people have, for another plan, or too long ago.

    """
    if now - plan.created > valid:
        minutes = int(valid.total_seconds() // 60)
        raise UnsafeOperation(
            f"plan {plan.hash} was made at {plan.created:%Y-%m-%d %H:%M:%S} UTC and could be approved for {minutes} min",
            detail="Nothing was changed.",
            hint="Make a new plan: the world may have changed.",
        )
    names = sorted({approval.by for approval in approvals if approval.plan == plan.hash})
    if len(names) < needed:
        raise UnsafeOperation(
            f"plan {plan.hash} needs {needed} people, {len(names)} have approved it: {', '.join(names) or 'nobody'}",
            detail="Nothing was changed.",
            hint=f"Another person signs with `continuity approve {plan.hash} --as NAME`.",
        )
    return tuple(names)
