"""What a run asks that an alert has started: whether the alert still stands, and whether it counts as an approval.

A run knows its alert by id alone. What the alert may do is read from the vault, never from what Prefect was told.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

from continuity.adapters.alert_records import AlertRecords
from continuity.domain.alerts import AcceptedAlert, Action, AlertId, Approved, HoldDone, Withdrawn, place_of
from continuity.domain.application import ApplicationName
from continuity.domain.approval import Approval
from continuity.domain.plan import Plan
from continuity.domain.routing import may_approve
from continuity.errors import ConfigurationRefused, UnsafeOperation
from continuity.procedures.rollback import RollbackWish
from continuity.settings import Environment
from continuity.steps.places import journals_of

logger = logging.getLogger(__name__)

HOLD_PATIENCE = timedelta(minutes=2)
"""How long a plan waits for the immediate hold of its alert: made before it, the world would change under the plan."""
LOOK_SECONDS = 0.5


def open_alert(environment: Environment, application: ApplicationName, alert: str) -> AcceptedAlert:
    """Return the alert that has started this run, once the hold that it asked for is over.

    Raises:
        ConfigurationRefused: it was never accepted, or for something else.
        UnsafeOperation: it is over.

    """
    records = AlertRecords(journals_of(environment))
    of, _ = place_of(alert)
    accepted = records.find(AlertId(alert))
    if accepted is None or of != application or accepted.action is not Action.ROLLBACK:
        raise ConfigurationRefused(
            f"{alert} is no accepted alert that rolls {application} back", hint="Leave `alert` empty: the receiver fills it in."
        )
    refuse_withdrawn(environment, accepted)
    deadline = time.monotonic() + HOLD_PATIENCE.total_seconds()
    while accepted.hold and records.noted(accepted.id, HoldDone) is None:
        if time.monotonic() > deadline:
            logger.warning("planning without the hold alert=%s waited_seconds=%d", alert, HOLD_PATIENCE.total_seconds())
            break
        time.sleep(LOOK_SECONDS)
    return accepted


def approval_of(environment: Environment, accepted: AcceptedAlert, plan: Plan) -> Approval | None:
    """Return the alert's own approval of a plan, or None where a person has to approve it; the log says why.

    It is good for one plan: another run that names the same alert, or that asks for anything but the latest point of
    everything, waits for a person.

    Raises:
        UnsafeOperation: the alert is over.

    """
    refuse_withdrawn(environment, accepted)
    records = AlertRecords(journals_of(environment))
    now = datetime.now(UTC)
    may, because = may_approve(accepted, switch=records.switch(accepted.application), now=now)
    if may and RollbackWish.of(plan) != RollbackWish():
        may, because = False, "it asks for something else than the latest point of everything"
    if may:
        records.note(Approved(alert=accepted.id, at=now, plan=plan.hash))
        first = records.noted(accepted.id, Approved)
        may, because = (True, because) if first and first.plan == plan.hash else (False, "it has approved another plan")
    logger.info("approved by alert=%s: %s, because=%s plan=%s", accepted.id, may, because, plan.hash)
    return Approval(application=plan.application, plan=plan.hash, by=f"alert {accepted.id}", at=now) if may else None


def refuse_withdrawn(environment: Environment, accepted: AcceptedAlert) -> None:
    """Make sure that the alert is not over: what waits for a person is called off when it is.

    Raises:
        UnsafeOperation: it is.

    """
    if over := AlertRecords(journals_of(environment)).noted(accepted.id, Withdrawn):
        raise UnsafeOperation(
            f"{accepted.alert} is over since {over.at:%Y-%m-%d %H:%M:%S} UTC, so that nothing is rolled back for it",
            detail="Nothing was changed.",
            hint=f"Where it is needed all the same: `continuity rollback {accepted.application}`.",
        )
