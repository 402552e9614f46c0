"""What the product relies on of a Kubernetes API server: run against the stand-in, and against any cluster by --kubeconfig.

All of it holds on a real API server 1.36 with the CRDs of the Gateway API 1.x.
"""

import json
import threading
from uuid import uuid4

import pytest
from kubernetes import client, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic import DynamicClient

from continuity.adapters.cluster import Cluster
from continuity.adapters.cluster_apply import Applier, Found
from continuity.domain.manifests import Manifest
from tests.fixtures.cluster import eventually, make_deployment
from tests.fixtures.kubernetes_manifests import APPLICATION, FOLDER, job_of_a_run, manifests

APPLY = {"_content_type": "application/apply-patch+yaml"}
GATEWAY = ("gateway.networking.k8s.io", "v1")
HTTP_ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "spec": {
        "parentRefs": [{"name": "gateway"}],
        "rules": [
            {
                "backendRefs": [
                    {"name": "blue", "port": 80, "weight": 100},
                    {"name": "green", "port": 80, "weight": 0},
                ]
            }
        ],
    },
}


@pytest.fixture
def apps(kubernetes_api: client.ApiClient) -> client.AppsV1Api:
    return client.AppsV1Api(kubernetes_api)


@pytest.fixture
def core(kubernetes_api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(kubernetes_api)


@pytest.fixture
def custom(kubernetes_api: client.ApiClient) -> client.CustomObjectsApi:
    return client.CustomObjectsApi(kubernetes_api)


@pytest.fixture
def ns(session_namespace: str) -> str:
    return session_namespace


@pytest.fixture
def web(apps: client.AppsV1Api, ns: str):
    """Make a Deployment of two containers and no pods; it is deleted at the end."""
    name = unique("web")
    apps.create_namespaced_deployment(ns, make_deployment(name, replicas=0))
    yield name
    apps.delete_namespaced_deployment(name, ns)


def unique(name: str) -> str:
    return f"{name}-{uuid4().hex[:6]}"


def refused(status: int):
    return pytest.raises(ApiException, check=lambda error: error.status == status)


def annotate(apps: client.AppsV1Api, ns: str, name: str, value: str | None) -> client.V1Deployment:
    return apps.patch_namespaced_deployment(name, ns, {"metadata": {"annotations": {"example.org/note": value}}})


# What an object has, and what it must be like


def test_a_new_deployment_has_uid_version_and_generation_one(apps, ns) -> None:
    name = unique("new")

    made = apps.create_namespaced_deployment(ns, make_deployment(name, replicas=0)).metadata

    apps.delete_namespaced_deployment(name, ns)
    assert made.uid
    assert made.resource_version
    assert made.creation_timestamp
    assert made.generation == 1


def test_a_selector_that_does_not_match_its_labels_is_invalid(apps, ns) -> None:
    wrong = make_deployment("wrong")
    wrong["spec"]["selector"] = {"matchLabels": {"app": "other"}}

    with refused(422):
        apps.create_namespaced_deployment(ns, wrong)


def test_the_same_name_twice_is_a_conflict(apps, ns, web) -> None:
    with refused(409):
        apps.create_namespaced_deployment(ns, make_deployment(web))


def test_the_uid_of_kube_system_identifies_the_cluster(core) -> None:
    assert core.read_namespace("kube-system").metadata.uid


def test_an_unknown_kind_of_object_is_not_found(custom, ns) -> None:
    with refused(404):
        custom.list_namespaced_custom_object("nobody.example", "v1", ns, "things")


# Changes


def test_a_scale_of_zero_leaves_replicas_out_of_the_scale_and_not_out_of_the_deployment(apps, ns, web) -> None:
    apps.patch_namespaced_deployment_scale(web, ns, {"spec": {"replicas": 1}})

    scale = apps.patch_namespaced_deployment_scale(web, ns, {"spec": {"replicas": 0}})

    assert scale.kind == "Scale"
    assert scale.spec.replicas is None
    assert apps.read_namespaced_deployment(web, ns).spec.replicas == 0


def test_a_scale_of_another_uid_is_a_conflict(apps, ns, web) -> None:
    with refused(409):
        apps.patch_namespaced_deployment_scale(web, ns, {"metadata": {"uid": str(uuid4())}, "spec": {"replicas": 3}})


def test_a_scale_with_a_stale_version_is_a_conflict(apps, ns, web) -> None:
    stale = apps.read_namespaced_deployment(web, ns).metadata.resource_version
    annotate(apps, ns, web, "newer")

    with refused(409):
        apps.patch_namespaced_deployment_scale(
            web, ns, {"metadata": {"resourceVersion": stale}, "spec": {"replicas": 3}}
        )  # fmt: skip


def test_an_image_is_patched_by_the_containers_name_and_the_rest_stays(apps, ns, web) -> None:
    image = {"containers": [{"name": "app", "image": "nginx:1.28"}]}

    apps.patch_namespaced_deployment(web, ns, {"spec": {"template": {"spec": image}}})

    containers = apps.read_namespaced_deployment(web, ns).spec.template.spec.containers
    assert {each.name: (each.image, bool(each.env)) for each in containers} == {
        "app": ("nginx:1.28", True),
        "side": ("busybox:1", False),
    }


def test_an_environment_variable_is_patched_by_its_name_and_others_stay(apps, ns, web) -> None:
    environment = {"containers": [{"name": "app", "env": [{"name": "LEVEL", "value": "high"}]}]}

    apps.patch_namespaced_deployment(web, ns, {"spec": {"template": {"spec": environment}}})

    app = apps.read_namespaced_deployment(web, ns).spec.template.spec.containers[0]
    assert {each.name: each.value for each in app.env} == {"GREETING": "hello", "LEVEL": "high"}


def test_the_generation_rises_for_an_annotation_and_for_a_spec(apps, ns, web) -> None:
    eventually(lambda: settled(apps.read_namespaced_deployment(web, ns)))
    first = apps.read_namespaced_deployment(web, ns).metadata

    second = annotate(apps, ns, web, "seen").metadata
    third = apps.patch_namespaced_deployment(web, ns, {"spec": {"minReadySeconds": 0, "replicas": 1}}).metadata

    assert [second.generation - first.generation, third.generation - second.generation] == [1, 1]
    assert len({first.resource_version, second.resource_version, third.resource_version}) == 3


def settled(found: client.V1Deployment) -> bool:
    return bool(found.status) and (found.status.observed_generation or 0) >= found.metadata.generation


def test_a_stale_put_is_a_conflict(apps, ns, web) -> None:
    stale = apps.read_namespaced_deployment(web, ns)
    annotate(apps, ns, web, "newer")

    with refused(409):
        apps.replace_namespaced_deployment(web, ns, stale)


def test_a_patch_with_a_stale_version_is_a_conflict(apps, ns, web) -> None:
    stale = apps.read_namespaced_deployment(web, ns).metadata.resource_version
    annotate(apps, ns, web, "newer")

    with refused(409):
        apps.patch_namespaced_deployment(web, ns, {"metadata": {"resourceVersion": stale}, "spec": {"replicas": 5}})


def test_a_patch_with_another_uid_is_refused(apps, ns, web) -> None:
    with pytest.raises(ApiException) as stopped:
        apps.patch_namespaced_deployment(web, ns, {"metadata": {"uid": str(uuid4())}, "spec": {"replicas": 5}})

    assert stopped.value.status in {409, 422}
    assert apps.read_namespaced_deployment(web, ns).spec.replicas == 0


def test_null_removes_an_annotation(apps, ns, web) -> None:
    annotate(apps, ns, web, "seen")

    annotate(apps, ns, web, None)

    assert "example.org/note" not in (apps.read_namespaced_deployment(web, ns).metadata.annotations or {})


def test_a_json_patch_changes_what_its_path_names(apps, ns, web) -> None:
    operations = [
        {"op": "test", "path": "/spec/template/spec/containers/0/name", "value": "app"},
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:1.28"},
    ]

    patched = apps.patch_namespaced_deployment(web, ns, operations)

    assert [each.image for each in patched.spec.template.spec.containers] == ["nginx:1.28", "busybox:1"]


def test_a_config_map_keeps_the_keys_that_a_patch_does_not_name(core, ns) -> None:
    name = unique("flags")
    core.create_namespaced_config_map(ns, {"metadata": {"name": name}, "data": {"a": "1", "b": "2"}})

    patched = core.patch_namespaced_config_map(name, ns, {"data": {"a": "3"}})

    assert patched.data == {"a": "3", "b": "2"}


def test_an_autoscaler_is_made_patched_and_listed(kubernetes_api, ns) -> None:
    scaling = client.AutoscalingV2Api(kubernetes_api)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"}
    name = unique("scaler")
    made = {"metadata": {"name": name}, "spec": {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": target}}
    scaling.create_namespaced_horizontal_pod_autoscaler(ns, made)

    patched = scaling.patch_namespaced_horizontal_pod_autoscaler(name, ns, {"spec": {"maxReplicas": 7}})

    listed = {each.metadata.name: each for each in scaling.list_namespaced_horizontal_pod_autoscaler(ns).items}
    assert (patched.spec.min_replicas, patched.spec.max_replicas) == (2, 7)
    assert listed[name].spec.scale_target_ref.name == "nobody"


def test_a_delete_with_another_uid_is_a_conflict(apps, ns, web) -> None:
    with refused(409):
        apps.delete_namespaced_deployment(web, ns, body={"preconditions": {"uid": str(uuid4())}})


def test_a_deleted_deployment_is_not_found(apps, ns) -> None:
    name = unique("brief")
    apps.create_namespaced_deployment(ns, make_deployment(name, replicas=0))

    apps.delete_namespaced_deployment(name, ns)

    with refused(404):
        apps.read_namespaced_deployment(name, ns)


# Lists and watches


def test_a_field_selector_finds_one_by_name(apps, ns, web) -> None:
    found = apps.list_namespaced_deployment(ns, field_selector=f"metadata.name={web}").items

    assert [each.metadata.name for each in found] == [web]


def test_a_label_selector_leaves_out_what_it_does_not_name(core, ns) -> None:
    assert not core.list_namespaced_pod(ns, label_selector="app=nobody").items


def test_a_watch_from_a_version_tells_what_came_after_and_ends_when_asked_to(apps, ns, web) -> None:
    since = apps.list_namespaced_deployment(ns).metadata.resource_version
    seen = []

    def follow() -> None:
        stream = watch.Watch().stream(apps.list_namespaced_deployment, ns, resource_version=since, timeout_seconds=2)
        seen.extend((each["type"], each["object"].metadata.name) for each in stream)

    follower = threading.Thread(target=follow)
    follower.start()
    annotate(apps, ns, web, "watched")
    follower.join(8)

    assert not follower.is_alive()
    assert ("MODIFIED", web) in seen


# Pods


def test_a_rollout_makes_pods_with_logs_and_a_revision_for_each_template(apps, core, ns, web) -> None:
    def complete() -> bool:
        found = apps.read_namespaced_deployment(web, ns)
        counts = found.status and (found.status.updated_replicas, found.status.available_replicas, found.status.replicas)
        return settled(found) and counts == (2, 2, 2)

    def pods() -> list[client.V1Pod]:
        found = core.list_namespaced_pod(ns, label_selector=f"app={web}").items
        return [each for each in found if not each.metadata.deletion_timestamp]

    apps.patch_namespaced_deployment_scale(web, ns, {"spec": {"replicas": 2}})
    eventually(complete, seconds=60)
    second = {"containers": [{"name": "app", "image": "nginx:1.28"}]}
    apps.patch_namespaced_deployment(web, ns, {"spec": {"template": {"spec": second}}})
    eventually(complete, seconds=60)

    running = eventually(lambda: pods() if len(pods()) == 2 else [], seconds=60)
    uid = apps.read_namespaced_deployment(web, ns).metadata.uid
    owned = [
        each
        for each in apps.list_namespaced_replica_set(ns).items
        if any(owner.uid == uid and owner.controller for owner in each.metadata.owner_references or [])
    ]
    revisions = {
        each.spec.template.spec.containers[0].image: each.metadata.annotations["deployment.kubernetes.io/revision"]
        for each in owned
    }
    assert revisions == {"nginx:1.27": "1", "nginx:1.28": "2"}
    assert core.read_namespaced_pod_log(running[0].metadata.name, ns, container="app", tail_lines=5)


# Server-side apply, dry runs, routes


def test_server_side_apply_takes_away_what_is_no_longer_named(apps, ns) -> None:
    fewer = make_deployment("applied", image="nginx:1.28", replicas=0)
    del fewer["spec"]["template"]["spec"]["containers"][1]

    apps.patch_namespaced_deployment(
        "applied", ns, make_deployment("applied", replicas=0), field_manager="probe", force=True, **APPLY
    )
    applied = apps.patch_namespaced_deployment("applied", ns, fewer, field_manager="probe", force=True, **APPLY)

    assert [each.name for each in applied.spec.template.spec.containers] == ["app"]
    assert "probe" in [each.manager for each in applied.metadata.managed_fields]


def test_server_side_apply_of_what_another_manages_is_a_conflict(apps, ns) -> None:
    first, second = make_deployment("contested", replicas=0), make_deployment("contested", replicas=7)
    apps.patch_namespaced_deployment("contested", ns, first, field_manager="probe", force=True, **APPLY)

    with refused(409):
        apps.patch_namespaced_deployment("contested", ns, second, field_manager="other", force=False, **APPLY)


def test_the_dynamic_client_applies(kubernetes_api, ns) -> None:
    maps = DynamicClient(kubernetes_api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic", "namespace": ns}, "data": {"k": "v"}}

    made = maps.server_side_apply(body=body, namespace=ns, name="dynamic", field_manager="probe", force_conflicts=True)

    assert made.data["k"] == "v"
    assert made.metadata.uid


def test_a_dry_run_makes_nothing(apps, ns) -> None:
    apps.create_namespaced_deployment(ns, make_deployment("dry"), dry_run="All")

    with refused(404):
        apps.read_namespaced_deployment("dry", ns)


def test_weights_of_a_route_are_patched_and_checked(custom, ns) -> None:
    route = unique("route")
    custom.create_namespaced_custom_object(*GATEWAY, ns, "httproutes", {"metadata": {"name": route}} | HTTP_ROUTE)
    weight = [{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 25}]

    def weights(route: dict) -> list[int]:
        return [each["weight"] for each in route["spec"]["rules"][0]["backendRefs"]]

    def merged(*weights: int) -> dict:
        named = zip(("blue", "green"), weights, strict=True)
        return {"spec": {"rules": [{"backendRefs": [{"name": n, "port": 80, "weight": w} for n, w in named]}]}}

    by_json = custom.patch_namespaced_custom_object(
        *GATEWAY, ns, "httproutes", route, weight, _content_type="application/json-patch+json"
    )
    by_merge = custom.patch_namespaced_custom_object(
        *GATEWAY, ns, "httproutes", route, merged(1, 9), _content_type="application/merge-patch+json"
    )

    assert weights(by_json) == [25, 0]
    assert weights(by_merge) == [1, 9]
    with refused(422):
        custom.patch_namespaced_custom_object(
            *GATEWAY, ns, "httproutes", route, merged(-5, 9), _content_type="application/merge-patch+json"
        )


def test_a_canary_annotation_of_an_ingress_is_patched_and_the_others_stay(kubernetes_api, ns) -> None:
    networking = client.NetworkingV1Api(kubernetes_api)
    canary, weight = "nginx.ingress.kubernetes.io/canary", "nginx.ingress.kubernetes.io/canary-weight"
    backend = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    described = {"metadata": {"name": "canary", "annotations": {canary: "true", weight: "0"}}, "spec": backend}
    networking.create_namespaced_ingress(ns, described)

    patched = networking.patch_namespaced_ingress("canary", ns, {"metadata": {"annotations": {weight: "30"}}})

    assert patched.metadata.annotations == {canary: "true", weight: "30"}


def test_an_apply_conflict_names_managers_and_fields_by_its_causes(apps, ns) -> None:
    name = unique("contested")
    apps.patch_namespaced_deployment(name, ns, make_deployment(name, replicas=0), field_manager="probe", **APPLY)

    with refused(409) as conflict:
        apps.patch_namespaced_deployment(name, ns, make_deployment(name, replicas=7), field_manager="other", **APPLY)

    [cause] = json.loads(conflict.value.body)["details"]["causes"]
    assert cause["reason"] == "FieldManagerConflict"
    assert 'conflict with "probe"' in cause["message"]
    assert cause["field"] == ".spec.replicas"


def test_what_is_applied_again_unchanged_keeps_its_version_and_what_others_set_stays(core, ns) -> None:
    name = unique("steady")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}}
    core.patch_namespaced_config_map(name, ns, body, field_manager="probe", **APPLY)
    others = core.patch_namespaced_config_map(name, ns, {"data": {"b": "2"}}).metadata

    again = core.patch_namespaced_config_map(name, ns, body, field_manager="probe", **APPLY)

    assert again.data == {"a": "1", "b": "2"}
    assert again.metadata.resource_version == others.resource_version


def test_an_update_and_an_apply_of_one_name_are_two_managers(core, ns) -> None:
    name = unique("names")
    core.create_namespaced_config_map(ns, {"metadata": {"name": name}, "data": {"a": "1"}}, field_manager="probe")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "2"}}

    with refused(409):
        core.patch_namespaced_config_map(name, ns, body, field_manager="probe", **APPLY)
    forced = core.patch_namespaced_config_map(name, ns, body, field_manager="probe", force=True, **APPLY)

    assert ("probe", "Apply") in [(each.manager, each.operation) for each in forced.metadata.managed_fields]
    assert forced.data == {"a": "2"}


