"""The cluster's adapter on the stand-in: workloads, pods and configuration, and what faults of the API come to."""

import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
from kubernetes import client

from continuity.adapters import cluster_workloads
from continuity.adapters.cluster import Cluster, cluster_uid, open_cluster
from continuity.adapters.cluster_config import restore_config
from continuity.adapters.cluster_flags import read_flags, use_in
from continuity.adapters.cluster_pods import list_pods, read_logs, wait_until_ready
from continuity.adapters.cluster_workloads import read_workload, scale, set_release
from continuity.domain.application import FlagSource, WorkloadRef
from continuity.domain.feature import FlagUse
from continuity.domain.workloads import ReferencedConfig
from continuity.errors import ClusterConflict, ClusterError, ConfigurationRefused, NotInCluster, UnsafeOperation
from continuity.settings import ClusterSection
from tests.fixtures.cluster import eventually, make_deployment
from tests.fixtures.fault_proxy import Fault

SECONDS = 20
SCALE = "PATCH .*/scale"


@pytest.fixture
def apps(kubernetes_api: client.ApiClient) -> client.AppsV1Api:
    return client.AppsV1Api(kubernetes_api)


@pytest.fixture
def core(kubernetes_api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(kubernetes_api)


@pytest.fixture
def web(apps, namespace) -> WorkloadRef:
    """Make a Deployment without pods."""
    apps.create_namespaced_deployment(namespace, make_deployment("web", replicas=0))
    return WorkloadRef(namespace=namespace, name="web", containers=("app",))


def replicas_of(apps, ref: WorkloadRef) -> int:
    return apps.read_namespaced_deployment(ref.name, ref.namespace).spec.replicas


@contextmanager
def busy(apps, ref: WorkloadRef):
    """Change the Deployment all the time, as controllers do."""
    ended = threading.Event()

    def change() -> None:
        while not ended.is_set():
            apps.patch_namespaced_deployment(ref.name, ref.namespace, {"metadata": {"annotations": {"tick": uuid4().hex}}})
            time.sleep(0.01)

    worker = threading.Thread(target=change)
    worker.start()
    yield
    ended.set()
    worker.join()


# Reading


def test_a_workload_is_read_with_digest_config_and_release_and_no_contents_of_secrets(cluster, apps, core, namespace) -> None:
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "settings"}, "data": {"LEVEL": "high"}})
    core.create_namespaced_secret(namespace, {"metadata": {"name": "keys"}, "stringData": {"PASSWORD": "canary-7f3a"}})
    sources = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]
    described = make_deployment("app", envFrom=sources)
    described["spec"]["template"]["metadata"]["annotations"] = {"org.opencontainers.image.revision": "abc123"}
    apps.create_namespaced_deployment(namespace, described)
    ref = WorkloadRef(namespace=namespace, name="app", containers=("app",))
    wait_until_ready(cluster, ref, replicas=1, deadline_seconds=SECONDS)

    state = read_workload(cluster, ref)

    image = state.image_of("app")
    assert (image.reference, image.pinned) == ("nginx:1.27", f"nginx@sha256:{0x27:064x}")
    assert state.replicas == 1
    assert state.release.revision == "abc123"
    assert [(each.kind, each.name, each.data) for each in state.config] == [
        ("ConfigMap", "settings", {"LEVEL": "high"}),
        ("Secret", "keys", None),
    ]
    assert "canary-7f3a" not in repr(state)


def test_a_tag_without_a_pod_has_no_known_digest(cluster, web) -> None:
    image = read_workload(cluster, web).image_of("app")

    assert (image.digest, image.pinned) == ("", "")


def test_the_same_template_has_the_same_hash_and_another_image_another(cluster, apps, web) -> None:
    before = read_workload(cluster, web)
    scale(cluster, web, uid=before.uid, replicas=1)
    scaled = read_workload(cluster, web)
    set_release(cluster, web, uid=before.uid, images={"app": "nginx:1.28"})

    assert scaled.template_sha256 == before.template_sha256
    assert read_workload(cluster, web).template_sha256 != before.template_sha256


def test_what_is_not_there_is_named(cluster, web) -> None:
    with pytest.raises(NotInCluster, match="HTTP 404"):
        read_workload(cluster, WorkloadRef(namespace=web.namespace, name="none", containers=("app",)))
    with pytest.raises(NotInCluster, match="has no container 'application'"):
        read_workload(cluster, WorkloadRef(namespace=web.namespace, name="web", containers=("application",)))


