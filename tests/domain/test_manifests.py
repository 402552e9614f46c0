"""Manifests are put into waves, workloads into their order of priority, images are pinned; contents are never shown."""

import pytest

from continuity.domain.application import WorkloadRef
from continuity.domain.deployment import Adjustments, manifest_steps, quiet_route
from continuity.domain.deployment import arranged as arranged_by
from continuity.domain.manifests import Manifest, Wave, fingerprint, unpinned
from continuity.errors import ConfigurationRefused, UnsafeOperation

PINNED = f"registry.example/shop@sha256:{0:064x}"
API_VERSIONS = {"Deployment": "apps/v1", "CronJob": "batch/v1", "HTTPRoute": "gateway.networking.k8s.io/v1"}


def manifest(kind: str, name: str, *, namespace: str = "shop", **content) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    content = {"metadata": metadata, **content}
    return Manifest(api_version=API_VERSIONS.get(kind, "v1"), kind=kind, name=name, namespace=namespace, content=content)


def arranged(manifests: list[Manifest], **adjustments) -> tuple[Manifest, ...]:
    return arranged_by(manifests, Adjustments(**adjustments))


def workload(name: str, kind: str = "Deployment", replicas: int = 2) -> Manifest:
    pod = {"spec": {"containers": [{"name": "app", "image": "shop:latest"}, {"name": "side", "image": "proxy:1"}]}}
    spec = {"replicas": replicas, "template": pod}
    return manifest(kind, name, spec={"jobTemplate": {"spec": spec}} if kind == "CronJob" else spec)


def route(*weights: tuple[str, int]) -> Manifest:
    refs = [{"name": name, "port": 80, "weight": weight} for name, weight in weights]
    return manifest("HTTPRoute", "shop", spec={"rules": [{"backendRefs": refs}]})


def images_in(each: Manifest) -> list[str]:
    spec = each.content["spec"]
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return [container["image"] for container in spec["template"]["spec"]["containers"]]


def test_each_wave_stands_before_what_needs_it():
    written = [
        route(("shop", 0), ("page", 100)),
        manifest("HorizontalPodAutoscaler", "web"),
        workload("web"),
        manifest("Gadget", "unknown to anybody"),
        manifest("Secret", "keys"),
        manifest("CustomResourceDefinition", "gadgets.example"),
        manifest("Namespace", "shop", namespace=""),
    ]

    assert [(each.wave, each.kind) for each in arranged(written)] == [
        (Wave.NAMESPACES, "Namespace"),
        (Wave.DEFINITIONS, "CustomResourceDefinition"),
        (Wave.CONFIGURATION, "Gadget"),
        (Wave.CONFIGURATION, "Secret"),
        (Wave.WORKLOADS, "Deployment"),
        (Wave.WORKLOADS, "HorizontalPodAutoscaler"),
        (Wave.ROUTES, "HTTPRoute"),
    ]


def test_what_earns_the_money_comes_first_and_the_rest_as_it_is_written():
    written = [workload("mail"), workload("web"), workload("pay"), workload("reports")]

    in_order = arranged(written, priority=["shop/pay", "shop/web"])

    assert [each.name for each in in_order] == ["pay", "web", "mail", "reports"]


@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_the_images_of_the_applications_containers_are_pinned_and_no_others(kind):
    written = workload("web", kind)

    [pinned] = arranged([written], images={"shop/web": {"app": PINNED}})

    assert images_in(pinned) == [PINNED, "proxy:1"]
    assert images_in(written) == ["shop:latest", "proxy:1"]


def test_workloads_run_unless_they_are_asked_to_stand_still():
    written = [workload("web"), workload("worker"), workload("nightly", "CronJob")]

    web, worker, nightly = arranged(written, at_zero=["shop/worker", "shop/nightly"])

    assert (web.content["spec"]["replicas"], worker.content["spec"]["replicas"]) == (2, 0)
    assert nightly.content["spec"]["suspend"] is True


def test_an_image_that_may_be_another_by_now_is_named():
    [pinned] = arranged([workload("web")], images={"shop/web": {"app": PINNED}})

    assert unpinned([pinned]) == ("Deployment shop/web, container side: proxy:1",)


def test_a_route_gives_the_recovered_side_nothing_whatever_is_written():
    quiet = quiet_route("shop", "shop", "shop")

    [silenced] = arranged([route(("shop", 100), ("page", 0))], quiet=quiet)

    assert silenced.content["spec"]["rules"][0]["backendRefs"] == [
        {"name": "shop", "port": 80, "weight": 0},
        {"name": "page", "port": 80, "weight": 100},
    ]
    with pytest.raises(UnsafeOperation, match="100 % of the visitors would get errors"):
        arranged([route(("shop", 100))], quiet=quiet)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"images": {"shop/none": {"app": PINNED}}}, "do not hold shop/none"),
        ({"images": {"shop/web": {"other": PINNED}}}, "do not hold shop/web, container other"),
        ({"at_zero": ["shop/none"]}, "do not hold shop/none"),
        ({"at_zero": ["shop/agent"]}, "do not hold shop/agent as what can stand still"),
    ],
)
def test_what_the_manifests_do_not_hold_cannot_be_asked_of_them(asked, said):
    with pytest.raises(ConfigurationRefused, match=said):
        arranged([workload("web"), workload("agent", "DaemonSet")], **asked)


def test_a_plan_binds_to_the_contents_and_shows_none_of_them():
    secret = manifest("Secret", "keys", stringData={"PASSWORD": "canary-7f3a"})
    other = manifest("Secret", "keys", stringData={"PASSWORD": "another"})
    ref = WorkloadRef(namespace="shop", name="web", containers=("app",))

    adjustments = Adjustments(images={"shop/web": {"app": PINNED}})
    steps = manifest_steps([secret, workload("web")], adjustments, directory="/k8s", workloads=[ref])

    assert [each.name for each in steps] == ["apply the configuration", "apply the workloads", "wait for the rollout of web"]
    assert fingerprint([secret]) != fingerprint([other])
    assert "canary-7f3a" not in repr((steps, secret))


def test_a_rehearsal_stands_in_a_namespace_of_its_own_and_touches_nothing_else():
    rights = manifest("RoleBinding", "web", subjects=[{"name": "web", "namespace": "shop"}, {"name": "x", "namespace": "other"}])
    shared = [manifest(kind, "shop", namespace="") for kind in ("Namespace", "CustomResourceDefinition", "ClusterRole")]
    written = [*shared, rights, workload("web"), route(("shop", 0), ("page", 100))]
    ref = WorkloadRef(namespace="shop", name="web", containers=("app",))
    adjustments = Adjustments(images={"shop/web": {"app": PINNED}}, into="rehearsal")

    moved = arranged_by(written, adjustments)
    steps = manifest_steps(written, adjustments, directory="/k8s", workloads=[ref])

    assert [str(each) for each in moved] == ["Namespace rehearsal", "RoleBinding rehearsal/web", "Deployment rehearsal/web"]
    assert {each.content["metadata"]["namespace"] for each in moved[1:]} == {"rehearsal"}
    assert [each["namespace"] for each in moved[1].content["subjects"]] == ["rehearsal", "other"]
    assert images_in(moved[2]) == [PINNED, "proxy:1"]
    assert steps[-1].target == "deployment rehearsal/web"


def test_two_objects_never_become_one_in_a_rehearsal():
    with pytest.raises(ConfigurationRefused, match="two objects of several namespaces would be ConfigMap rehearsal/x"):
        arranged([manifest("ConfigMap", "x"), manifest("ConfigMap", "x", namespace="other")], into="rehearsal")
