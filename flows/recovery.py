"""Disaster recovery: look at the empty place, plan, approval by a person, every step a task, traffic last."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.domain.given_out import GivenOut
from continuity.domain.moments import read_moment
from continuity.procedures.recovery import RecoveryWish, make_recovery_plan
from flows.carrying import approve_and_carry_out
from flows.forms import HowMany, Moment, PointOrLatest, ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="disaster-recovery", flow_run_name="recover {application}", retries=0, persist_result=False)
def disaster_recovery(
    application: ProtectedName,
    point: PointOrLatest = "latest",
    before: Moment = "",
    old_primary_gone: str = "",
    bump_sequences: HowMany = 0,
    revoke_sessions: bool = False,  # noqa: FBT001, FBT002 -- a form's tick box
) -> State[None]:
    """Stand an application up again in an empty place, from the vault alone.

    Running it again makes a new plan, and goes on with the open run where it comes out the same.

    Args:
        application: What to recover. Nothing is done before a person has approved the plan.
        point: The latest proven point, or one by its id, for example blottr-20261124T014041Z.
        before: Only points from before this moment, for example 2026-11-24T03:00:00+01:00; without a zone it is UTC.
        old_primary_gone: The application's name, if the old server does not answer and you made sure that it cannot come back.
        bump_sequences: So many values each sequence that feeds a column passes by, so that no id is given out a second time.
        revoke_sessions: Sign everybody out: what `[sessions] revoke` of application.toml names is emptied.

    """
    with protecting(application) as (protected, environment):
        wish = RecoveryWish(
            point=point.strip() or "latest",
            before=read_moment(before),
            old_primary_gone=old_primary_gone,
            given_out=GivenOut(values=bump_sequences, sessions=revoke_sessions),
        )
        waiting = make_recovery_plan(protected, environment, wish, perform=perform_as_task, now=datetime.now(UTC))
        return approve_and_carry_out(protected, environment, waiting)
