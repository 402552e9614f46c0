from datetime import timedelta

from continuity.domain.application import ApplicationName, Objectives
from continuity.domain.figures import AlertCounts, count_alerts, figures_of
from continuity.domain.status import assess
from continuity.domain.verdict import Judgement
from tests.fixtures.point_builders import NOW, make_drill, make_manifest, make_point

SHOP = ApplicationName("shop")
NONE = AlertCounts(accepted=0, pending=0)


def figures(points, **more):
    status = assess(points, Objectives(), damaged=0, open_runs=more.pop("open_runs", ()), now=NOW)
    return figures_of(SHOP, status, points, **{"damaged": 0, "runs_known": True, "alerts": NONE} | more)


def alert(action: str, *noted: str) -> tuple[str, frozenset[str]]:
    return f"shop-{action}-alert-20261123T191515Z-3f2a9c0d4b5e6f70", frozenset(noted)


def test_the_newest_point_and_the_last_proven_one_are_told_apart():
    proven = make_point(age=timedelta(hours=3))
    newest = make_point(judgement=Judgement.UNFAITHFUL, age=timedelta(hours=1), size_bytes=7)
    seen = figures([newest, proven])

    assert (seen.points, seen.usable) == (2, 1)
    assert seen.proven_created == proven.manifest.created
    assert (seen.newest.verdict, seen.newest.manifest.stored_bytes) == ("unfaithful", 7)


def test_the_last_drill_is_the_one_that_ended_last_whichever_point_it_was_of():
    old = make_manifest(age=timedelta(days=9))
    again = make_drill(old, Judgement.NOT_PROVEN, finished=NOW)
    seen = figures([make_point(age=timedelta(hours=3)), make_point(age=timedelta(days=9), drills=[again])])

    assert (seen.last_drill.judgement, seen.last_drill.finished) == (Judgement.NOT_PROVEN, NOW)


def test_what_is_not_known_is_none_and_never_nothing():
    seen = figures([], runs_known=False)

    assert (seen.proven_created, seen.newest, seen.last_drill, seen.predicted, seen.open_runs) == (None,) * 5


def test_an_alert_is_pending_until_what_it_asked_for_is_noted():
    assert count_alerts([alert("rollback"), alert("drill", "begun"), alert("hold", "begun")]) == AlertCounts(
        accepted=3, pending=2
    )
    over = [alert("rollback", "begun", "withdrawn"), alert("rollback", "withdrawn", "called-off"), alert("backup", "withdrawn")]
    assert count_alerts(over) == AlertCounts(accepted=3, pending=2)
