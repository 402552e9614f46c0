"""Makes Prefect runs for accepted alerts: by deployment and our own id alone, so that nothing foreign reaches Prefect.

A dict among a run's parameters may be an order to Prefect's server (`__prefect_kind` reads variables and renders
templates), and whoever chooses parameters chooses what is run: the sender of an alert chooses none.
"""

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.states import Cancelling

from continuity.adapters.alert_records import AlertRecords
from continuity.domain.alerts import AcceptedAlert, Action, Begun, CalledOff, Withdrawn
from continuity.errors import ContinuityError
from continuity.settings import PrefectSection
from deployments.prefect_client import prefect_client

logger = logging.getLogger(__name__)

DEPLOYMENTS = {
    Action.BACKUP: "nightly-backup/{prefix}{application}-backup",
    Action.DRILL: "restore-drill/{prefix}{application}-drill",
    Action.VALIDATE: "validate-data/{prefix}{application}-validation",
    Action.ROLLBACK: "emergency-rollback/{prefix}{application}-rollback",
}
"""The deployment of each action, by flow and name; a hold needs no Prefect."""

NOT_BEGUN = {StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED}


def start_run(alert: AcceptedAlert, records: AlertRecords, *, prefect: PrefectSection) -> Begun:
    """Create the flow run of an alert. Prefect keeps one run a key, so called again it gives the same.

    Raises:
        ContinuityError: the server cannot be reached (transient), lacks the deployment, or refused.

    """
    now = datetime.now(UTC)
    if alert.action.destroys and records.noted(alert.id, Withdrawn):
        return Begun(alert=alert.id, at=now, because="the alert was over before its run was made")
    if (switch := records.switch(alert.application)) and not switch.on:
        return Begun(alert=alert.id, at=now, because=f"{switch.by} has switched alerts off: {switch.because}")
    name = DEPLOYMENTS[alert.action].format(prefix=prefect.prefix, application=alert.application)
    parameters: dict[str, Any] = {"alert": alert.id} if alert.action is Action.ROLLBACK else {}
    with prefect_client(prefect.api_url, patient=False) as client:
        deployment = client.read_deployment_by_name(name)
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters=parameters,
            # Keys are unique by flow, not by deployment: staging's would silently return production's run.
            idempotency_key=f"{alert.environment}/{name}/{alert.action}/{alert.id}",
            tags=["alert", alert.level.value],
        )
        if run.deployment_id != deployment.id:
            raise ContinuityError(
                f"Prefect answered with run {run.id} of another deployment than {name}", hint="Find out who uses its key."
            )
    return Begun(alert=alert.id, at=now, flow_run=str(run.id))


def call_off(alert: AcceptedAlert, records: AlertRecords, *, prefect: PrefectSection) -> CalledOff:
    """Cancel the flow run of an alert that is over, where it still waits. The flow refuses by itself in any case.

    Raises:
        ContinuityError: the run is only being made, or the server cannot be reached (both transient), or refused.

    """
    now = datetime.now(UTC)
    begun = records.noted(alert.id, Begun)
    if begun is None:
        raise ContinuityError("its run is being made", transient=True)
    if not begun.flow_run:
        return CalledOff(alert=alert.id, at=now, because="there was no run yet")
    with prefect_client(prefect.api_url, patient=False) as client:
        run = client.read_flow_run(UUID(begun.flow_run))
        if run.state_type not in NOT_BEGUN:
            return CalledOff(alert=alert.id, at=now, because=f"its run was {run.state_name} and is left alone")
        client.set_flow_run_state(run.id, Cancelling(message="the alert that started it is over"))
    return CalledOff(alert=alert.id, at=now, because=f"its run was {run.state_name} and is cancelled")
