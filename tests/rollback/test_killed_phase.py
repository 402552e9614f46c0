"""A phase of code and replicas: killed at every point of its steps and resumed, killed and taken back, and undone when done."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kubernetes import client

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.phase_rollback import PhaseWish
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.procedures.phase import make_phase_plan
from continuity.procedures.rollback import KEEP_PLAN
from continuity.procedures.runs import RunReport
from continuity.steps.operation import perform_plainly
from tests.fixtures.killing import Kill, KillEverywhere, carry_out_here, resume_run, start_run, undo_run
from tests.rollback.conftest import GOOD, OTHER, REPLICAS, Stage

KILLED = -9
PHASE = """
[[phase]]
name = "fancy"
[phase.code]
ref = "v1"
files = ["app"]
[[phase.service]]
workload = "web"
replicas = 1
"""


@dataclass(frozen=True, kw_only=True)
class Phased:
    """A guestbook whose second release has brought a file, and needs two replicas that are kept by an autoscaler."""

    stage: Stage
    source: Path

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.source, check=True, capture_output=True, text=True).stdout

    def waiting(self) -> WaitingPlan:
        application, environment = self.stage.load()
        wish = PhaseWish(phase="fancy")
        return make_phase_plan(application, environment, wish, perform=perform_plainly, now=datetime.now(UTC))

    def plan(self) -> tuple[str, list[str]]:
        waiting, (_, environment) = self.waiting(), self.stage.load()
        perform_plainly(KEEP_PLAN, environment, waiting)
        return waiting.plan.hash, [step.name for step in waiting.plan.steps]

    def carry_out(self, waiting: WaitingPlan) -> RunReport:
        return carry_out_here(*self.stage.load(), waiting)

    def configure(self, build: str) -> None:
        """Say in the environment how this machine builds, instead of as the application does."""
        file = self.stage.seat.environment
        file.write_text(f"{file.read_text()}[release]\nbuild_command = {build}\n")

    def everything(self) -> dict[str, object]:
        scaling = client.AutoscalingV2Api(self.stage.apps.api_client)
        scaler = scaling.read_namespaced_horizontal_pod_autoscaler("web", self.stage.namespace).spec
        return {
            "image": self.stage.image(),
            "replicas": self.stage.replicas(),
            "scaler": (scaler.min_replicas, scaler.max_replicas),
            "branches": self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"),
            "status": self.git("status", "--porcelain"),
        }


@pytest.fixture
def phased(stage: Stage, tmp_path: Path) -> Phased:
    made = Phased(stage=stage, source=tmp_path / "source")
    (made.source / "app").mkdir(parents=True)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.git("config", "user.name", "Ada")
    made.git("config", "user.email", "ada@example.org")
    build = f"[ -e 'app/fancy größe.ts' ] && echo {GOOD} || echo {OTHER}\n"
    for tag, name, content in (("v1", "build.sh", build), ("v2", "app/fancy größe.ts", "2")):
        (made.source / name).write_text(content)
        (made.source / "app/plain.ts").write_text(tag)
        made.git("add", "--all")
        made.git("commit", "--quiet", "--message", tag)
        made.git("tag", tag)
    folder = tmp_path / "applications/guestbook"
    release = '[release]\nrepository = "../../source"\ntag_pattern = "v*"\nbuild_command = ["sh", "build.sh"]\n'
    (folder / "application.toml").write_text((folder / "application.toml").read_text() + release)
    (folder / "phases.toml").write_text(PHASE)
    return made


def test_killed_at_every_point_and_resumed_each_time_it_ends_as_undisturbed_and_its_undo_too(phased, tmp_path):
    before = phased.everything()
    plan, steps = phased.plan()
    everywhere = KillEverywhere(fired=tmp_path / "fired")

    while start_run(phased.stage.seat.environment, "guestbook", plan, everywhere) == KILLED:
        pass

    assert {point.rpartition(",")[0] for point in everywhere.points()} == set(steps)
    assert phased.stage.outcome() is Outcome.DONE, phased.stage.story()
    run = phased.stage.runs()[0]
    after = phased.everything()
    assert (after["image"], after["replicas"], after["scaler"]) == (OTHER, 1, (1, 1))
    assert phased.git("diff", "--name-only", "v1", f"continuity/{run}") == ""
    assert phased.git("log", "--format=%s", f"main..continuity/{run}") == "Take back phase fancy of guestbook\n"

    undo, _ = phased.stage.plan_undo()
    again = KillEverywhere(fired=tmp_path / "fired again")
    while start_run(phased.stage.seat.environment, "guestbook", undo, again) == KILLED:
        pass

    back, undone = phased.everything(), phased.stage.runs()[0]
    third, _ = phased.stage.plan_undo()
    assert start_run(phased.stage.seat.environment, "guestbook", third, None) == 0
    last = phased.everything()
    assert (last["image"], last["replicas"], last["scaler"]) == (OTHER, 1, (1, 1))
    assert {name: back[name] for name in ("image", "replicas", "scaler", "status")} == {
        "image": GOOD, "replicas": REPLICAS, "scaler": before["scaler"], "status": "",
    }  # fmt: skip
    assert phased.git("diff", "--name-only", "v2", f"continuity/{undone}") == ""
    # What was there stays where it was: each run has added one branch.
    assert set(before["branches"].splitlines()) <= set(after["branches"].splitlines()) <= set(back["branches"].splitlines())


def test_killed_and_taken_back_it_is_as_if_it_had_never_begun(phased):
    before = phased.everything()

    for step in ("commit the revert", "pin what scales web", "scale web"):
        for kill in (Kill(step=step, phase=Phase.AFTER_INTENT), Kill(step=step, phase=Phase.ACTED)):
            plan, _ = phased.plan()
            assert start_run(phased.stage.seat.environment, "guestbook", plan, kill) == KILLED
            run = phased.stage.runs()[0]
            undone = Kill(step=step, phase=Phase.BEFORE_UNDO)
            assert undo_run(phased.stage.seat.environment, "guestbook", run, undone) == KILLED
            assert resume_run(phased.stage.seat.environment, "guestbook", run, None) == 0

            assert phased.everything() == before, str(kill)


def test_a_build_that_fails_takes_the_branch_back_too(phased):
    before = phased.everything()
    phased.configure('["sh", "-c", "echo no disk left; exit 3"]')

    ended = phased.carry_out(phased.waiting()).ended

    assert ended.outcome is Outcome.UNDONE
    assert "ended with 3; it said, at last: no disk left" in ended.because
    assert phased.everything() == before


def test_without_a_build_command_the_branch_is_made_and_the_plan_says_who_deploys_it(phased):
    phased.configure("[]")

    waiting = phased.waiting()
    run = phased.carry_out(waiting).run

    assert "whoever deploys guestbook has to build and deploy it" in str(waiting.estimates.notes)
    assert phased.git("diff", "--name-only", "v1", f"continuity/{run}") == ""
    assert (phased.stage.image(), phased.stage.replicas()) == (GOOD, 1)


def test_a_checkout_in_which_somebody_is_at_work_is_refused_when_it_is_approved_too(phased):
    waiting = phased.waiting()
    (phased.source / "app/plain.ts").write_text("being written")
    before = phased.everything()

    for attempt in (phased.waiting, lambda: phased.carry_out(waiting)):
        with pytest.raises(UnsafeOperation, match="files that are not committed"):
            attempt()
    assert phased.everything() == before


def test_a_release_that_came_since_is_not_gone_back_past(phased):
    run = phased.carry_out(phased.waiting()).run
    phased.stage.deploy("busybox@sha256:" + "1".rjust(64, "0"))

    with pytest.raises(UnsafeOperation, match=f"and {run} has left {OTHER}"):
        phased.stage.plan_undo()