def test_a_cluster_is_known_by_the_uid_of_kube_system(cluster, core) -> None:
    assert cluster_uid(cluster) == core.read_namespace("kube-system").metadata.uid


def test_a_kubeconfig_that_cannot_be_used_is_refused(tmp_path, local_cluster) -> None:
    with (
        pytest.raises(ConfigurationRefused, match="cannot be used"),
        open_cluster(ClusterSection(kubeconfig=tmp_path / "none")),
    ):
        pass
    with (
        pytest.raises(ConfigurationRefused, match="cannot be used"),
        open_cluster(ClusterSection(kubeconfig=local_cluster.kubeconfig, context="elsewhere")),
    ):
        pass


def test_flags_are_read_in_flagds_format(cluster, core, namespace) -> None:
    source = FlagSource(namespace=namespace, config_map="flags")
    variants = '"variants": {"on": true, "off": false}, "defaultVariant"'
    document = f'{{"flags": {{"a": {{"state": "ENABLED", {variants}: "off"}}, "b": {{"state": "DISABLED", {variants}: "on"}}}}}}'
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "flags"}, "data": {"flags.json": document}})

    flags = read_flags(cluster, source)

    assert flags.variants == {"a": "off", "b": "disabled"}
    assert flags.document == document
    core.patch_namespaced_config_map("flags", namespace, {"data": {"flags.json": "[]"}})
    with pytest.raises(ClusterError, match="not in flagd's format"):
        read_flags(cluster, source)


@pytest.mark.parametrize(
    ("container", "use"),
    [
        ({"envFrom": [{"configMapRef": {"name": "flags"}}]}, FlagUse.START),
        ({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "a"}}}]}, FlagUse.START),
        ({"volumeMounts": [{"name": "flags", "mountPath": "/flags"}]}, FlagUse.FILE),
        ({"volumeMounts": [{"name": "all", "mountPath": "/all"}]}, FlagUse.FILE),
        # A single file that is mounted is never renewed.
        ({"volumeMounts": [{"name": "flags", "mountPath": "/flags.json", "subPath": "flags.json"}]}, FlagUse.START),
        ({"volumeMounts": [{"name": "other", "mountPath": "/other"}]}, FlagUse.NONE),
        ({"env": [{"name": "A", "value": "flags"}], "envFrom": [{"secretRef": {"name": "flags"}}]}, FlagUse.NONE),
    ],
)
def test_how_a_pod_comes_by_the_flags_is_told_by_its_template(container, use) -> None:
    volumes = [
        {"name": "flags", "configMap": {"name": "flags"}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "a"}}, {"configMap": {"name": "flags"}}]}},
        {"name": "other", "configMap": {"name": "other"}},
    ]

    assert use_in({"containers": [{"name": "side"}, container], "volumes": volumes}, "flags") is use


# Writing


def test_pods_that_end_slowly_are_listed_until_they_are_gone(cluster, apps, namespace) -> None:
    described = make_deployment("slow", image="registry.example/slow:1", grace_seconds=20)
    described["spec"]["template"]["spec"]["containers"].pop()
    apps.create_namespaced_deployment(namespace, described)
    ref = WorkloadRef(namespace=namespace, name="slow", containers=("app",))
    wait_until_ready(cluster, ref, replicas=1, deadline_seconds=SECONDS)
    started = time.monotonic()

    scale(cluster, ref, uid=read_workload(cluster, ref).uid, replicas=0)

    eventually(lambda: [pod.terminating for pod in list_pods(cluster, ref)] == [True])
    eventually(lambda: list_pods(cluster, ref) == ())
    assert time.monotonic() - started > 1.4


def test_scaling_wins_against_somebody_who_changes_the_object_all_the_time(cluster, apps, web) -> None:
    uid = read_workload(cluster, web).uid

    with busy(apps, web):
        for wanted in range(1, 9):
            try:
                scale(cluster, web, uid=uid, replicas=wanted)
            except ClusterConflict:
                continue
            assert replicas_of(apps, web) == wanted


def test_an_object_that_was_made_anew_is_left_alone(cluster, apps, web) -> None:
    uid = read_workload(cluster, web).uid
    apps.delete_namespaced_deployment(web.name, web.namespace)
    apps.create_namespaced_deployment(web.namespace, make_deployment("web", replicas=2))

    for change in (
        lambda: scale(cluster, web, uid=uid, replicas=0),
        lambda: set_release(cluster, web, uid=uid, images={"app": "nginx:1.28"}),
    ):
        with pytest.raises(UnsafeOperation, match="the plan is for"):
            change()

    found = apps.read_namespaced_deployment(web.name, web.namespace)
    assert (found.spec.replicas, found.spec.template.spec.containers[0].image) == (2, "nginx:1.27")


