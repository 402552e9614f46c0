"""A directory of manifests comes about as a whole or not at all, at no traffic, wherever the run is killed."""

import json
import logging
from uuid import uuid4

import pytest
from kubernetes import client

from continuity.domain.run import EntryKind, Outcome
from continuity.engine import Phase
from continuity.journal import read_history
from continuity.steps.places import journals_of
from tests.fixtures.cluster import eventually
from tests.fixtures.killing import Kill
from tests.fixtures.model_world import RUN, Killed
from tests.fixtures.recovering import (
    PINNED,
    SECRET_WORDS,
    Recovery,
    a_deployment,
    named,
    without_objects,
    write_manifests,
)
from tests.fixtures.scripted_http import ok, scripted

GATEWAY = ("gateway.networking.k8s.io", "v1")
KILLED = -9


@pytest.fixture
def recovery(tmp_path, kubernetes_api, local_cluster):
    """Write a directory of manifests of an application that nothing is there of, which answers well."""
    namespace = f"shop-{uuid4().hex[:6]}"
    write_manifests(tmp_path / "manifests", namespace)
    with scripted(ok()) as script, without_objects(kubernetes_api, namespace):
        yield Recovery(folder=tmp_path, namespace=namespace, kubeconfig=local_cluster.kubeconfig, url=script.url)


@pytest.fixture
def core(kubernetes_api) -> client.CoreV1Api:
    return client.CoreV1Api(kubernetes_api)


@pytest.fixture
def apps(kubernetes_api) -> client.AppsV1Api:
    return client.AppsV1Api(kubernetes_api)


def weights(api, namespace: str) -> list[int]:
    route = client.CustomObjectsApi(api).get_namespaced_custom_object(*GATEWAY, namespace, "httproutes", "shop")
    return [each.get("weight") for each in route["spec"]["rules"][0]["backendRefs"]]


def is_there(core, namespace: str) -> bool:
    return namespace in {each.metadata.name for each in core.list_namespace().items if not each.metadata.deletion_timestamp}


def killing(at: str, when: Phase):
    def observe(step, phase) -> None:
        if (step.name, phase) == (at, when):
            raise Killed

    return observe


def test_killed_at_every_point_the_application_stands_and_is_given_all_traffic(recovery, kubernetes_api, apps, core, caplog):
    caplog.set_level(logging.DEBUG)
    steps = [*recovery.deploying(), *recovery.shifting()]
    recovery.begin(steps)

    for step in steps:
        with pytest.raises(Killed):
            recovery.engine(observe=killing(step.name, Phase.AFTER_INTENT)).carry_out()
        if step.name in {"apply the configuration", "shift traffic to 50 %"}:
            assert recovery.kill(Kill(step=step.name, phase=Phase.AFTER_INTENT, in_effect=True)) == KILLED
            continue
        with pytest.raises(Killed):
            recovery.engine(observe=killing(step.name, Phase.ACTED)).carry_out()
        if step.name == "apply the routes":
            assert weights(kubernetes_api, recovery.namespace) == [0, 100]
    ended = recovery.engine().carry_out()

    assert ended.outcome is Outcome.DONE, ended.because
    entries = read_history(journals_of(recovery.world().environment), RUN).entries
    assert [each.step for each in entries if each.kind is EntryKind.DONE] == [step.name for step in steps]
    web = apps.read_namespaced_deployment("web", recovery.namespace)
    assert web.spec.template.spec.containers[0].image == PINNED
    assert web.status.ready_replicas == 1
    assert weights(kubernetes_api, recovery.namespace) == [100, 0]
    journaled = b"".join(path.read_bytes() for path in (recovery.folder / "vault").rglob("*") if path.is_file())
    assert b"settings" in journaled
    assert SECRET_WORDS.encode() not in journaled
    assert SECRET_WORDS not in caplog.text


def test_taken_back_nothing_of_it_is_left_but_the_namespace_and_the_definition(recovery, kubernetes_api, apps, core):
    steps = recovery.deploying()
    recovery.begin(steps)
    with pytest.raises(Killed):
        recovery.engine(observe=killing(steps[-1].name, Phase.ACTED)).carry_out()

    assert recovery.engine().take_back().outcome is Outcome.UNDONE

    assert not apps.list_namespaced_deployment(recovery.namespace).items
    assert not core.list_namespaced_config_map(recovery.namespace).items
    assert not core.list_namespaced_secret(recovery.namespace).items
    eventually(lambda: not core.list_namespaced_pod(recovery.namespace).items)
    assert is_there(core, recovery.namespace)


def test_what_was_there_before_and_was_changed_is_named_when_the_run_is_taken_back(recovery, core):
    core.create_namespace({"metadata": {"name": recovery.namespace}})
    core.create_namespaced_config_map(recovery.namespace, {"metadata": {"name": "settings"}, "data": {"MODE": "old"}})
    core.create_namespaced_config_map(recovery.namespace, {"metadata": {"name": "others"}, "data": {"kept": "1"}})
    steps = recovery.deploying(force=True)
    recovery.begin(steps)
    with pytest.raises(Killed):
        recovery.engine(observe=killing("apply the workloads", Phase.BEFORE_INTENT)).carry_out()

    ended = recovery.engine().take_back()

    assert ended.outcome is Outcome.UNDO_INCOMPLETE
    assert f"ConfigMap {recovery.namespace}/settings was there before, was changed, and stays so" in ended.because
    left = {each.metadata.name: each.data for each in core.list_namespaced_config_map(recovery.namespace).items}
    assert left == {"settings": {"MODE": "new"}, "others": {"kept": "1"}}


def test_nothing_is_applied_where_anything_would_be_refused(recovery, core):
    """The last object of the last wave is wrong, and one in the middle is somebody else's."""
    core.create_namespace({"metadata": {"name": recovery.namespace}})
    somebody = {"field_manager": "kubectl", "_content_type": "application/apply-patch+yaml"}
    theirs = named("ConfigMap", "settings", recovery.namespace, data={"MODE": "theirs"})
    core.patch_namespaced_config_map("settings", recovery.namespace, theirs, **somebody)
    wrong = a_deployment("wrong", recovery.namespace)
    wrong["spec"]["template"]["spec"]["containers"] = []
    (recovery.directory / "wrong.json").write_text(json.dumps(wrong))
    recovery.begin(recovery.deploying())

    ended = recovery.engine().carry_out()

    assert ended.outcome is Outcome.UNDONE
    assert 'conflict with "kubectl": .data.MODE' in ended.error.detail
    assert 'Deployment "wrong" is invalid: spec.template.spec.containers: Required value' in ended.error.detail
    assert [each.metadata.name for each in core.list_namespaced_config_map(recovery.namespace).items] == ["settings"]
    assert core.read_namespaced_config_map("settings", recovery.namespace).data == {"MODE": "theirs"}


def test_manifests_that_have_changed_since_the_plan_are_refused(recovery, core):
    recovery.begin(recovery.deploying())
    (recovery.directory / "more.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: y}}")

    ended = recovery.engine().carry_out()

    assert "are others than the plan was made for" in ended.because
    assert not is_there(core, recovery.namespace)
