"""How long a recovery would take today is predicted from what was measured, and what was not counts by its whole budget."""

from dataclasses import replace
from datetime import timedelta

from continuity.domain.application import Objectives
from continuity.domain.recovery_time import predict_recovery
from continuity.domain.stages import BUDGETS, Stage
from continuity.domain.status import assess
from tests.fixtures.point_builders import NOW, make_point


def predicted(points, measured=(), **place):
    place = {"uses_cluster": False, "builds_infrastructure": False} | place
    return predict_recovery(points, dict(measured), **place)


def test_the_database_takes_as_long_as_its_drill_and_longer_when_it_has_grown():
    drilled, grown = make_point(age=timedelta(hours=24)), make_point(judgement=None)
    small = predicted([drilled], {Stage.VALIDATION: 10})
    factor = 3
    newest = replace(grown, manifest=replace(grown.manifest, database_bytes=drilled.manifest.database_bytes * factor))
    larger = predicted([drilled, newest], {Stage.VALIDATION: 10})

    assert small.seconds == drilled.last_drill.seconds + 10
    assert larger.seconds == drilled.last_drill.seconds * factor + 10
    assert "3.00 times the size" in str(larger)


def test_a_largest_table_that_has_outgrown_the_rest_decides():
    drilled, grown = make_point(age=timedelta(hours=24)), make_point(judgement=None)
    largest = max(drilled.manifest.tables, key=lambda table: table.rows)
    tables = (*(each for each in drilled.manifest.tables if each is not largest), replace(largest, rows=largest.rows * 4))

    found = predicted([drilled, replace(grown, manifest=replace(grown.manifest, tables=tables))])

    assert found.seconds == drilled.last_drill.seconds * 4


def test_a_stage_that_nothing_has_measured_counts_by_its_whole_budget_and_is_named():
    found = predicted([make_point()], {Stage.VALIDATION: 10}, uses_cluster=True, builds_infrastructure=True)

    assert found.unmeasured == (Stage.INFRASTRUCTURE, Stage.DEPLOYMENT, Stage.TRAFFIC)
    budgets = sum(BUDGETS[stage].total_seconds() for stage in found.unmeasured)
    assert found.total_seconds == found.seconds + budgets
    assert "not measured yet: infrastructure, deployment, traffic" in str(found)


def test_nothing_is_predicted_while_nothing_is_proven():
    assert predicted([make_point(judgement=None)]) is None


def test_a_prediction_past_the_objective_is_said_today():
    found = predicted([make_point()], {Stage.VALIDATION: 7200})
    objectives = Objectives(recovery_time=timedelta(hours=1))

    status = assess([make_point()], objectives, damaged=0, prediction=found, now=NOW)

    assert not status.recovery_time_met
    assert any(each.startswith("a recovery would take about 2 h") and "may take 1 h" in each for each in status.to_look)