def test_an_object_that_is_made_anew_between_reading_and_writing_is_left_alone(cluster, apps, web, monkeypatch) -> None:
    uid, genuine = read_workload(cluster, web).uid, cluster_workloads._read

    def read_then_replaced(*arguments):
        found = genuine(*arguments)
        if found["metadata"]["uid"] == uid:
            apps.delete_namespaced_deployment(web.name, web.namespace)
            apps.create_namespaced_deployment(web.namespace, make_deployment("web", replicas=2))
        return found

    monkeypatch.setattr(cluster_workloads, "_read", read_then_replaced)

    with pytest.raises(UnsafeOperation):
        scale(cluster, web, uid=uid, replicas=5)

    assert replicas_of(apps, web) == 2


def test_images_are_set_by_container_and_the_rest_of_the_template_stays(cluster, apps, web) -> None:
    set_release(cluster, web, uid=read_workload(cluster, web).uid, images={"app": f"nginx@sha256:{0x28:064x}"})

    app, side = apps.read_namespaced_deployment(web.name, web.namespace).spec.template.spec.containers
    assert app.image.endswith("28")
    assert app.env[0].value == "hello"
    assert side.image == "busybox:1"


def test_a_release_goes_back_with_its_image_by_digest_and_the_marks_that_say_it(cluster, apps, web) -> None:
    revision, version = "org.opencontainers.image.revision", "app.kubernetes.io/version"
    apps.patch_namespaced_deployment("web", web.namespace, release("nginx:1.27", {version: "1"}, {revision: "aaa"}))
    scale(cluster, web, uid=read_workload(cluster, web).uid, replicas=1)
    wait_until_ready(cluster, web, replicas=1, deadline_seconds=SECONDS)
    recorded = read_workload(cluster, web)
    added = "org.opencontainers.image.version"
    apps.patch_namespaced_deployment("web", web.namespace, release("nginx:1.28", {version: "2"}, {revision: "b", added: "2"}))

    for _ in range(2):
        images = {"app": recorded.image_of("app").pinned}
        set_release(cluster, web, uid=recorded.uid, images=images, marks=recorded.marks)

    state = read_workload(cluster, web)
    assert state.image_of("app").reference == f"nginx@sha256:{0x27:064x}"
    assert state.image_of("side").reference == "busybox:1"
    assert state.release == recorded.release
    assert state.marks == recorded.marks


def release(image: str, labels: dict, annotations: dict) -> dict:
    metadata = {"labels": labels, "annotations": annotations}
    return {"spec": {"template": {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": image}]}}}}


def test_a_config_map_is_made_to_hold_exactly_what_was_recorded_also_where_it_is_gone(cluster, core, namespace) -> None:
    recorded = ReferencedConfig(kind="ConfigMap", name="settings", sha256="", data={"A": "1", "B": "2"})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "settings"}, "data": {"A": "9", "C": "3"}})

    restore_config(cluster, namespace, recorded)
    changed = core.read_namespaced_config_map("settings", namespace).data
    core.delete_namespaced_config_map("settings", namespace)
    restore_config(cluster, namespace, recorded)
    restore_config(cluster, namespace, recorded)

    assert changed == core.read_namespaced_config_map("settings", namespace).data == recorded.data


def test_a_workload_that_does_not_become_ready_says_what_its_pods_wait_for(cluster, apps, web) -> None:
    uid = read_workload(cluster, web).uid
    set_release(cluster, web, uid=uid, images={"app": "registry.example/none:1"})
    scale(cluster, web, uid=uid, replicas=1)

    with pytest.raises(ClusterError, match=r"0 of 1 ready; app: (ErrImagePull|ImagePullBackOff)"):
        wait_until_ready(cluster, web, replicas=1, deadline_seconds=1.5)


def test_logs_of_a_life_before_are_read(cluster, apps, namespace) -> None:
    described = make_deployment("crashing", image="registry.example/crashing:1")
    apps.create_namespaced_deployment(namespace, described)
    ref = WorkloadRef(namespace=namespace, name="crashing", containers=("app",))

    pod = eventually(lambda: next((each for each in list_pods(cluster, ref) if each.restarts), None))

    assert "no schema" in read_logs(cluster, namespace, pod.name, "app", lines=5, previous=True)


