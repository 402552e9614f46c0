"""An incident: people are told and asked in turn, until somebody takes it on, here by a form, by the address or a command."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from continuity.domain.alerts import Level
from continuity.domain.incident import Chain
from continuity.domain.incidents import State as Standing
from continuity.procedures.escalating import ESCALATE
from continuity.procedures.incidents import FIND, OPEN_BY_HAND, WrittenIncident
from flows.acknowledgement import await_acknowledgement
from flows.forms import IncidentOrNone, ProtectedName, Words
from flows.incident_artifacts import publish_incident
from flows.protection import protecting
from tasks.performing import perform_as_task


def _run_name() -> str:
    given = flow_run.parameters
    return f"incident of {given['application']}: {given['title'] or given['incident']}"


@flow(name="handle-incident", flow_run_name=_run_name, retries=0, persist_result=False)
def handle_incident(
    application: ProtectedName,
    incident: IncidentOrNone = "",
    title: Words = "",
    level: Level = Level.HIGH,
    chain: Chain = Chain.TECHNICAL,
    summary: Words = "",
) -> State[None]:
    """Tell people of an incident and ask one after the other to take it on; opens it first, unless one is named.

    Running it again for the same incident tells nobody twice: each message is taken in the vault before it is sent, whoever
    sends it. The receiver of alerts sends too, and goes on where this run has ended.

    Args:
        application: Whose incident it is.
        incident: One that is open already, for example blottr-incident-20261124T030000Z-3f2a9c0d4b5e6f70.
        title: Of a new one: what is wrong, in a line.
        level: How bad it is; people.toml says who is told, and by when.
        chain: Along whom it is escalated until somebody takes it on.
        summary: What is known of it so far.

    """
    with protecting(application) as (protected, environment):
        said = WrittenIncident(title=title, level=level, chain=chain, summary=summary, by="form")
        known = incident or perform_as_task(OPEN_BY_HAND, environment, protected.name, said)
        while (found := perform_as_task(FIND, environment, protected.name, known)).state is Standing.OPEN:
            publish_incident(found)
            due = perform_as_task(ESCALATE, environment, found.id)
            await_acknowledgement(found, environment, until=due, now=datetime.now(UTC))
        perform_as_task(ESCALATE, environment, found.id)
        publish_incident(found)
        return Completed(name=found.state.value.title(), message=f"{found.id} is {found.state.value}")