def test_a_tried_apply_gives_what_would_be_and_keeps_nothing(core, ns) -> None:
    name = unique("tried")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}}
    core.patch_namespaced_config_map(name, ns, body, field_manager="probe", **APPLY)
    body["data"] = {"a": "2"}

    tried = core.patch_namespaced_config_map(name, ns, body, field_manager="probe", dry_run="All", **APPLY)

    assert tried.data == {"a": "2"}
    assert core.read_namespaced_config_map(name, ns).data == {"a": "1"}


def test_a_try_in_a_namespace_that_is_not_there_is_not_found(core) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {}}

    with refused(404):
        core.patch_namespaced_config_map("x", unique("nowhere"), body, field_manager="probe", dry_run="All", **APPLY)


def test_the_kinds_of_a_version_are_listed_with_whether_they_stand_in_a_namespace(kubernetes_api) -> None:
    cluster = Cluster(api=kubernetes_api)

    core_kinds, gateway = (
        cluster.request("list", "GET", path)["resources"] for path in ("/api/v1", f"/apis/{'/'.join(GATEWAY)}")
    )

    namespaced = {each["kind"]: each["namespaced"] for each in core_kinds if "/" not in each["name"]}
    assert (namespaced["Namespace"], namespaced["ConfigMap"]) == (False, True)
    assert "httproutes" in {each["name"] for each in gateway}


