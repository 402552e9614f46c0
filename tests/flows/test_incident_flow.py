"""An incident in the UI: opened by a form, told, and taken on by another form."""

from prefect.client.schemas.objects import StateType

from continuity.domain.alerts import Level
from flows.handle_incident import handle_incident
from tests.fixtures.forms import answering
from tests.fixtures.incidents import watched


def test_a_person_opens_an_incident_and_another_takes_it_on_by_a_form(prefect_server, tmp_path, monkeypatch):
    place = watched(tmp_path, wait_seconds=60)
    monkeypatch.setenv("CONTINUITY_ENVIRONMENT", str(tmp_path / "environment.toml"))

    _, state = answering(
        lambda: handle_incident("shop", title="bookings fail", level=Level.HIGH, return_state=True),
        {"decision": "I take it on", "name": "ada"},
    )

    (incident,) = dict(place.records.incidents("shop"))
    said = place.incident(incident)
    assert (state.type, state.name) == (StateType.COMPLETED, "Acknowledged"), state.message
    assert (said.acknowledged.by, said.acknowledged.via) == ("ada", "form")
    assert {each.to for each in said.told if each.delivered} == {"developer", "manager"}
    again = handle_incident("shop", incident=incident, return_state=True)
    assert again.type is StateType.COMPLETED
    assert place.incident(incident).told == said.told
    other = handle_incident("shop", incident=incident.replace("shop", "other"), return_state=True)
    assert other.type is StateType.FAILED
