"""Two plans are the same when they are approved by the same hash, whether they were stored in between or not."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from continuity.domain.application import ApplicationName
from continuity.domain.plan import Plan, PlannedStep, Verb, what_changed


def a_plan(**arguments: object) -> Plan:
    step = PlannedStep(name="apply", kind="apply the manifests", target="deployments web", arguments=arguments)
    return Plan(
        application=ApplicationName("shop"),
        verb=Verb.RECOVERY,
        created=datetime(2026, 11, 24, tzinfo=UTC),
        targets={},
        steps=(step,),
    )


def stored(plan: Plan) -> Plan:
    """Return a plan as it is read back from where it was kept."""
    return replace(
        plan, steps=tuple(replace(each, arguments=json.loads(json.dumps(dict(each.arguments)))) for each in plan.steps)
    )


def test_a_plan_that_was_stored_meanwhile_is_the_same():
    plan = a_plan(adjustments={"at_zero": (), "priority": ("shop/web",)})

    assert what_changed(stored(plan), plan) == ()


def test_what_differs_is_told_and_what_only_looks_different_is_not():
    then = a_plan(adjustments={"at_zero": ()}, sha256="a")
    now = a_plan(adjustments={"at_zero": ()}, sha256="b")

    assert what_changed(stored(then), now) == ("apply: sha256 was 'a', is 'b'",)
