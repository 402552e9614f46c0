"""The nightly validation: suites and rules on the live database."""

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.procedures.validation import validate_live
from expectations.validator import Validator
from flows.artifacts import publish_validation
from flows.protection import load_protected
from tasks.performing import perform_as_task


@flow(name="validate-data", flow_run_name="validate {application}", retries=0, persist_result=False)
def validate_data(application: str, database: str = "") -> State[None]:
    """Judge the application's live database, or another one of its server. Reads only, so it may run at any time."""
    protected, environment = load_protected(application)
    with Validator(parallel=environment.database.parallel) as validate:
        report = validate_live(protected, environment, database=database, perform=perform_as_task, validate=validate)
    return publish_validation(protected.name, report)
