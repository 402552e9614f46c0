"""A recovery point holds what ran: workloads by digest, their configuration and scalers, the flags, the release."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from kubernetes import client

from continuity.adapters.cluster import cluster_uid
from continuity.adapters.cluster_pods import wait_until_ready
from continuity.adapters.documents import write_document
from continuity.adapters.points import POINT
from continuity.domain.application import FlagSource, WorkloadRef
from continuity.errors import UnsafeOperation
from continuity.procedures.backup import take_backup
from continuity.settings import ClusterSection
from continuity.steps.operation import perform_plainly
from continuity.steps.preconditions.backup import check_backup
from deployments.local.sample_cluster import flags_document
from tests.fixtures.cluster import make_deployment
from tests.fixtures.protection import Protected


@pytest.fixture
def apps(kubernetes_api: client.ApiClient) -> client.AppsV1Api:
    return client.AppsV1Api(kubernetes_api)


@pytest.fixture
def deployed(cluster, apps, kubernetes_api, namespace) -> WorkloadRef:
    """Run a Deployment with an autoscaler, a ConfigMap and flags."""
    core, scaling = client.CoreV1Api(kubernetes_api), client.AutoscalingV2Api(kubernetes_api)
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "settings"}, "data": {"LEVEL": "high"}})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "flags"}, "data": {"flags.json": flags_document()}})
    described = make_deployment("web", replicas=2, envFrom=[{"configMapRef": {"name": "settings"}}])
    labels = described["spec"]["template"]["metadata"]["labels"]
    labels["app.kubernetes.io/version"] = "1.4.1"
    described["metadata"]["annotations"] = {"org.opencontainers.image.revision": "0" * 40}
    apps.create_namespaced_deployment(namespace, described)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"minReplicas": 2, "maxReplicas": 6, "scaleTargetRef": target}
    scaling.create_namespaced_horizontal_pod_autoscaler(namespace, {"metadata": {"name": "web"}, "spec": spec})
    ref = WorkloadRef(namespace=namespace, name="web", containers=("app",))
    wait_until_ready(cluster, ref, replicas=2, deadline_seconds=20)
    return ref


@pytest.fixture
def whole(protect, deployed, local_cluster) -> Protected:
    """Protect a database together with what runs on the cluster."""
    protected = protect("guestbook")
    flags = FlagSource(namespace=deployed.namespace, config_map="flags")
    return replace(
        protected,
        application=replace(protected.application, workloads=(deployed,), flags=flags),
        environment=protected.environment.model_copy(
            update={"cluster": ClusterSection(kubeconfig=local_cluster.kubeconfig)}
        ),
    )  # fmt: skip


def failed_checks(protected: Protected) -> dict[str, str]:
    checks = check_backup(protected.application, protected.environment)
    return {check.name: check.detail for check in checks if not check.passed}


def test_a_point_holds_digests_replicas_config_scalers_flags_and_release(whole, cluster) -> None:
    made = whole.back_up()

    manifest = whole.points.read_manifest(made.id)
    (state,) = manifest.workloads.states
    assert manifest == made
    assert manifest.workloads.cluster_uid == cluster_uid(cluster)
    assert state.image_of("app").pinned == f"nginx@sha256:{0x27:064x}"
    assert state.replicas == 2
    assert [(each.name, each.data) for each in state.config] == [("settings", {"LEVEL": "high"})]
    assert [(each.kind, [field.value for field in each.fields]) for each in state.scalers] == [
        ("HorizontalPodAutoscaler", [2, 6])
    ]
    assert (manifest.workloads.release.version, manifest.workloads.release.revision) == ("1.4.1", "0" * 40)
    assert manifest.flags.document == flags_document()
    assert set(manifest.flags.variants.values()) == {"on"}
    assert not [warning for warning in manifest.warnings if "changed" in warning]


def test_a_release_during_the_backup_is_recorded_as_it_was_before_and_said(whole, apps) -> None:
    def perform(operation, *arguments, **options):
        result = perform_plainly(operation, *arguments, **options)
        if operation.name == "dump and digest the database":
            newer = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "nginx:1.28"}]}}}}
            apps.patch_namespaced_deployment("web", whole.application.workloads[0].namespace, newer)
        return result

    manifest = take_backup(whole.application, whole.environment, created=datetime.now(UTC), perform=perform).manifest

    (state,) = manifest.workloads.states
    assert state.image_of("app").reference == "nginx:1.27"
    assert any("changed while the backup ran" in each and "pod template" in each for each in manifest.warnings)


def test_a_cluster_that_cannot_be_reached_refuses_the_backup_among_all_that_is_missing(whole, tmp_path) -> None:
    config = json.loads(whole.environment.cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    (tmp_path / "elsewhere").write_text(json.dumps(config))
    away = ClusterSection(kubeconfig=tmp_path / "elsewhere")
    vault = whole.environment.vault.model_copy(update={"recipients": ("no key",)})

    with pytest.raises(UnsafeOperation) as refused:
        whole.back_up(cluster=away, vault=vault)

    assert "✗ cluster: " in refused.value.detail
    assert "✗ encryption: " in refused.value.detail
    assert not whole.points.listing().points


def test_a_workload_that_is_not_there_is_named_by_the_check(whole) -> None:
    none = WorkloadRef(namespace="nowhere", name="web", containers=("app",))
    missing = replace(whole, application=replace(whole.application, workloads=(*whole.application.workloads, none)))

    assert list(failed_checks(whole)) == []
    assert list(failed_checks(missing)) == ["workload nowhere/web"]


def test_an_image_whose_digest_nobody_tells_is_warned_of(whole, apps) -> None:
    namespace = whole.application.workloads[0].namespace
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 0}})
    newer = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "nginx:1.28"}]}}}}
    apps.patch_namespaced_deployment("web", namespace, newer)

    manifest = whole.back_up()

    assert any("no pod tells the digest of nginx:1.28" in each for each in manifest.warnings)
    assert manifest.workloads.states[0].image_of("app").pinned == ""


def test_an_application_without_workloads_needs_no_cluster(protect) -> None:
    manifest = protect("guestbook").back_up()

    assert (manifest.workloads, manifest.flags) == (None, None)


def test_a_manifest_of_version_1_is_still_read(protect) -> None:
    protected = protect("guestbook")
    manifest = protected.back_up()
    key = f"{protected.points.folder(manifest.id)}manifest.json"
    (protected.vault_folder / key).write_bytes(write_document(manifest, form=POINT, version=1))

    assert protected.points.read_manifest(manifest.id) == manifest
