"""Which plans of infrastructure may be carried out, and what of a new plan is part of an approved one."""

import json

import pytest

from continuity.adapters.terraform_documents import errors_in, read_outputs, read_plan, read_state_identity
from continuity.domain.infrastructure import (
    Action,
    Change,
    InfrastructurePlan,
    StateIdentity,
    change_facts,
    changes_of,
    decide,
    infrastructure_steps,
    left_of,
)
from continuity.errors import InfrastructureError

STATE = StateIdentity(lineage="5feaa217", serial=3)


def change(address="aws_sqs_queue.jobs", action=Action.UPDATE, **facts):
    return Change(address=address, type=address.rpartition(".")[0].rpartition(".")[2], action=action, **facts)


def plan_of(*changes, drift=()):
    return InfrastructurePlan(sha256="0" * 64, state=STATE, changes=changes, drift=drift)


@pytest.mark.parametrize(
    ("address", "action", "refused"),
    [
        ("aws_db_instance.main", Action.DELETE, True),
        ("module.data.aws_db_instance.main", Action.REPLACE, True),
        ("google_storage_bucket.media", Action.REPLACE, True),
        ("azurerm_managed_disk.data", Action.DELETE, True),
        ("aws_db_instance.main", Action.UPDATE, False),
        ("aws_db_instance.main", Action.CREATE, False),
        ("aws_db_instance.main", Action.FORGET, False),
        ("aws_sqs_queue.jobs", Action.DELETE, False),
        ("aws_sqs_queue.jobs", Action.UNKNOWN, True),
        ("aws_sns_topic.listed", Action.DELETE, True),
        ("terraform_data.kept", Action.REPLACE, True),
        ("terraform_data.kept[0]", Action.DELETE, True),
        ("terraform_data.kept_not", Action.DELETE, False),
        ("module.vault.random_password.x", Action.DELETE, True),
    ],
)
def test_what_holds_data_is_never_deleted_or_replaced(address, action, refused):
    decision = decide(plan_of(change(address, action)), ["aws_sns_topic", "terraform_data.kept", "module.vault"])

    assert bool(decision.refused) is refused
    assert all(address in str(each) for each in decision.refused)


def test_a_left_over_of_a_protected_object_is_protected_too():
    [refused] = decide(plan_of(change("aws_db_instance.main", Action.DELETE, deposed="4f2a")), ()).refused

    assert str(refused) == "delete aws_db_instance.main (left over 4f2a); objects of type aws_db_instance are protected"


def test_drift_and_what_is_let_go_are_told():
    decision = decide(
        plan_of(change("aws_s3_bucket.old", Action.FORGET), drift=[change("aws_db_instance.main", Action.DELETE)]), ()
    )

    assert decision.noted == (
        "drift: aws_db_instance.main was changed outside of terraform (delete)",
        "forget aws_s3_bucket.old: it stays, and terraform knows it no more",
    )


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ((), ""),
        ((change("a.first", Action.CREATE),), ""),
        ((change("a.second", Action.UPDATE, attributes={"size": "11", "id": "22"}),), ""),
        ((change("a.second", Action.UPDATE, attributes={"size": "99", "id": ""}),), "a.second: size would become something else"),
        ((change("a.second", Action.UPDATE, attributes={"color": "1"}),), "a.second: color would become something else"),
        ((change("a.first", Action.REPLACE),), "replace a.first was: create"),
        ((change("a.third", Action.CREATE),), "create a.third was not part of it"),
    ],
    ids=["nothing", "a part", "known by now", "another value", "another attribute", "another action", "another object"],
)
def test_a_part_of_the_approved_plan_is_it_and_nothing_else_is(now, said):
    approved = changes_of(
        json.loads(
            json.dumps(
                change_facts(
                    [change("a.first", Action.CREATE), change("a.second", Action.UPDATE, attributes={"size": "11", "id": ""})]
                )
            )
        )
    )

    assert "; ".join(left_of(approved, now)) == said


def test_the_steps_are_bound_to_the_state_and_every_change_and_not_to_the_file():
    plan = plan_of(change("aws_sqs_queue.jobs", Action.CREATE))
    again = InfrastructurePlan(sha256="1" * 64, state=StateIdentity(lineage="5feaa217", serial=3), changes=plan.changes)

    steps = infrastructure_steps(plan, workspace="recovery")

    assert steps == infrastructure_steps(again, workspace="recovery")
    assert [step.name for step in steps] == ["plan the infrastructure", "apply the infrastructure", "read the infrastructure"]
    assert "what is made stays" in steps[1].target


def document(**changes):
    change = {"actions": ["update"], "before": {"a": 1, "s": 1}, "after": {"a": 2, "s": 2}, "after_sensitive": {"s": True}}
    resource = {"address": "x.y", "type": "x", "change": change | {"after_unknown": {"id": True}}}
    return json.dumps({"format_version": "1.2", "complete": True, "resource_changes": [resource]} | changes)


def test_values_leave_a_plan_as_digests_and_sensitive_and_unknown_ones_not_at_all():
    [change] = read_plan("Warning: deprecated\n" + document(), sha256="0", state=STATE).changes

    assert change.attributes["a"]
    assert (change.attributes["s"], change.attributes["id"]) == ("", "")


@pytest.mark.parametrize(
    "text", ["", "{}", document(format_version="2.0"), document(errored=True), document(complete=False), "not JSON"]
)
def test_a_plan_that_is_not_understood_or_not_complete_is_refused(text):
    with pytest.raises(InfrastructureError):
        read_plan(text, sha256="0", state=STATE)


def test_a_lock_is_told_by_what_terraform_says_of_it():
    detail = "Error message: locked\nLock Info:\n  ID:        1-2\n  Operation: OperationTypeApply\n  Who:       ada@here\n"
    event = {"diagnostic": {"severity": "error", "summary": "Error acquiring the state lock", "detail": detail}}

    [error] = errors_in("half a li\n" + json.dumps(event))

    assert str(error.lock) == "ada@here since an unknown time (apply, lock 1-2)"


def test_what_cannot_be_read_is_never_quoted():
    for read, text in ((read_state_identity, '{"serial": "hunter2"}'), (read_outputs, '{"a": "hunter2"}')):
        with pytest.raises(InfrastructureError) as failed:
            read(text)
        assert "hunter2" not in str(failed.value)
        assert failed.value.__cause__ is None
