"""Switching a feature by its flag: a ConfigMap that pods read when they start, or a table; undone to the byte."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kubernetes import client

from continuity.adapters.approvals import find_plan
from continuity.adapters.cluster_flags import change_flag
from continuity.domain.application import FlagSource
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.procedures.feature import FeatureWish, make_feature_plan
from continuity.procedures.rollback import KEEP_PLAN
from continuity.steps.flag_places import observe_flags
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from tests.fixtures.cluster import eventually, make_deployment
from tests.fixtures.fault_proxy import Fault
from tests.fixtures.killing import Kill, KillEverywhere, carry_out_here, resume_run, start_run, undo_run
from tests.rollback.conftest import GOOD, Stage

KILLED = -9
FLAG = 'the "new desk", 100 % it\'s'
RESTARTED = "kubectl.kubernetes.io/restartedAt"
RULES = '{"if": [{"var": "staff"}, "yes", "no"]}'
DOCUMENT = f"""{{ "flags" : {{
  "other": {{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"on"}},
  {json.dumps(FLAG)}: {{"variants": {{"yes": true, "no": false}}, "defaultVariant":   "yes", "state": "ENABLED"}},
  "byRules": {{"variants": {{"yes": true, "no": false}}, "defaultVariant": "yes", "targeting": {RULES}, "state": "ENABLED"}},
  "colour": {{"variants": {{"red": "#f00"}}, "defaultVariant": "red", "state": "ENABLED"}}
}} }}
"""
OFF = DOCUMENT.replace('"defaultVariant":   "yes"', '"defaultVariant":   "no"')
OTHER_OFF = '"off":false},"defaultVariant":"off"'


class Desk(Stage):
    """A guestbook whose pod reads its flags from a ConfigMap when it starts."""

    def document(self) -> str:
        return self.flags()["flags.json"]

    def write(self, document: str) -> None:
        self.core.patch_namespaced_config_map("flags", self.namespace, {"data": {"flags.json": document}})

    def word(self) -> str | None:
        return (self.deployment().spec.template.metadata.annotations or {}).get(RESTARTED)

    def pod(self) -> str:
        [pod] = [each for each in self.pods() if each.metadata.deletion_timestamp is None]
        return pod.metadata.uid

    def as_it_is(self) -> tuple[str, str | None]:
        return self.document(), self.word()

    def plan_feature(self, flag: str = FLAG, *, on: bool = False, restart: bool = True) -> tuple[str, list[str]]:
        application, environment = self.load()
        wish = FeatureWish(flag=flag, on=on, restart=restart)
        waiting = make_feature_plan(application, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
        perform_plainly(KEEP_PLAN, environment, waiting)
        return waiting.plan.hash, [step.name for step in waiting.plan.steps]

    def switch_watched(self, observe):
        application, environment = self.load()
        wish = FeatureWish(flag=FLAG, on=False)
        waiting = make_feature_plan(application, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
        return carry_out_here(application, environment, waiting, watched=observe)


@pytest.fixture
def desk(at_terminal, tmp_path: Path, local_cluster, kubernetes_api, namespace) -> Desk:
    core, apps = client.CoreV1Api(kubernetes_api), client.AppsV1Api(kubernetes_api)
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "flags"}, "data": {"flags.json": DOCUMENT, "kept": "1"}})
    flags = {"name": "FLAGS", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "flags.json"}}}
    apps.create_namespaced_deployment(namespace, make_deployment("web", image=GOOD, grace_seconds=1, env=[flags]))
    seat = at_terminal("guestbook")
    described = tmp_path / "applications/guestbook/application.toml"
    described.write_text(
        f"{described.read_text()}"
        f'[[workload]]\nname = "web"\nnamespace = "{namespace}"\ncontainers = ["app"]\n'
        f'[flags]\nconfig_map = "flags"\nnamespace = "{namespace}"\n'
    )
    seat.environment.write_text(seat.environment.read_text() + f'[cluster]\nkubeconfig = "{local_cluster.kubeconfig}"\n')
    made = Desk(seat=seat, namespace=namespace, apps=apps, core=core)
    made.ready()
    return made


def test_a_feature_is_switched_off_at_once_its_pods_started_anew_and_undone_to_the_byte(desk):
    before = desk.pod()

    said = desk.json("feature", "guestbook", FLAG, "off", "--yes")

    assert said["outcome"] == "done"
    assert desk.document() == OFF
    assert desk.pod() != before
    [line] = said["seen"]
    assert line.endswith(f"has {FLAG} off, started after the change")
    assert desk.json("feature", "guestbook", FLAG, "off", "--yes") == {"flag": FLAG, "on": False, "changed": False}

    desk.write(desk.document().replace('"off":false},"defaultVariant":"on"', OTHER_OFF))
    # The database is away: nothing of this needs it.
    desk.seat.environment.write_text(
        re.sub(r'dsn = "[^"]+"', 'dsn = "host=127.0.0.1 port=1"', kept := desk.seat.environment.read_text())
    )
    plan = desk.json("undo", said["run"])["plan"]
    off_pod = desk.pod()
    undone = desk.json("undo", said["run"], "--approve", plan["hash"])

    assert undone["outcome"] == "done"
    assert desk.document() == DOCUMENT.replace('"off":false},"defaultVariant":"on"', OTHER_OFF)
    assert desk.pod() != off_pod
    assert [step["name"] for step in undone["steps"]] == [
        f"put {FLAG} back",
        "restart web",
        "wait for the rollout of web",
        f"see who has {FLAG}",
    ]
    desk.seat.environment.write_text(kept)
    again, _ = desk.plan_undo()
    assert start_run(desk.seat.environment, "guestbook", again, None) == 0
    assert desk.document() == OFF.replace('"off":false},"defaultVariant":"on"', OTHER_OFF)


def test_the_plan_alone_changes_nothing_and_without_a_restart_it_is_told_which_pods_keep_what_they_have_read(desk):
    pod = desk.pod()
    plan = desk.json("feature", "guestbook", "byRules", "off", "--no-restart")["plan"]
    assert desk.as_it_is() == (DOCUMENT, None)
    assert "set aside until this is undone" in plan["steps"][0]["target"]

    said = desk.json("feature", "guestbook", "byRules", "off", "--approve", plan["hash"], code=4)

    assert [step["name"] for step in said["steps"]] == ["set byRules off", "see who has byRules"]
    assert desk.document() == DOCUMENT.replace(RULES, "{}").replace('"defaultVariant": "yes"', '"defaultVariant": "no"')
    assert desk.pod() == pod
    assert said["noted"][0].endswith("still has what was before byRules off, until it is restarted")


def test_what_cannot_be_switched_is_refused_and_nothing_is_changed(desk):
    unknown = desk.json("feature", "guestbook", "othr", "off", "--yes", code=2)
    assert (unknown["error"], unknown["hint"]) == (
        "no flag 'othr', did you mean 'other'?",
        f"Known: other, {FLAG}, byRules, colour.",
    )
    with pytest.raises(UnsafeOperation, match="cannot be switched off"):
        desk.plan_feature("colour")
    with pytest.raises(UnsafeOperation, match="targeting rules"):
        desk.plan_feature("byRules", on=True)
    desk.apps.patch_namespaced_deployment("web", desk.namespace, {"spec": {"paused": True}})
    with pytest.raises(UnsafeOperation, match="is paused"):
        desk.plan_feature()
    assert desk.plan_feature(restart=False)[1] == [f"set {FLAG} off", f"see who has {FLAG}"]
    desk.apps.patch_namespaced_deployment("web", desk.namespace, {"spec": {"paused": False}})
    assert desk.as_it_is() == (DOCUMENT, None)

    application, environment = desk.load()
    kept = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "desk"}}}
    desk.core.patch_namespaced_config_map("flags", desk.namespace, kept)
    assert observe_flags(application, environment).notes == (
        f"Argo CD keeps configmap {desk.namespace}/flags, and may write its own version over it",
    )
    plan, _ = desk.plan_feature()
    desk.write(OFF)
    with pytest.raises(UnsafeOperation, match="the world has changed"):
        carry_out_here(application, environment, find_plan(journals_of(environment), application.name, plan))
    assert desk.as_it_is() == (OFF, None)


def test_a_flag_that_somebody_else_changes_meanwhile_is_theirs_and_another_flag_no_conflict(desk):
    def meddle(step, phase) -> None:
        if (step.kind, phase) == ("set a flag", Phase.AFTER_INTENT):
            desk.write(DOCUMENT.replace('"off":false},"defaultVariant":"on"', OTHER_OFF))

    assert desk.switch_watched(meddle).ended.outcome is Outcome.DONE
    assert desk.document() == OFF.replace('"off":false},"defaultVariant":"on"', OTHER_OFF)

    theirs = DOCUMENT.replace('"defaultVariant":   "yes"', '"defaultVariant":   null')
    desk.write(DOCUMENT)

    def take(step, phase) -> None:
        if (step.kind, phase) == ("set a flag", Phase.AFTER_INTENT):
            desk.write(theirs)

    report = desk.switch_watched(take)
    assert report.ended.outcome is Outcome.UNDONE
    assert "changed by somebody else" in report.ended.because
    assert desk.document() == theirs


def test_a_conflict_is_settled_by_reading_again_and_a_lost_answer_by_looking(shaky_cluster, cluster_proxy, desk):
    source = FlagSource(namespace=desk.namespace, config_map="flags")
    uid = desk.core.read_namespaced_config_map("flags", desk.namespace).metadata.uid
    flag = json.dumps(json.loads(DOCUMENT)["flags"][FLAG])
    off = flag.replace('"defaultVariant": "yes"', '"defaultVariant": "no"')
    cluster_proxy.add(Fault(match="PATCH /api/v1", status=409, times=2))

    change_flag(shaky_cluster, source, uid=uid, flag=FLAG, expected=flag, wanted=off)

    assert json.loads(desk.document()) == json.loads(OFF)
    with pytest.raises(UnsafeOperation, match="changed by somebody else"):
        change_flag(shaky_cluster, source, uid=uid, flag=FLAG, expected="true", wanted=flag)


def test_killed_at_every_point_and_resumed_it_ends_as_undisturbed(desk, tmp_path):
    plan, steps = desk.plan_feature()
    everywhere = KillEverywhere(fired=tmp_path / "fired")

    processes = 0
    while start_run(desk.seat.environment, "guestbook", plan, everywhere) == KILLED:
        processes += 1

    assert processes > 3 * len(steps), desk.story()
    assert desk.document() == OFF
    assert desk.outcome() is Outcome.DONE


def test_killed_at_every_point_and_undone_it_is_as_if_it_had_never_begun(desk):
    _, steps = desk.plan_feature()
    points = [Kill(step=step, phase=phase) for step in steps[:3] for phase in (Phase.AFTER_INTENT, Phase.DONE)]
    for kill in [*points, Kill(step=steps[0], phase=Phase.ACTED), Kill(step=steps[1], phase=Phase.ACTED)]:
        plan, _ = desk.plan_feature()
        assert start_run(desk.seat.environment, "guestbook", plan, kill) == KILLED, str(kill)
        rolled_out = desk.pod() if (kill.step, kill.phase) == (steps[2], Phase.DONE) else ""

        assert undo_run(desk.seat.environment, "guestbook", desk.runs()[0], None) == 0

        assert desk.as_it_is() == (DOCUMENT, None), str(kill)
        assert desk.pod() != rolled_out, str(kill)

    # A pod that has started by itself in between has read the flag that is put back: it is replaced.
    plan, _ = desk.plan_feature()
    assert start_run(desk.seat.environment, "guestbook", plan, Kill(step=steps[0], phase=Phase.ACTED)) == KILLED
    former = desk.pod()
    desk.core.delete_namespaced_pod(desk.pods()[0].metadata.name, desk.namespace, grace_period_seconds=0)
    eventually(lambda: [pod.metadata.uid for pod in desk.pods()] not in ([], [former]))
    between = desk.pod()
    assert undo_run(desk.seat.environment, "guestbook", desk.runs()[0], None) == 0
    assert desk.document() == DOCUMENT
    assert desk.pod() != between
    word = desk.word()

    plan, _ = desk.plan_feature()
    assert start_run(desk.seat.environment, "guestbook", plan, Kill(step=steps[1], phase=Phase.DONE)) == KILLED
    run = desk.runs()[0]
    assert undo_run(desk.seat.environment, "guestbook", run, Kill(step=steps[0], phase=Phase.BEFORE_UNDO)) == KILLED
    assert resume_run(desk.seat.environment, "guestbook", run, None) == 0
    assert desk.as_it_is() == (DOCUMENT, word)
