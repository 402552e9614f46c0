"""A rollback that an alert has started: approved by the alert where its route says so, and by nobody once it is over."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Timer

import pytest
from prefect.client.schemas.objects import StateType

from continuity.adapters.alert_records import AlertRecords
from continuity.domain.alerts import AcceptedAlert, Action, AlertId, ApprovalRule, HoldDone, Level, Source, Switch, Withdrawn
from continuity.errors import ConfigurationRefused
from continuity.procedures.alert_runs import approval_of, open_alert
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from flows.rollback import emergency_rollback
from tests.fixtures.forms import answering


def accepted(application, number: int, **changes) -> AcceptedAlert:
    now = datetime.now(UTC)
    given = {
        "id": AlertId(f"{application}-rollback-alert-20261124T0100{number:02}Z-0123456789abcdef"),
        "application": application, "environment": "test", "source": Source.ALERTMANAGER, "alert": "Corrupt",
        "fingerprint": "f", "started": now, "action": Action.ROLLBACK, "level": Level.CRITICAL,
        "approval": ApprovalRule.AUTOMATIC, "hold": False, "maximum_age": timedelta(minutes=30),
        "accepted": now, "because": "its route says so",
    }  # fmt: skip
    return AcceptedAlert(**given | changes)


@pytest.fixture
def alerted(place, prefect_server, monkeypatch):
    """Give a damaged guestbook with a proven point, its records, and the environment that flows read."""
    monkeypatch.setenv("CONTINUITY_ENVIRONMENT", str(place.environment))
    _, environment = place.load()
    return place, AlertRecords(journals_of(environment))


def test_an_alert_that_needs_nobody_rolls_back_once_and_one_that_is_over_changes_nothing(alerted):
    place, records = alerted
    application, environment = place.load()
    first, over = accepted(application.name, 1), accepted(application.name, 2)
    for each in (first, over):
        assert records.accept(each)
    records.note(Withdrawn(alert=over.id, at=datetime.now(UTC)))
    before = place.server()

    refused = emergency_rollback("guestbook", alert=over.id, return_state=True)

    assert refused.type is StateType.FAILED
    assert "is over since" in refused.message
    assert place.server() == before

    _, state = answering(
        lambda: emergency_rollback("guestbook", alert=first.id, return_state=True), {"verdict": "not looked yet"}
    )

    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert place.spoilt() == 0
    again = make_plan(application, environment, RollbackWish(), perform=perform_plainly, now=datetime.now(UTC)).plan
    assert approval_of(environment, first, again) is None


def test_an_alert_approves_the_latest_point_of_everything_while_it_may_and_nothing_else(place):
    application, environment = place.load()
    records = AlertRecords(journals_of(environment))
    alert = accepted(application.name, 1)
    records.accept(alert)
    plan = place.waiting().plan
    narrower = replace(plan, options={**plan.options, "scope": "database"})
    aged = replace(alert, accepted=datetime.now(UTC) - timedelta(minutes=31))

    assert approval_of(environment, alert, narrower) is None
    assert approval_of(environment, aged, plan) is None
    assert approval_of(environment, replace(alert, approval=ApprovalRule.PERSON), plan) is None
    records.turn_switch(application.name, Switch(on=False, by="ada", because="x", at=datetime.now(UTC)))
    assert approval_of(environment, alert, plan) is None
    records.turn_switch(application.name, Switch(on=True, by="ada", because="x", at=datetime.now(UTC)))
    assert approval_of(environment, alert, plan).by == f"alert {alert.id}"
    assert approval_of(environment, alert, plan).plan == plan.hash


def test_a_run_that_names_an_alert_which_asked_for_something_else_is_refused(place):
    application, environment = place.load()
    records = AlertRecords(journals_of(environment))
    drill = accepted(application.name, 3, action=Action.DRILL)
    records.accept(drill)

    for name in (drill.id, "guestbook-rollback-alert-20261124T010009Z-0123456789abcdef", "nonsense"):
        with pytest.raises(ConfigurationRefused, match=r"no accepted alert|is not the id"):
            open_alert(environment, application.name, name)
    records.accept(other := accepted("shop", 4))
    with pytest.raises(ConfigurationRefused, match="no accepted alert"):
        open_alert(environment, application.name, other.id)


def test_a_plan_is_made_after_the_hold_that_its_alert_has_asked_for(place):
    application, environment = place.load()
    records = AlertRecords(journals_of(environment))
    records.accept(alert := accepted(application.name, 5, hold=True))
    held = HoldDone(alert=alert.id, at=datetime.now(UTC), run="guestbook-hold-20261124T010000Z-0123")
    Timer(0.7, records.note, [held]).start()

    began = time.monotonic()
    opened = open_alert(environment, application.name, alert.id)

    assert opened == alert
    assert time.monotonic() - began > 0.5
    assert records.noted(alert.id, HoldDone) == held
