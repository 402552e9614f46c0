"""The nightly backup: a recovery point, proven at once by a drill."""

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.procedures.backup import take_backup
from continuity.procedures.drill import LIST_POINTS, drill_point
from continuity.procedures.pinging import Job, pinging
from expectations.validator import Validator
from flows.artifacts import publish_backup, publish_drill
from flows.forms import ProtectedName
from flows.page_artifacts import publish_status
from flows.progress import Progress
from flows.protection import protecting, scheduled_moment
from tasks.performing import perform_as_task


@flow(name="nightly-backup", flow_run_name="back up {application}", retries=0, persist_result=False)
def nightly_backup(application: ProtectedName, drill: bool = True) -> State[None]:  # noqa: FBT001, FBT002 -- a form's tick box
    """Make a recovery point of an application, restore it beside the live database, and judge it.

    Running it again for the same scheduled time finds the point that is there and drills it.

    Args:
        application: Which application to back up.
        drill: Restore the new point at once, and judge it. Without it, the point is stored but not proven.

    """
    with (
        protecting(application) as (protected, environment),
        pinging(protected, environment, Job.BACKUP) as told,
        Progress(protected.name) as progress,
    ):
        made = take_backup(protected, environment, created=scheduled_moment(), perform=perform_as_task, report=progress.report)
        stored, told.said = publish_backup(made), f"stored: {made.manifest.id}"
        if not drill:
            return stored
        with Validator(parallel=environment.database.parallel) as validate:
            proof = drill_point(
                protected,
                environment,
                wanted=made.manifest.id,
                perform=perform_as_task,
                validate=validate,
                report=progress.report,
            )
        told.judged(proof.verdict, subject=made.manifest.id)
        publish_status(protected, environment)
        return publish_drill(proof, perform_as_task(LIST_POINTS, protected, environment).points)