# Faults


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_refusal_that_passes_is_transient_and_is_not_repeated_here(
    shaky_cluster, cluster_proxy, apps, web, status
) -> None:  # fmt: skip
    uid = read_workload(shaky_cluster, web).uid
    cluster_proxy.add(Fault(match=SCALE, status=status))

    with pytest.raises(ClusterError, match=f"HTTP {status}") as failed:
        scale(shaky_cluster, web, uid=uid, replicas=3)

    assert failed.value.transient
    assert cluster_proxy.count(SCALE) == 1
    assert replicas_of(apps, web) == 0
    scale(shaky_cluster, web, uid=uid, replicas=3)
    assert replicas_of(apps, web) == 3


def test_a_refusal_for_good_is_not_transient(shaky_cluster, cluster_proxy, web) -> None:
    uid = read_workload(shaky_cluster, web).uid
    cluster_proxy.add(Fault(match=SCALE, status=403))

    with pytest.raises(ClusterError, match="HTTP 403") as failed:
        scale(shaky_cluster, web, uid=uid, replicas=3)

    assert not failed.value.transient
    assert failed.value.hint


def test_a_conflict_is_settled_by_reading_again(shaky_cluster, cluster_proxy, apps, web) -> None:
    uid = read_workload(shaky_cluster, web).uid
    cluster_proxy.add(Fault(match=SCALE, status=409, times=2))

    scale(shaky_cluster, web, uid=uid, replicas=3)

    assert cluster_proxy.count(SCALE) == 3
    assert replicas_of(apps, web) == 3


def test_a_conflict_without_end_is_given_up_and_transient(shaky_cluster, cluster_proxy, apps, web) -> None:
    uid = read_workload(shaky_cluster, web).uid
    cluster_proxy.add(Fault(match=SCALE, status=409, times=50))

    with pytest.raises(ClusterConflict) as failed:
        scale(shaky_cluster, web, uid=uid, replicas=3)

    assert failed.value.transient
    assert cluster_proxy.count(SCALE) == 5


@pytest.mark.parametrize(
    "write",
    [
        lambda cluster, ref, uid: scale(cluster, ref, uid=uid, replicas=4),
        lambda cluster, ref, uid: set_release(cluster, ref, uid=uid, images={"app": "nginx:1.28"}),
    ],
    ids=["scale", "images"],
)
def test_a_write_whose_answer_was_lost_is_seen_to_be_done(shaky_cluster, cluster_proxy, web, write) -> None:
    uid = read_workload(shaky_cluster, web).uid
    cluster_proxy.add(Fault(match="^PATCH", drop_response=True))

    write(shaky_cluster, web, uid)

    assert cluster_proxy.count("^PATCH") == 1


def test_a_write_that_never_arrived_is_transient_and_leaves_nothing(shaky_cluster, cluster_proxy, apps, web) -> None:
    uid = read_workload(shaky_cluster, web).uid
    cluster_proxy.add(Fault(match=SCALE, delay_seconds=1.6, status=500))

    with pytest.raises(ClusterError, match="no answer in time") as failed:
        scale(shaky_cluster, web, uid=uid, replicas=3)

    assert failed.value.transient
    assert replicas_of(apps, web) == 0


def test_no_call_hangs_on_a_cluster_that_does_not_answer(shaky_cluster, cluster_proxy, web) -> None:
    cluster_proxy.add(Fault(match="^GET", delay_seconds=5))
    started = time.monotonic()

    with pytest.raises(ClusterError, match="no answer in time"):
        read_workload(shaky_cluster, web)

    assert time.monotonic() - started < 3


def test_a_cluster_that_is_away_is_a_transient_error(shaky_cluster: Cluster, cluster_proxy, web) -> None:
    cluster_proxy.upstream = ("127.0.0.1", 1)

    with pytest.raises(ClusterError) as failed:
        read_workload(shaky_cluster, web)

    assert failed.value.transient


def test_waiting_outlives_an_api_server_that_stumbles(shaky_cluster, cluster_proxy, apps, web) -> None:
    scale(shaky_cluster, web, uid=read_workload(shaky_cluster, web).uid, replicas=1)
    cluster_proxy.add(Fault(match="^GET", status=503, times=2))

    wait_until_ready(shaky_cluster, web, replicas=1, deadline_seconds=SECONDS)

    assert apps.read_namespaced_deployment(web.name, web.namespace).status.available_replicas == 1
