"""Switching a feature: plan, approval by a person, every step a task, and a report that says which pods have it."""

from datetime import UTC, datetime
from enum import StrEnum

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from continuity.procedures.feature import FeatureWish, make_feature_plan
from flows.carrying import approve_and_carry_out
from flows.forms import FlagName, ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


class Switch(StrEnum):
    """What the form offers."""

    OFF = "off"
    ON = "on"


@flow(name="switch-feature", flow_run_name="switch {flag} of {application} {to}", retries=0, persist_result=False)
def switch_feature(
    application: ProtectedName,
    flag: FlagName,
    to: Switch = Switch.OFF,
    restart: bool = True,  # noqa: FBT001, FBT002 -- a form's tick box
) -> State[None]:
    """Switch a feature on or off by its flag, and say which pods have it.

    Running it again finds the flag as wanted, and does nothing.

    Args:
        application: Whose feature it is. Nothing is done before a person has approved the plan.
        flag: The flag's exact name, for example bookingSystem.
        to: What it shall be for everybody. Undoing the run puts back exactly what it was.
        restart: Start pods anew that read the flags only when they start. Without it they keep what they have read.

    """
    with protecting(application) as (protected, environment):
        wish = FeatureWish(flag=flag, on=to is Switch.ON, restart=restart)
        waiting = make_feature_plan(protected, environment, wish, perform=perform_as_task, now=datetime.now(UTC))
        if not waiting.plan.steps:
            return Completed(name="AsWanted", message=f"{wish} already; nothing was changed")
        return approve_and_carry_out(protected, environment, waiting)
