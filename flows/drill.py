"""The restore drill: a recovery point is restored into a scratch database and judged."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from continuity.domain.choice import ByRule
from continuity.procedures.drill import LIST_POINTS, drill_point
from continuity.procedures.pinging import Job, pinging
from expectations.validator import Validator
from flows.artifacts import publish_drill
from flows.forms import PointId, ProtectedName
from flows.page_artifacts import publish_status
from flows.progress import Progress
from flows.protection import protecting
from tasks.performing import perform_as_task


def _run_name() -> str:
    given = flow_run.parameters
    return f"drill {given['application']} {given['point_id'] or given['point']}"


@flow(name="restore-drill", flow_run_name=_run_name, retries=0, persist_result=False)
def restore_drill(
    application: ProtectedName,
    point: ByRule = ByRule.LATEST,
    point_id: PointId = "",
    keep: bool = False,  # noqa: FBT001, FBT002 -- a form's tick box
) -> State[None]:
    """Restore a recovery point beside the live database and judge it.

    Running it again drills again: a point carries every verdict, and the newest counts.

    Args:
        application: Whose recovery point to drill.
        point: Which recovery point, by rule.
        point_id: Exactly this point instead, for example blottr-20261124T014041Z. Empty: by the rule.
        keep: Keep the restored database, to look into it. It is yours to drop.

    """
    with (
        protecting(application) as (protected, environment),
        pinging(protected, environment, Job.DRILL) as told,
        Progress(protected.name) as progress,
        Validator(parallel=environment.database.parallel) as validate,
    ):
        proof = drill_point(
            protected,
            environment,
            wanted=point_id or point,
            keep=keep,
            perform=perform_as_task,
            validate=validate,
            report=progress.report,
        )
        told.judged(proof.verdict, subject=proof.manifest.id)
        publish_status(protected, environment)
        return publish_drill(proof, perform_as_task(LIST_POINTS, protected, environment).points)
