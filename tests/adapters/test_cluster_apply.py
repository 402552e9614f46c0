"""Manifests are tried by the server before any is kept; refusals name objects and managers, and never what is secret."""

import traceback
from pathlib import Path
from uuid import uuid4

import pytest
from kubernetes import client

from continuity.adapters.application_files import load_application
from continuity.adapters.cluster_apply import Applier, Found
from continuity.adapters.manifest_files import read_manifests
from continuity.domain.deployment import Adjustments, arranged, manifest_steps, quiet_route
from continuity.domain.manifests import Manifest
from continuity.errors import ClusterError, FieldConflict, UnsafeOperation
from tests.fixtures.cluster import eventually
from tests.fixtures.fault_proxy import Fault
from tests.fixtures.recovering import SECRET_WORDS, a_definition, named

ROOT = Path(__file__).parents[2]
KUBECTL = {"field_manager": "kubectl", "_content_type": "application/apply-patch+yaml"}


@pytest.fixture
def core(kubernetes_api) -> client.CoreV1Api:
    return client.CoreV1Api(kubernetes_api)


def manifest(content: dict) -> Manifest:
    metadata = content["metadata"]
    return Manifest(
        api_version=content["apiVersion"],
        kind=content["kind"],
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        content=content,
        source="app.yaml, document 1",
    )


def settings(namespace: str, **data: str) -> Manifest:
    return manifest(named("ConfigMap", "settings", namespace, data=data))


def data_of(core, namespace: str) -> dict[str, str] | None:
    found = core.list_namespaced_config_map(namespace, field_selector="metadata.name=settings").items
    return found[0].data if found else None


def test_an_object_is_absent_then_the_same_then_other_than_wanted(cluster, core, namespace):
    applier, wanted = Applier(cluster=cluster), settings(namespace, MODE="new")

    before = applier.look(wanted)
    nothing = data_of(core, namespace)
    uid = applier.apply(wanted)
    after, again = applier.look(wanted), applier.apply(wanted)

    assert (before.found, nothing) == (Found.ABSENT, None)
    assert (after.found, after.uid, again) == (Found.SAME, uid, uid)
    assert applier.look(settings(namespace, MODE="newer")).found is Found.OTHER


def test_fields_of_others_are_taken_over_only_where_that_is_asked_for(cluster, core, namespace):
    theirs = named("ConfigMap", "settings", namespace, data={"MODE": "theirs", "KEPT": "1"})
    core.patch_namespaced_config_map("settings", namespace, theirs, **KUBECTL)
    ours = settings(namespace, MODE="ours")

    with pytest.raises(FieldConflict, match=r'conflict with "kubectl": \.data\.MODE') as refused:
        Applier(cluster=cluster).apply(ours)
    untouched = data_of(core, namespace)
    Applier(cluster=cluster, force=True).apply(ours)

    assert not refused.value.transient
    assert untouched == {"MODE": "theirs", "KEPT": "1"}
    assert data_of(core, namespace) == {"MODE": "ours", "KEPT": "1"}


def test_all_that_would_be_refused_is_told_at_once(cluster, core, namespace):
    wanted = [
        settings(namespace, MODE="new"),
        manifest(named("Thing", "x", namespace, api_version="nobody.example/v1")),
        manifest(named("ConfigMap", "x", "nowhere")),
        manifest(named("Namespace", "x", namespace)),
    ]

    with pytest.raises(UnsafeOperation) as refused:
        Applier(cluster=cluster).try_all(wanted)

    assert [line.partition(" (")[0] for line in refused.value.detail.splitlines()] == [
        f"Thing {namespace}/x",
        "ConfigMap nowhere/x",
        f"Namespace {namespace}/x",
    ]
    assert "the cluster knows no Thing of nobody.example/v1" in refused.value.detail
    assert data_of(core, namespace) is None


def test_a_kind_is_known_once_its_definition_is_applied(cluster, kubernetes_api, namespace):
    group = f"{namespace}.example"
    definition = manifest(a_definition(group))
    gadget = manifest(named("Gadget", "first", namespace, api_version=f"{group}/v1", spec={"size": 1}))
    applier = Applier(cluster=cluster)

    tried = applier.try_all([definition, gadget])
    applier.apply(definition)
    applier.apply(gadget)

    assert {each.found for each in tried.values()} == {Found.ABSENT}
    assert applier.look(gadget).found is Found.SAME
    assert not applier.remove(definition)
    client.ApiextensionsV1Api(kubernetes_api).delete_custom_resource_definition(f"gadgets.{group}")


def test_what_the_server_says_of_a_secret_is_not_shown(cluster, namespace):
    wrong = manifest(named("Secret", "keys", namespace, data={"PASSWORD": {"nested": SECRET_WORDS}}))

    with pytest.raises(ClusterError, match="the reason is not shown") as refused:
        Applier(cluster=cluster).apply(wrong)

    assert SECRET_WORDS not in "".join(traceback.format_exception(refused.value)) + repr(wrong)
    assert refused.value.__context__ is None


def test_only_what_is_ours_is_taken_away(cluster, core, namespace):
    applier = Applier(cluster=cluster)
    theirs = named("ConfigMap", "settings", namespace, data={"MODE": "theirs"})
    core.patch_namespaced_config_map("settings", namespace, theirs, **KUBECTL)
    account = manifest(named("ServiceAccount", "web", namespace))
    applier.apply(account)

    assert not applier.remove(settings(namespace, MODE="theirs"))
    assert applier.remove(account)
    assert applier.remove(account)

    assert data_of(core, namespace) == {"MODE": "theirs"}
    eventually(lambda: not core.list_namespaced_service_account(namespace, field_selector="metadata.name=web").items)


def test_an_answer_that_is_lost_is_settled_by_applying_again(shaky_cluster, cluster_proxy, core, namespace):
    wanted = settings(namespace, MODE=uuid4().hex)
    applier = Applier(cluster=shaky_cluster)
    applier.look(wanted)
    cluster_proxy.add(Fault(match="PATCH .*", drop_response=True))

    with pytest.raises(ClusterError) as lost:
        applier.apply(wanted)
    applied = data_of(core, namespace)

    assert lost.value.transient
    assert applied == wanted.content["data"]
    assert applier.apply(wanted)


def test_the_samples_manifests_would_be_taken_by_a_cluster_and_leave_nothing_when_tried(cluster, core):
    """The maintenance page is one of ours too, and comes after what earns the money."""
    application = load_application(ROOT / "applications", "blottr")
    [ref] = application.workloads
    pinned = {str(ref): {"blottr": f"registry.example/blottr@sha256:{0:064x}"}}
    written = read_manifests(ROOT / "applications/blottr/k8s/disaster-recovery")

    adjustments = Adjustments(images=pinned, priority=[str(ref)], quiet=quiet_route("blottr", "blottr", ref.name))
    steps = manifest_steps(written, adjustments, directory="", workloads=[ref])
    wanted = arranged(written, adjustments)
    tried = Applier(cluster=cluster).try_all(wanted)

    assert [step.name for step in steps] == [
        "apply the namespaces",
        "apply the configuration",
        "apply the workloads",
        "wait for the rollout of blottr-app",
        "apply the routes",
    ]
    assert [str(each) for each in wanted if each.kind == "Deployment"] == [
        "Deployment blottr/blottr-app",
        "Deployment blottr/maintenance-page",
    ]
    assert {each.found for each in tried.values()} == {Found.ABSENT}
    assert "blottr" not in {each.metadata.name for each in core.list_namespace().items}
