"""Retention: recovery points expire by the application's policy, each with its reason."""

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.procedures.expiry import expire
from flows.artifacts import publish_expiry
from flows.protection import load_protected
from tasks.performing import perform_as_task


@flow(name="expire-points", flow_run_name="expire points of {application}", retries=0, persist_result=False)
def expire_points(application: str, carry_out: bool = False, allow_many: bool = False) -> State[None]:  # noqa: FBT001, FBT002 -- a form's tick boxes
    """Say which recovery points the policy lets go and, with "carry out" ticked, remove them.

    Running it again finishes what a killed run has begun, and lets nothing more go at the same moment.
    """
    protected, environment = load_protected(application)
    report = expire(
        protected, environment, carry_out=carry_out, allow_many=allow_many, by="expire-points", perform=perform_as_task
    )
    return publish_expiry(protected.name, report)
