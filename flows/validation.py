"""The nightly validation: suites and rules on the live database."""

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.procedures.pinging import Job, pinging
from continuity.procedures.validation import validate_live
from expectations.validator import Validator
from flows.artifacts import publish_validation
from flows.forms import DatabaseName, ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="validate-data", flow_run_name="validate {application}", retries=0, persist_result=False)
def validate_data(application: ProtectedName, database: DatabaseName = "") -> State[None]:
    """Judge the application's live database by its suites and rules. Reads only, so it may run at any time.

    Args:
        application: Whose data to judge.
        database: Another database of the server, such as one that a drill kept. Empty: the application's own.

    """
    with (
        protecting(application) as (protected, environment),
        pinging(protected, environment, Job.VALIDATION) as told,
        Validator(parallel=environment.database.parallel) as validate,
    ):
        report = validate_live(protected, environment, database=database, perform=perform_as_task, validate=validate)
        told.judged(report.verdict, subject=report.database)
        return publish_validation(protected.name, report)
