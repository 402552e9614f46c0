"""What would scale a workload back: found, paused, and resumed to exactly what it was."""

import copy
import time

import pytest
from kubernetes import client

from continuity.adapters.cluster import Document
from continuity.adapters.cluster_scalers import find_scalers, is_paused, is_resumed, pause, resume
from continuity.adapters.cluster_workloads import read_workload, scale
from continuity.domain.application import WorkloadRef
from continuity.errors import ClusterError, NotInCluster, UnsafeOperation
from tests.fixtures.cluster import eventually, fighting_back, make_deployment
from tests.fixtures.fault_proxy import Fault

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
KEDA, ARGO = ("keda.sh", "v1alpha1"), ("argoproj.io", "v1alpha1")


@pytest.fixture
def custom(kubernetes_api: client.ApiClient) -> client.CustomObjectsApi:
    return client.CustomObjectsApi(kubernetes_api)


@pytest.fixture
def apps(kubernetes_api: client.ApiClient) -> client.AppsV1Api:
    return client.AppsV1Api(kubernetes_api)


@pytest.fixture
def web(apps, namespace) -> WorkloadRef:
    apps.create_namespaced_deployment(namespace, make_deployment("web", replicas=0))
    return WorkloadRef(namespace=namespace, name="web", containers=("app",))