def test_a_stale_merge_of_a_routes_rules_is_a_conflict(custom, ns) -> None:
    route = unique("route")
    made = custom.create_namespaced_custom_object(*GATEWAY, ns, "httproutes", {"metadata": {"name": route}} | HTTP_ROUTE)
    merge = {"_content_type": "application/merge-patch+json"}
    labelled = {"metadata": {"labels": {"changed": "meanwhile"}}}
    custom.patch_namespaced_custom_object(*GATEWAY, ns, "httproutes", route, labelled, **merge)

    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": made["spec"]}
    with refused(409):
        custom.patch_namespaced_custom_object(*GATEWAY, ns, "httproutes", route, stale, **merge)


# The manifests of deployments/kubernetes


def test_the_server_would_take_every_manifest_as_it_is_written(kubernetes_api, ns) -> None:
    wanted = [manifest_in(ns, each) for folder in (FOLDER, APPLICATION) for each in manifests(folder)]

    seen = Applier(cluster=Cluster(api=kubernetes_api), force=True).try_all(wanted)

    assert len(seen) == len(wanted) > 30
    assert {str(each): each.name for each in wanted if seen[str(each)].found is Found.OTHER} == {}


def manifest_in(namespace: str, content: dict) -> Manifest:
    """Give a manifest moved into the namespace of the tests; what stands in none stays there."""
    placed = "" if content["kind"] in {"Namespace", "ClusterRole", "ClusterRoleBinding"} else namespace
    metadata = content["metadata"] | ({"namespace": placed} if placed else {})
    return Manifest(
        api_version=content["apiVersion"],
        kind=content["kind"],
        name=metadata["name"],
        namespace=placed,
        content=content | {"metadata": metadata},
    )


def test_the_server_would_take_the_job_that_a_worker_makes_of_a_run(kubernetes_api, ns) -> None:
    job = job_of_a_run(service_account_name="continuity-acting")
    job["metadata"]["namespace"] = ns
    # Prefect's worker insists on them where Kubernetes knows neither.
    for unknown in ("parallelism", "completions"):
        del job["spec"]["template"]["spec"][unknown]
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["prefect", "flow-run", "execute"]

    made = client.BatchV1Api(kubernetes_api).create_namespaced_job(ns, job, dry_run="All", field_validation="Strict")

    assert made.metadata.name.startswith("back-up-blottr-")
    assert made.spec.template.spec.containers[0].security_context.read_only_root_filesystem
