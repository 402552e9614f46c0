"""What becomes of accepted alerts: their flow runs in a real Prefect, made once and never lost, and the immediate hold."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from psycopg.conninfo import conninfo_to_dict

from continuity.adapters.alert_records import AlertRecords
from continuity.adapters.directory_vault import DirectoryVault
from continuity.domain.alerts import (
    AcceptedAlert,
    Action,
    AlertId,
    ApprovalRule,
    Begun,
    CalledOff,
    HoldDone,
    Level,
    Source,
    Withdrawn,
)
from continuity.domain.application import ApplicationName
from continuity.errors import ContinuityError
from continuity.settings import PrefectSection
from deployments.offers import definitions
from deployments.receiving.residents import Resident
from deployments.receiving.starting import DEPLOYMENTS, call_off, start_run
from deployments.serving import register
from tests.fixtures.cluster import eventually
from tests.fixtures.receivers import Place, firing, group

NOBODY = "http://127.0.0.1:1/api"
SHOP = ApplicationName("shop")


@pytest.fixture
def records(tmp_path) -> AlertRecords:
    (tmp_path / "vault").mkdir()
    return AlertRecords(DirectoryVault(tmp_path / "vault"))


@pytest.fixture(scope="module")
def api_url(prefect_server) -> str:
    register(definitions(["shop"]), api_url=prefect_server.api_url)
    return prefect_server.api_url


def accepted(number: int, action: Action = Action.ROLLBACK, **changes) -> AcceptedAlert:
    now = datetime.now(UTC)
    given = {
        "id": AlertId(f"shop-{action}-alert-{now:%Y%m%dT%H%M%SZ}-{number:016x}"),
        "application": SHOP, "environment": "test", "source": Source.GENERIC, "alert": "Corrupt",
        "fingerprint": "{{ 7*7 }}", "started": now, "action": action, "level": Level.CRITICAL,
        "approval": ApprovalRule.PERSON, "hold": False, "maximum_age": timedelta(minutes=30),
        "accepted": now, "because": "its route says so", "summary": "{{ 7*7 }}",
    }  # fmt: skip
    return AcceptedAlert(**given | changes)


def flow_run(begun: Begun):
    with get_client(sync_client=True) as client:
        return client.read_flow_run(begun.flow_run)


def test_an_alert_has_one_flow_run_which_knows_its_id_and_nothing_else(api_url, records):
    alert, drill = accepted(1), accepted(1, Action.DRILL)

    first, again = (start_run(alert, records, prefect=PrefectSection(api_url=api_url)) for _ in range(2))
    elsewhere = start_run(accepted(1, environment="staging"), records, prefect=PrefectSection(api_url=api_url))
    drilled = start_run(drill, records, prefect=PrefectSection(api_url=api_url))

    assert first.flow_run == again.flow_run
    assert len({first.flow_run, elsewhere.flow_run, drilled.flow_run}) == 3
    assert flow_run(first).parameters == {"application": "shop", "alert": alert.id}
    assert flow_run(first).idempotency_key == f"test/emergency-rollback/shop-rollback/rollback/{alert.id}"
    assert flow_run(drilled).parameters == {"application": "shop"}


def test_the_run_of_an_alert_that_is_over_is_cancelled_while_it_waits_and_never_made_afterwards(api_url, records):
    waiting, late = accepted(2), accepted(3)
    for each in (waiting, late):
        records.accept(each)
    with pytest.raises(ContinuityError, match="its run is being made"):
        call_off(waiting, records, prefect=PrefectSection(api_url=api_url))
    begun = start_run(waiting, records, prefect=PrefectSection(api_url=api_url))
    records.note(begun)
    for each in (waiting, late):
        records.note(Withdrawn(alert=each.id, at=datetime.now(UTC)))

    called_off = call_off(waiting, records, prefect=PrefectSection(api_url=api_url))

    assert called_off.because.endswith("is cancelled")
    assert flow_run(begun).state_type in {StateType.CANCELLED, StateType.CANCELLING}
    begun_late = start_run(late, records, prefect=PrefectSection(api_url=api_url))
    assert begun_late.because == "the alert was over before its run was made"


def test_with_prefect_down_a_run_is_made_later_by_whoever_lives_and_once(api_url, records):
    down = [True]
    alerts = [accepted(number, Action.VALIDATE, level=level) for number, level in enumerate(Level)]
    tried: list[str] = []

    def act(alert: AcceptedAlert) -> Begun:
        tried.append(alert.level)
        return start_run(alert, records, prefect=PrefectSection(api_url=NOBODY if down[0] else api_url))

    def resident() -> Resident:
        return Resident(records, [SHOP], outcome=Begun, actions=DEPLOYMENTS, act=act, look_seconds=0.5)

    first = resident()
    first.start()
    for alert in reversed(alerts[1:]):
        records.accept(alert)
        first.hand(alert)
    eventually(lambda: len(tried) >= 6)
    first.stop(10)
    assert not any(records.noted(alert.id, Begun) for alert in alerts)
    records.accept(alerts[0])  # by a receiver that was killed before it could act

    down[0] = False
    tried.clear()
    others = resident(), resident()
    for each in others:
        each.start()
    eventually(lambda: all(records.noted(alert.id, Begun) for alert in alerts), seconds=40)
    for each in others:
        each.stop(10)

    assert tried[0] == Level.CRITICAL
    assert len({records.noted(alert.id, Begun).flow_run for alert in alerts}) == len(alerts)


HOLD_ROUTE = """
[[alert]]
name = "DatabaseCorruption"
action = "hold"
severity = "critical"
"""


def is_open(dsn: str) -> bool:
    name = conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(dsn, dbname="postgres") as session:
        return session.execute("select datallowconn from pg_database where datname = %s", [name]).fetchone()[0]


def test_an_alert_that_asks_for_a_hold_stops_the_application_at_once_without_prefect_and_once(protect, tmp_path, receive):
    protected = protect("guestbook")
    database = str(conninfo_to_dict(protected.dsn)["dbname"])
    place = Place(folder=tmp_path / "alerts", names=("guestbook",), dsn=protected.dsn, database=database, routes=HOLD_ROUTE)
    receiver = receive(place)
    alert = {"application": "guestbook", "started": datetime.now(UTC) - timedelta(minutes=1)}
    assert is_open(protected.dsn)

    answers = [receiver.alertmanager(group(firing(**alert))) for _ in range(3)]
    eventually(lambda: not is_open(protected.dsn))
    (name,) = place.accepted("guestbook")
    hold = eventually(lambda: place.records.noted(AlertId(name), HoldDone))
    over = receiver.alertmanager(group(firing(status="resolved", **alert)))

    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert (hold.run[:15], hold.because) == ("guestbook-hold-", "")
    assert over.json()["counts"] == {"withdrawn": 1}
    assert not is_open(protected.dsn)
    assert place.records.noted(AlertId(name), CalledOff) is None
