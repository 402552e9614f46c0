"""What an alert leads to, and why: routes, age, cooldown, switch, dry run, and the breaker of automatic rollbacks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from continuity.domain.alerts import (
    AcceptedAlert,
    Action,
    Alert,
    AlertId,
    ApprovalRule,
    Level,
    Route,
    Source,
    Switch,
    alert_id,
    place_of,
)
from continuity.domain.application import ApplicationName
from continuity.domain.routing import Turn, Turns, decide, in_order, may_approve, routes_for
from continuity.errors import ConfigurationRefused

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SHOP = ApplicationName("shop")
ALERT = Alert(
    source=Source.ALERTMANAGER,
    name="Corrupt",
    firing=True,
    fingerprint="f",
    started=NOW - timedelta(minutes=2),
    labels={"application": "shop", "table": "orders"},
)
ROUTE = Route(
    application=SHOP,
    alert="Corrupt",
    labels={"application": "shop"},
    action=Action.ROLLBACK,
    level=Level.CRITICAL,
    approval=ApprovalRule.AUTOMATIC,
    cooldown=timedelta(hours=1),
    maximum_age=timedelta(minutes=30),
)
ID = alert_id(ALERT, ROUTE, environment="test")
OTHER = AlertId("shop-rollback-alert-20261124T010000Z-0000000000000000")
OFF = Switch(on=False, by="ada", because="a migration runs", at=NOW)


def decision(alert=ALERT, route=ROUTE, *, turns: Turns | None = None, switch=None, dry_run=False):
    turns = turns or Turns()
    return decide(alert, route, ID, switch=switch, turns=turns, dry_run=dry_run, now=NOW)


def turned(minutes_ago: float, *, by: AlertId = OTHER, automatic: bool = False) -> Turns:
    return Turns().taken(Action.ROLLBACK, Turn(alert=by, at=NOW - timedelta(minutes=minutes_ago)), automatic=automatic)


def test_a_fresh_alert_starts_what_its_route_says():
    decided = decision()

    assert (decided.starts, decided.approval) == (True, ApprovalRule.AUTOMATIC)
    assert decided.because == "route 'Corrupt' of shop says rollback"


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"alert": replace(ALERT, started=NOW - timedelta(minutes=31))}, "firing for 31 min, its route takes 30 min"),
        ({"alert": replace(ALERT, started=NOW + timedelta(minutes=6))}, "is to come"),
        ({"switch": OFF}, "ada has switched alerts off: a migration runs"),
        ({"turns": turned(59)}, f"{OTHER} led to rollback less than 60 min ago"),
        ({"dry_run": True}, "dry run: it would start rollback"),
    ],
)
def test_an_alert_that_must_start_nothing_says_why(changes, because):
    decided = decision(**changes)

    assert not decided.starts
    assert because in decided.because


def test_the_cooldown_ends_and_never_holds_an_alert_back_by_itself():
    assert decision(turns=turned(61)).starts
    assert decision(turns=turned(1, by=ID)).starts
    assert decision(route=replace(ROUTE, action=Action.DRILL), turns=turned(1)).starts


def test_the_second_automatic_rollback_of_a_day_waits_for_a_person():
    decided = decision(turns=turned(23 * 60, automatic=True))
    after = decision(turns=turned(24 * 60, automatic=True))

    assert (decided.starts, decided.approval) == (True, ApprovalRule.PERSON)
    assert "a person has to approve it" in decided.because
    assert after.approval is ApprovalRule.AUTOMATIC


def test_a_rollback_that_a_person_approves_does_not_trip_the_breaker():
    assert decision(turns=turned(120)).approval is ApprovalRule.AUTOMATIC


def test_labels_can_only_keep_an_alert_from_a_route():
    other = replace(ROUTE, application=ApplicationName("forum"), labels={"application": "forum"})
    narrow = replace(ROUTE, labels={"application": "shop", "table": "users"}, action=Action.DRILL)

    assert routes_for(ALERT, [other, narrow, ROUTE]) == ((ROUTE,), "")
    assert routes_for(replace(ALERT, labels={}), [other])[1].endswith("ask for: application=forum")
    assert routes_for(replace(ALERT, name="Unknown"), [ROUTE])[1] == "no application has a route for an alert of this name"


def test_the_first_route_that_fits_decides_for_its_application():
    broad = replace(ROUTE, labels={}, action=Action.NONE)

    assert routes_for(ALERT, [ROUTE, broad])[0] == (ROUTE,)
    assert routes_for(ALERT, [broad, ROUTE])[0] == (broad,)


def test_an_alert_is_known_by_who_sent_it_which_outbreak_it_is_where_and_what_it_leads_to():
    ids = {
        ID,
        alert_id(replace(ALERT, source=Source.GRAFANA), ROUTE, environment="test"),
        alert_id(replace(ALERT, fingerprint="g"), ROUTE, environment="test"),
        alert_id(replace(ALERT, started=ALERT.started + timedelta(microseconds=1)), ROUTE, environment="test"),
        alert_id(ALERT, replace(ROUTE, application=ApplicationName("forum")), environment="test"),
        alert_id(ALERT, replace(ROUTE, action=Action.DRILL), environment="test"),
        alert_id(ALERT, ROUTE, environment="production"),
    }

    assert len(ids) == 7
    assert alert_id(replace(ALERT, labels={}, summary="now worse", firing=False), ROUTE, environment="test") == ID
    assert place_of(ID) == ("shop", "20261124")


@pytest.mark.parametrize("text", ["", "shop", f"{ID}/../x", f"{ID}\n", "shop-rollback-alert-20261124T010000Z-00000000000000g0"])
def test_what_is_no_id_names_no_place(text):
    with pytest.raises(ConfigurationRefused, match="is not the id of an accepted alert"):
        place_of(text)


def accepted(**changes) -> AcceptedAlert:
    given = {
        "id": ID, "application": SHOP, "environment": "test", "source": Source.ALERTMANAGER, "alert": "Corrupt",
        "fingerprint": "f", "started": ALERT.started, "action": Action.ROLLBACK, "level": Level.CRITICAL,
        "approval": ApprovalRule.AUTOMATIC, "hold": False, "maximum_age": timedelta(minutes=30),
        "accepted": NOW, "because": "its route says so",
    }  # fmt: skip
    return AcceptedAlert(**given | changes)


def test_an_alert_counts_as_an_approval_only_while_it_is_fresh_and_may():
    def may(of=None, *, switch=None, after=timedelta(0)):
        return may_approve(of or accepted(), switch=switch, now=NOW + after)[0]

    assert may()
    assert may(after=timedelta(minutes=30))
    assert not may(after=timedelta(minutes=31))
    assert not may(switch=OFF)
    assert not may(accepted(approval=ApprovalRule.PERSON))


def test_what_matters_most_is_begun_first_and_then_the_oldest():
    low, old, new = accepted(level=Level.LOW), accepted(accepted=NOW - timedelta(minutes=1)), accepted()

    assert in_order([low, new, old]) == [old, new, low]
