"""The emergency rollback: plan, approval by a person, every step a task, and a report from the journal."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.domain.rollback import Order, Scope
from continuity.procedures.alert_runs import open_alert
from continuity.procedures.rollback import RollbackWish, make_plan
from flows.carrying import approve_and_carry_out
from flows.forms import AlertRun, Moment, PointOrLatest, ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="emergency-rollback", flow_run_name="roll back {application}", retries=0, persist_result=False)
def emergency_rollback(
    application: ProtectedName,
    point: PointOrLatest = "latest",
    before: Moment = "",
    scope: Scope = Scope.EVERYTHING,
    order: Order = Order.STOP_FIRST,
    alert: AlertRun = "",
) -> State[None]:
    """Go back to a proven point: latest, or the latest before a moment (2026-11-24T03:00:00+01:00), or an id.

    Running it again makes a new plan: what an earlier run has done is in the plan's identities, and the journal excludes a
    second run.

    Args:
        application: What to roll back. Nothing is done before a person has approved the plan.
        point: The latest proven point, or one by its id, for example blottr-20261124T014041Z.
        before: Only points from before this moment, for example 2026-11-24T03:00:00+01:00; without a zone it is UTC.
        scope: What goes back: all of it, only the application, or only the database.
        order: Stop the application before the database is restored, or only for the swap, which keeps it up for longer.
        alert: Filled in by the receiver of alerts: the accepted alert for which this run was started. Leave it empty.

    """
    with protecting(application) as (protected, environment):
        wish = RollbackWish.written(point=point, before=before, scope=scope, order=order)
        accepted = open_alert(environment, protected.name, alert) if alert else None
        waiting = make_plan(protected, environment, wish, perform=perform_as_task, now=datetime.now(UTC))
        return approve_and_carry_out(protected, environment, waiting, accepted)
