"""The rehearsal of a disaster recovery: everything in a scratch place, timed like the real thing, and cleared away."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.procedures.recovery import RecoveryWish, rehearse
from continuity.procedures.telling import KEEP_REPORT
from expectations.validator import Validator
from flows.escalation import telling_in_prefect
from flows.forms import PointOrLatest, ProtectedName
from flows.page_artifacts import publish_status
from flows.protection import protecting
from flows.run_artifacts import publish_run
from tasks.performing import perform_as_task
from tasks.running import task_hands


@flow(name="recovery-rehearsal", flow_run_name="rehearse the recovery of {application}", retries=0, persist_result=False)
def rehearse_recovery(application: ProtectedName, point: PointOrLatest = "latest") -> State[None]:
    """Recover an application into a scratch place, time every stage, and clear all of it away.

    Running it again rehearses again. It excludes no rollback: it touches nothing of the application.

    Args:
        application: Whose recovery to rehearse.
        point: The latest proven point, or one by its id, for example blottr-20261124T014041Z.

    """
    with (
        protecting(application) as (protected, environment),
        Validator(parallel=environment.database.parallel) as validator,
    ):
        report = rehearse(
            protected,
            environment,
            RecoveryWish(point=point.strip() or "latest", rehearsal=True),
            perform=perform_as_task,
            hands=task_hands(environment, validator, over_budget=telling_in_prefect(protected.name)),
            now=datetime.now(UTC),
        )
        perform_as_task(KEEP_REPORT, environment, report)
        publish_status(protected, environment)
        return publish_run(report)
