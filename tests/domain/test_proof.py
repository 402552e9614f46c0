"""What proves that an application works is planned from what its owner has described, and every step only looks."""

from dataclasses import replace
from pathlib import Path

from continuity.adapters.application_files import load_application
from continuity.domain.proof import plan_health, plan_proof, proof_steps
from continuity.domain.stages import Stage
from continuity.steps.kinds import kinds_of_steps
from tests.fixtures.model_world import a_world

URL = "http://127.0.0.1:8080"
POINT = {"point": "blottr-20261124T030000Z", "dump_sha256": "0" * 64}


def blottr():
    return load_application(Path(__file__).parents[2] / "applications", "blottr")


def test_every_planned_step_is_of_a_kind_that_only_looks():
    kinds = kinds_of_steps(lambda *_: None, lambda *_: None)

    steps = (plan_health(blottr(), URL), *plan_proof(blottr(), url=URL, point=POINT))

    assert all(kinds[step.kind].observes and kinds[step.kind].undo is None for step in steps)
    assert len({step.name for step in steps}) == len(steps)


def test_the_stages_follow_each_other_and_logs_are_gathered_after_the_tests():
    steps = plan_proof(blottr(), url=URL, point=POINT)

    stages = [step.stage for step in steps]
    assert stages == sorted(stages, key=list(Stage).index)
    names = [step.name for step in steps]
    assert names.index("gather pods and logs") > max(
        number for number, step in enumerate(steps) if step.kind == "run a test" and step.stage is Stage.VALIDATION
    )


def test_a_test_that_has_become_another_makes_another_plan():
    application = blottr()
    [first, *rest] = application.tests
    other = replace(application, tests=(replace(first, deadline_seconds=1.5), *rest))

    assert plan_proof(application, url=URL, point=POINT) != plan_proof(other, url=URL, point=POINT)


def test_without_an_address_only_the_data_is_looked_at_and_without_a_point_not_even_that():
    assert {step.kind for step in plan_proof(blottr(), url="", point=POINT)} == {
        "validate the live database",
        "compare database and media",
        "gather pods and logs",
        "compare query times",
    }
    assert plan_proof(a_world().application, url="", point=None) == ()


def test_an_application_that_describes_no_health_is_not_asked_at_the_address_of_another():
    guestbook = load_application(Path(__file__).parents[2] / "applications", "guestbook")

    assert {step.kind for step in proof_steps(guestbook, URL, POINT)} == {"validate the live database", "compare query times"}
    assert proof_steps(blottr(), URL, POINT)[0].kind == "check health"
