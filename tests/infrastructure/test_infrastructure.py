"""Infrastructure is planned, judged and applied by a real terraform: nothing that holds data is ever deleted or replaced."""

import hashlib
import json
import logging
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from continuity.errors import Busy, ConfigurationRefused, InfrastructureError, UnsafeOperation
from continuity.steps.infrastructure import APPLY, observe_infrastructure
from continuity.steps.preconditions.infrastructure import check_infrastructure
from continuity.steps.step import Probe
from tests.fixtures.http_states import http_states
from tests.fixtures.killing import _SERVER
from tests.fixtures.terraform_places import needs_terraform

pytestmark = needs_terraform

SAMPLE = Path(__file__).parents[2] / "applications/blottr/terraform"
THREE = """
variable "size" {
  default = "small"
}
resource "terraform_data" "database" {
  input            = "data"
  triggers_replace = [var.size]
}
resource "terraform_data" "queue" {
  input = var.size
}
resource "terraform_data" "application" {
  input = terraform_data.database.id
}
output "database_host" {
  value = "db.internal"
}
"""
SLOW = """
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  input = terraform_data.first.id
  provisioner "local-exec" {
    command = "touch started; n=0; while ! test -e go && test $n -lt 600; do n=$((n+1)); sleep 0.05; done"
  }
}
"""


def let_go(infrastructure, what: str = "locked by") -> None:
    """Let the slow object be made, once somebody is told that the lock is waited for."""
    if "locked by" in what:
        (infrastructure.directory / "go").touch()


