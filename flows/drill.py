"""The restore drill: a recovery point is restored into a scratch database and judged."""

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.procedures.drill import LIST_POINTS, drill_point
from expectations.validator import Validator
from flows.artifacts import publish_drill
from flows.protection import load_protected
from tasks.performing import perform_as_task


@flow(name="restore-drill", flow_run_name="drill {application} {point}", retries=0, persist_result=False)
def restore_drill(application: str, point: str = "latest", keep: bool = False) -> State[None]:  # noqa: FBT001, FBT002 -- a form's tick box
    """Restore a point (latest, oldest, random, due or an id) beside the live database and judge it.

    Running it again drills again: a point carries every verdict, and the newest counts.
    """
    protected, environment = load_protected(application)
    with Validator(parallel=environment.database.parallel) as validate:
        proof = drill_point(protected, environment, wanted=point, keep=keep, perform=perform_as_task, validate=validate)
    return publish_drill(proof, perform_as_task(LIST_POINTS, protected, environment).points)
