"""Retention: recovery points expire by the application's policy, each with its reason."""

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.domain.expiry_reports import expiry_line
from continuity.procedures.expiry import expire
from continuity.procedures.pinging import Job, pinging
from flows.artifacts import publish_expiry
from flows.forms import ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="expire-points", flow_run_name="expire points of {application}", retries=0, persist_result=False)
def expire_points(
    application: ProtectedName,
    carry_out: bool = False,  # noqa: FBT001, FBT002 -- a form's tick box
    allow_many: bool = False,  # noqa: FBT001, FBT002 -- as above
) -> State[None]:
    """Say which recovery points the policy lets go and, with "carry out" ticked, remove them.

    Running it again finishes what a killed run has begun, and lets nothing more go at the same moment.

    Args:
        application: Whose recovery points are looked at.
        carry_out: Remove what the policy lets go. Without it, nothing is changed.
        allow_many: Go on where so many points would go at once that it looks like a mistake.

    """
    with protecting(application) as (protected, environment), pinging(protected, environment, Job.EXPIRY) as told:
        report = expire(
            protected, environment, carry_out=carry_out, allow_many=allow_many, by="expire-points", perform=perform_as_task
        )
        told.said = expiry_line(report.decisions, carried_out=report.carried_out)
        return publish_expiry(protected.name, report)