def started(infrastructure) -> None:
    until = time.monotonic() + 20
    while not (infrastructure.directory / "started").exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_sample_is_planned_applied_and_read_and_its_secret_stands_nowhere(infrastructure, monkeypatch, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    shutil.copytree(SAMPLE, infrastructure.directory, dirs_exist_ok=True)
    infrastructure.set(var_file=infrastructure.directory / "disaster-recovery.tfvars")
    infrastructure.protect("terraform_data.database", "terraform_data.media")
    monkeypatch.setenv("TF_VAR_application_password", "hunter2-canary")

    plan = infrastructure.observe()
    planned = infrastructure.plan()
    file = next(infrastructure.work.glob("*.plan"))
    assert planned["plan_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert oct(file.stat().st_mode)[-3:] == "600"
    facts = infrastructure.intend()
    assert APPLY.probe(infrastructure.world, facts) is Probe.NOT_DONE
    applied = infrastructure.apply(facts)
    outputs = infrastructure.outputs()

    assert str(plan) == "3 to create"
    assert applied["applied_sha256"] == planned["plan_sha256"]
    assert APPLY.probe(infrastructure.world, facts) is Probe.DONE
    assert not list(infrastructure.work.glob("*.plan"))
    assert outputs["outputs"] == {
        "cluster": "recovery",
        "database_host": "localhost",
        "database_port": 5432,
        "media_bucket": "blottr-media-bucket",
    }
    assert outputs["sensitive outputs"] == ["application_password"]
    told = [json.dumps([infrastructure.arguments, *infrastructure.world.done.values()], default=str), caplog.text]
    told += [path.read_text() for path in infrastructure.work.glob("*.jsonl")]
    assert "hunter2-canary" not in "".join(told)
    assert infrastructure.observe().empty


@pytest.mark.parametrize(
    ("change", "address"),
    [
        (
            lambda text: text.replace("var.size]", '"large"]'),
            "replace terraform_data.database: triggers_replace cannot change in place",
        ),
        (
            lambda text: text.replace('"database" {', '"renamed" {').replace(".database.", ".renamed."),
            "delete terraform_data.database",
        ),
    ],
    ids=["replace", "delete"],
)
def test_a_plan_that_would_delete_or_replace_what_is_protected_is_refused_by_address(infrastructure, change, address):
    infrastructure.write(THREE)
    infrastructure.protect("terraform_data.database")
    infrastructure.make()
    before = infrastructure.terraform("state", "pull")
    infrastructure.write(change(THREE))

    with pytest.raises(UnsafeOperation, match=address):
        infrastructure.observe()
    with pytest.raises(UnsafeOperation, match=r"the application protects terraform_data\.database"):
        infrastructure.plan()

    assert infrastructure.terraform("state", "pull") == before
    assert not list(infrastructure.work.glob("*.plan"))


def test_what_differs_from_the_approved_plan_is_refused(infrastructure):
    infrastructure.write(THREE)
    infrastructure.observe()
    infrastructure.write(THREE.replace('"small"', '"huge"') + 'resource "terraform_data" "more" {}')

    with pytest.raises(UnsafeOperation, match="the infrastructure's plan is not the one that was approved: ") as refused:
        infrastructure.plan()

    said = [refused.value.message.rpartition("approved: ")[2], *refused.value.detail.splitlines()]
    assert said == [
        "terraform_data.database: triggers_replace would become something else",
        "create terraform_data.more was not part of it",
        "terraform_data.queue: input would become something else",
    ]
    assert infrastructure.addresses() == []


def test_a_held_lock_is_waited_for_and_its_holder_named_and_it_is_still_held_afterwards(infrastructure):
    infrastructure.write(SLOW)
    infrastructure.observe()
    infrastructure.terraform("plan", "-out=other.plan")
    said = []
    with infrastructure.terraform("apply", "-auto-approve", "other.plan", wait=False) as other:
        started(infrastructure)
        with pytest.raises(Busy, match=r"terraform's state is locked by .+@.+ since 20.+ \(apply, lock [0-9a-f-]{36}\)") as busy:
            infrastructure.observe()
        assert "force-unlock" in busy.value.hint
        assert other.poll() is None

        infrastructure.set(lock_wait_seconds=30)
        world = infrastructure.world

        def report(what, *_):
            said.append(what)
            let_go(infrastructure, what)

        plan = observe_infrastructure(world.application, world.environment, report)

    assert "the state is locked by" in said[0]
    assert other.returncode == 0
    assert plan.empty


def _apply(world, facts, variables) -> None:
    os.environ.update(variables)
    APPLY.do(world, facts)


@pytest.mark.parametrize("whom", ["terraform", "only us"])
def test_after_a_kill_what_is_left_of_the_approved_plan_is_planned_again_and_applied(infrastructure, whom):
    """Terraform goes on where only we were killed, and is waited for: its output is a file, so nothing of it breaks."""
    infrastructure.write(SLOW)
    infrastructure.set(lock_wait_seconds=30)
    infrastructure.observe()
    infrastructure.plan()
    facts = infrastructure.intend()
    if whom == "only us":
        variables = {name: value for name, value in os.environ.items() if name.startswith("TF_")}
        killed = _SERVER.Process(target=_apply, args=(infrastructure.world, facts, variables), daemon=True)
        killed.start()
    else:
        killed = infrastructure.terraform("apply", "-auto-approve", str(next(infrastructure.work.glob("*.plan"))), wait=False)
    started(infrastructure)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join() if whom == "only us" else killed.wait()
    assert APPLY.probe(infrastructure.world, facts) is Probe.NOT_DONE
    if whom == "terraform":
        let_go(infrastructure)
    infrastructure.world = replace(infrastructure.world, report=lambda what, *_: let_go(infrastructure, what))

    applied = infrastructure.apply(facts)

    assert infrastructure.addresses() == ["terraform_data.first", "terraform_data.slow"]
    assert applied["applied_sha256"] != facts["plan_sha256"]
    left = "1 to create" if whom == "terraform" else "nothing to change"
    assert applied["noted"][0] == f"what was left to do was planned again: {left}"
    assert APPLY.probe(infrastructure.world, facts) is Probe.DONE


def test_a_plan_file_that_is_not_the_planned_one_is_never_applied(infrastructure):
    infrastructure.write(THREE)
    infrastructure.observe()
    infrastructure.plan()
    facts = infrastructure.intend()
    file = next(infrastructure.work.glob("*.plan"))
    infrastructure.write(THREE + 'resource "terraform_data" "smuggled" {}')
    infrastructure.terraform("plan", f"-out={file}")

    with pytest.raises(UnsafeOperation, match=r"create terraform_data\.smuggled was not part of it"):
        infrastructure.apply(facts)

    assert infrastructure.addresses() == []


def test_the_state_of_another_account_is_refused(infrastructure, monkeypatch, tmp_path):
    infrastructure.write(THREE)
    infrastructure.make()
    infrastructure.write(THREE + 'resource "terraform_data" "more" {}')
    infrastructure.observe()
    monkeypatch.setenv("TF_CLI_ARGS_init", f"-backend-config=path={tmp_path / 'state/other.tfstate'}")

    with pytest.raises(UnsafeOperation, match=r"the infrastructure's state is gone, and .+ was planned for"):
        infrastructure.plan()


def test_a_condition_that_does_not_hold_is_told_by_its_address_and_nothing_is_made(infrastructure):
    infrastructure.write(
        """
variable "gigabytes" {
  default = 1
}
resource "terraform_data" "database" {
  lifecycle {
    precondition {
      condition     = var.gigabytes > 100
      error_message = "postgres://app:hunter2@db is too small"
    }
  }
}
"""
    )

    with pytest.raises(InfrastructureError, match=r"could not plan: Resource precondition failed") as failed:
        infrastructure.observe()

    assert "hunter2" not in str(vars(failed.value))
    assert infrastructure.addresses() == []


def test_an_apply_that_fails_half_way_names_what_failed_and_keeps_what_was_made(infrastructure):
    infrastructure.write(SLOW.replace("touch started;", "exit 7;"))
    infrastructure.observe()
    infrastructure.plan()

    with pytest.raises(InfrastructureError, match=r"could not apply: local-exec provisioner error \(terraform_data.slow\)"):
        infrastructure.apply()

    assert infrastructure.addresses() == ["terraform_data.first", "terraform_data.slow"]
    assert not list(infrastructure.work.glob("*.plan"))
    with pytest.raises(UnsafeOperation, match=r"replace terraform_data\.slow: replace because tainted was: create"):
        infrastructure.plan()
    (infrastructure.work / f"{infrastructure.world.run}.plan").write_text("left by a kill")
    APPLY.undo(infrastructure.world, infrastructure.intend())
    assert not list(infrastructure.work.glob("*.plan"))
    assert infrastructure.addresses() == ["terraform_data.first", "terraform_data.slow"]


def test_a_state_that_the_backend_does_not_take_is_saved_to_the_vault_and_stands_in_the_way(infrastructure, monkeypatch):
    monkeypatch.delenv("TF_CLI_ARGS_init")
    infrastructure.write(THREE)
    (infrastructure.directory / "main.tf").write_text(THREE + 'terraform {\n  backend "http" {}\n}\n')
    with http_states() as states:
        for name, value in {
            "ADDRESS": states.url,
            "LOCK_ADDRESS": states.url,
            "UNLOCK_ADDRESS": states.url,
            "RETRY_MAX": "0",
        }.items():
            monkeypatch.setenv(f"TF_HTTP_{name}", value)
        infrastructure.observe()
        infrastructure.plan()
        states.refuse_writes = True

        with pytest.raises(InfrastructureError, match="was not taken by its backend") as failed:
            infrastructure.apply()

        left = infrastructure.directory / "errored.tfstate"
        [saved] = infrastructure.vault.rglob("errored-*.tfstate.zst")
        assert str(saved.relative_to(infrastructure.vault)) in failed.value.message
        assert _unpacked(saved) == left.read_bytes()
        with pytest.raises(ConfigurationRefused, match="state of an earlier apply"):
            infrastructure.observe()

        states.refuse_writes = False
        infrastructure.terraform("state", "push", "errored.tfstate")
        left.unlink()
        assert infrastructure.observe().empty


def _unpacked(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())


def test_a_look_tells_whether_it_is_ready_and_what_is_in_the_way(infrastructure):
    infrastructure.write(THREE)

    def look():
        world = infrastructure.world
        return {each.name: each for each in check_infrastructure(world.application, world.environment)}

    assert look()["infrastructure"].detail.endswith("is ready: no state yet")
    assert look()["terraform"].passed
    assert "not pinned" in look()["providers"].detail
    (infrastructure.directory / "errored.tfstate").write_text("{}")

    assert "state of an earlier apply" in look()["infrastructure"].detail
    assert not look()["infrastructure"].passed


def test_arguments_of_terraform_that_come_from_outside_are_refused_or_dropped(infrastructure, monkeypatch, caplog):
    infrastructure.write(THREE)
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-destroy")
    assert str(infrastructure.observe()) == "3 to create"
    assert "TF_CLI_ARGS_plan" in caplog.text
    monkeypatch.setenv("TF_CLI_ARGS_init", "-migrate-state")

    with pytest.raises(ConfigurationRefused, match="TF_CLI_ARGS_init"):
        infrastructure.observe()