@pytest.fixture
def autoscaler(kubernetes_api, namespace):
    scaling = client.AutoscalingV2Api(kubernetes_api)
    spec = {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": TARGET}
    scaling.create_namespaced_horizontal_pod_autoscaler(namespace, {"metadata": {"name": "web"}, "spec": spec})
    return scaling


def scalers(cluster, web: WorkloadRef):
    return read_workload(cluster, web).scalers


def without_version(found: Document) -> Document:
    """Leave out what rises with every change."""
    kept = copy.deepcopy(found)
    for field in ("resourceVersion", "generation", "managedFields"):
        kept["metadata"].pop(field, None)
    if not kept["metadata"].get("annotations"):
        kept["metadata"].pop("annotations", None)
    return kept


def make_keda(custom, namespace, annotations=None):
    body = {"metadata": {"name": "web", "annotations": annotations or {}}, "spec": {"scaleTargetRef": {"name": "web"}}}
    custom.create_namespaced_custom_object(*KEDA, namespace, "scaledobjects", body)


def make_argo(custom, namespace):
    body = {"metadata": {"name": "shop"}, "spec": {"project": "default"}}
    custom.create_namespaced_custom_object(*ARGO, namespace, "applications", body)


def test_a_workload_of_its_own_has_no_scalers_and_kinds_that_the_cluster_lacks_are_no_error(cluster, web, autoscaler) -> None:
    other = make_deployment("other", replicas=0)

    assert [each.kind for each in scalers(cluster, web)] == ["HorizontalPodAutoscaler"]
    assert find_scalers(cluster, {"metadata": {**other["metadata"], "namespace": web.namespace}}) == ()


def test_an_autoscaler_is_left_as_it_is_and_brought_back_to_the_same_bounds(cluster, web, autoscaler) -> None:
    (found,) = scalers(cluster, web)

    pause(cluster, found)
    paused = autoscaler.read_namespaced_horizontal_pod_autoscaler("web", web.namespace)
    autoscaler.patch_namespaced_horizontal_pod_autoscaler("web", web.namespace, {"spec": {"minReplicas": 1, "maxReplicas": 9}})
    assert not is_resumed(cluster, found)
    resume(cluster, found)

    resumed = autoscaler.read_namespaced_horizontal_pod_autoscaler("web", web.namespace)
    assert (paused.spec.min_replicas, paused.spec.max_replicas) == (2, 5)
    assert (resumed.spec.min_replicas, resumed.spec.max_replicas) == (2, 5)


@pytest.mark.parametrize("before", [{}, {"autoscaling.keda.sh/paused-replicas": "3", "team": "booking"}], ids=["free", "paused"])
def test_keda_is_paused_at_zero_and_resumed_to_exactly_what_it_was(cluster, custom, web, before) -> None:
    make_keda(custom, web.namespace, before)
    read = lambda: custom.get_namespaced_custom_object(*KEDA, web.namespace, "scaledobjects", "web")  # noqa: E731
    original, (found,) = read(), scalers(cluster, web)

    pause(cluster, found)
    pause(cluster, found)
    paused = read()
    assert is_paused(cluster, found)
    resume(cluster, found)
    resume(cluster, found)

    assert paused["metadata"]["annotations"]["autoscaling.keda.sh/paused-replicas"] == "0"
    assert without_version(read()) == without_version(original)
    assert is_resumed(cluster, found)


def test_the_autoscaler_that_keda_made_is_kedas(cluster, custom, kubernetes_api, web) -> None:
    make_keda(custom, web.namespace)
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": "u", "controller": True}
    spec = {"minReplicas": 1, "maxReplicas": 5, "scaleTargetRef": TARGET}
    made = {"metadata": {"name": "keda-hpa-web", "ownerReferences": [owner]}, "spec": spec}
    client.AutoscalingV2Api(kubernetes_api).create_namespaced_horizontal_pod_autoscaler(web.namespace, made)

    assert [each.kind for each in scalers(cluster, web)] == ["ScaledObject"]


@pytest.mark.parametrize("tracking", ["annotation", "label", "annotation with namespace"])
def test_argo_is_found_by_what_it_tracks_with_and_skips_until_resumed(cluster, apps, custom, web, tracking) -> None:
    make_argo(custom, web.namespace)
    tracked = {
        "annotation": {"annotations": {"argocd.argoproj.io/tracking-id": f"shop:apps/Deployment:{web.namespace}/web"}},
        "label": {"labels": {"app.kubernetes.io/instance": "shop"}},
        "annotation with namespace": {
            "annotations": {"argocd.argoproj.io/tracking-id": f"{web.namespace}_shop:apps/Deployment:{web.namespace}/web"}
        },
    }
    apps.patch_namespaced_deployment("web", web.namespace, {"metadata": tracked[tracking]})
    read = lambda: custom.get_namespaced_custom_object(*ARGO, web.namespace, "applications", "shop")  # noqa: E731
    original = read()
    found = next(each for each in scalers(cluster, web) if each.namespace == web.namespace)

    pause(cluster, found)
    paused = read()
    resume(cluster, found)

    assert found.kind == "Application"
    assert paused["metadata"]["annotations"] == {"argocd.argoproj.io/skip-reconcile": "true"}
    assert without_version(read()) == without_version(original)


def test_flux_leaves_the_workload_alone_until_resumed(cluster, apps, web) -> None:
    labels = {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    apps.patch_namespaced_deployment("web", web.namespace, {"metadata": {"labels": labels}})
    (found,) = scalers(cluster, web)

    pause(cluster, found)
    paused = apps.read_namespaced_deployment("web", web.namespace)
    scale(cluster, web, uid=read_workload(cluster, web).uid, replicas=1)
    resume(cluster, found)

    annotations = apps.read_namespaced_deployment("web", web.namespace).metadata.annotations or {}
    assert paused.metadata.annotations["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled"
    assert "kustomize.toolkit.fluxcd.io/reconcile" not in annotations


def test_a_pause_whose_answer_was_lost_is_seen_to_be_done(shaky_cluster, cluster_proxy, custom, web) -> None:
    make_keda(custom, web.namespace)
    (found,) = scalers(shaky_cluster, web)
    cluster_proxy.add(Fault(match="^PATCH .*scaledobjects", drop_response=True))

    pause(shaky_cluster, found)

    assert cluster_proxy.count("^PATCH") == 1
    assert is_paused(shaky_cluster, found)


def test_a_scaler_that_was_made_anew_or_is_gone_is_not_touched(cluster, custom, web) -> None:
    make_keda(custom, web.namespace)
    (found,) = scalers(cluster, web)
    custom.delete_namespaced_custom_object(*KEDA, web.namespace, "scaledobjects", "web")
    with pytest.raises(NotInCluster):
        resume(cluster, found)
    make_keda(custom, web.namespace)

    with pytest.raises(UnsafeOperation):
        pause(cluster, found)

    again = custom.get_namespaced_custom_object(*KEDA, web.namespace, "scaledobjects", "web")
    assert "annotations" not in again["metadata"]


def test_a_list_that_is_forbidden_is_no_empty_list(shaky_cluster, cluster_proxy, web) -> None:
    cluster_proxy.add(Fault(match="^GET .*scaledobjects", status=403))

    with pytest.raises(ClusterError, match="HTTP 403"):
        read_workload(shaky_cluster, web)


@pytest.mark.parametrize(("make", "who"), [(make_keda, "KEDA"), (make_argo, "Argo CD")])
def test_a_controller_that_fights_back_stops_while_paused_and_goes_on_when_resumed(
    cluster, apps, custom, kubernetes_api, web, make, who
) -> None:
    make(custom, web.namespace)
    tracking = {"argocd.argoproj.io/tracking-id": f"shop:apps/Deployment:{web.namespace}/web"}
    apps.patch_namespaced_deployment("web", web.namespace, {"metadata": {"annotations": tracking}})
    replicas = lambda: apps.read_namespaced_deployment("web", web.namespace).spec.replicas  # noqa: E731

    with fighting_back(kubernetes_api, web.namespace, "web", replicas=2) as deeds:
        eventually(lambda: deeds == [who] and replicas() == 2)
        state = read_workload(cluster, web)
        (found,) = (each for each in state.scalers if each.namespace == web.namespace)
        pause(cluster, found)
        scale(cluster, web, uid=state.uid, replicas=0)
        time.sleep(0.4)
        stopped = replicas()
        resume(cluster, found)
        eventually(lambda: replicas() == 2)

    assert stopped == 0
    assert set(deeds) == {who}


def test_an_autoscaler_leaves_a_target_of_zero_alone(cluster, apps, kubernetes_api, web, autoscaler) -> None:
    uid = read_workload(cluster, web).uid

    with fighting_back(kubernetes_api, web.namespace, "web", replicas=3) as deeds:
        time.sleep(0.3)
        kept = apps.read_namespaced_deployment("web", web.namespace).spec.replicas
        scale(cluster, web, uid=uid, replicas=1)
        eventually(lambda: deeds)

    assert kept == 0
