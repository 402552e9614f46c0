"""The stand-in for Kubernetes: its pods are processes, and end when they should."""

import json
import os
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from kubernetes import client, config
from kubernetes.client.rest import ApiException

from deployments.local import processes
from deployments.local.kubernetes import service
from deployments.local.services import stop_service
from tests.fixtures.cluster import CRASHING, CUSTOM, IMAGES, eventually, image_of, make_deployment


@pytest.fixture
def apps(local_cluster: service.LocalCluster, kubernetes_api: client.ApiClient) -> client.AppsV1Api:
    return client.AppsV1Api(kubernetes_api)


@pytest.fixture
def core(kubernetes_api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(kubernetes_api)


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[service.LocalCluster]:
    """Run a stand-in for one test that ends or breaks it."""
    yield service.start_cluster(tmp_path, images=IMAGES, custom_resources=CUSTOM)
    stop_service(tmp_path, service.NAME)


def alone(name: str, image: str, **changes) -> dict:
    """Describe a Deployment of one container."""
    described = make_deployment(name, image=image, **changes)
    described["spec"]["template"]["spec"]["containers"].pop()
    return described


def pods_of(core: client.CoreV1Api, namespace: str) -> list[client.V1Pod]:
    return core.list_namespaced_pod(namespace).items


def running(core: client.CoreV1Api, namespace: str) -> list[client.V1Pod]:
    return [each for each in pods_of(core, namespace) if each.status.phase == "Running"]


def names_of(pods: list[client.V1Pod]) -> set[str]:
    return {each.metadata.name for each in pods}


def waiting_reasons(core: client.CoreV1Api, namespace: str) -> set[str]:
    states = [each.state for pod in pods_of(core, namespace) for each in pod.status.container_statuses or []]
    return {state.waiting.reason for state in states if state.waiting}


def restarts_of(pod: client.V1Pod) -> int:
    return sum(each.restart_count for each in pod.status.container_statuses or [])


def processes_of(marker: str) -> list[int]:
    """Find processes by an environment variable that only they have."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_pod_is_listed_as_terminating_until_its_process_has_ended(apps, core, namespace) -> None:
    marked = [{"name": "MARK", "value": namespace}]
    apps.create_namespaced_deployment(namespace, alone("slow", "registry.example/slow:1", env=marked, grace_seconds=30))
    eventually(lambda: running(core, namespace) and processes_of(f"MARK={namespace}"))

    apps.patch_namespaced_deployment_scale("slow", namespace, {"spec": {"replicas": 0}})
    leaving = eventually(lambda: [each for each in pods_of(core, namespace) if each.metadata.deletion_timestamp])

    assert processes_of(f"MARK={namespace}")
    assert apps.read_namespaced_deployment("slow", namespace).spec.replicas == 0
    eventually(lambda: "closing" in core.read_namespaced_pod_log(leaving[0].metadata.name, namespace))
    eventually(lambda: not pods_of(core, namespace))
    assert not processes_of(f"MARK={namespace}")


def test_a_pod_that_ignores_sigterm_is_killed_after_its_grace_period(apps, core, namespace) -> None:
    apps.create_namespaced_deployment(namespace, alone("stubborn", "registry.example/stubborn:1", grace_seconds=1))
    eventually(lambda: running(core, namespace))

    apps.delete_namespaced_deployment("stubborn", namespace)

    assert pods_of(core, namespace)
    eventually(lambda: not pods_of(core, namespace), seconds=10)


def test_an_image_that_nobody_has_is_waited_for_in_back_off(apps, core, namespace) -> None:
    apps.create_namespaced_deployment(namespace, alone("missing", "registry.example/none@sha256:" + "0" * 64))

    eventually(lambda: waiting_reasons(core, namespace) == {"ImagePullBackOff"})

    assert not apps.read_namespaced_deployment("missing", namespace).status.available_replicas


def test_a_container_that_ends_is_started_again_after_ever_longer_pauses(apps, core, namespace) -> None:
    apps.create_namespaced_deployment(namespace, alone("crashing", "registry.example/crashing:1"))

    crashed = eventually(lambda: [p for p in pods_of(core, namespace) if restarts_of(p) >= 2])

    status = crashed[0].status.container_statuses[0]
    assert status.last_state.terminated.exit_code == 3
    assert waiting_reasons(core, namespace) <= {"CrashLoopBackOff"}
    assert "no schema" in core.read_namespaced_pod_log(crashed[0].metadata.name, namespace, previous=True)


def test_a_pod_is_ready_when_its_probe_succeeds_and_not_before(apps, core, namespace) -> None:
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    own = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    described = alone(
        "later", "registry.example/later:1", readinessProbe=probe, env=own, ports=[{"name": "http", "containerPort": 8080}]
    )
    apps.create_namespaced_deployment(namespace, described)

    pod = eventually(lambda: running(core, namespace))[0]

    assert not pod.status.container_statuses[0].ready
    eventually(lambda: apps.read_namespaced_deployment("later", namespace).status.available_replicas == 1)


def test_a_tag_is_reported_as_the_digest_that_runs(apps, core, namespace) -> None:
    apps.create_namespaced_deployment(namespace, alone("tagged", "nginx:1.28"))

    pod = eventually(lambda: running(core, namespace))[0]

    assert pod.status.container_statuses[0].image_id == f"nginx@sha256:{0x28:064x}"


def test_a_config_map_reaches_the_process_and_a_missing_one_holds_it_back(apps, core, namespace) -> None:
    described = alone("configured", "nginx:1.27", env=[], envFrom=[{"configMapRef": {"name": "greetings"}}])
    apps.create_namespaced_deployment(namespace, described)
    eventually(lambda: waiting_reasons(core, namespace) == {"CreateContainerConfigError"})

    core.create_namespaced_config_map(namespace, {"metadata": {"name": "greetings"}, "data": {"GREETING": "bonjour"}})

    pod = eventually(lambda: running(core, namespace))[0]
    eventually(lambda: core.read_namespaced_pod_log(pod.metadata.name, namespace) == "serving bonjour\n")


@pytest.mark.parametrize(
    ("command", "counts", "condition"),
    [(["true"], (1, None), "Complete"), (["false"], (None, 1), "Failed")],
)
def test_a_job_runs_its_command_to_the_end(kubernetes_api, local_cluster, core, namespace, command, counts, condition) -> None:
    batch = client.BatchV1Api(kubernetes_api)
    pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "nginx:1.27", "command": command}]}
    batch.create_namespaced_job(
        namespace, {"metadata": {"name": "check"}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    )

    status = eventually(lambda: (found := batch.read_namespaced_job("check", namespace).status).conditions and found)

    assert [each.type for each in status.conditions] == [condition]
    assert (status.succeeded, status.failed) == counts
    batch.delete_namespaced_job("check", namespace, propagation_policy="Background")
    eventually(lambda: not pods_of(core, namespace))


def test_a_rolling_update_to_a_broken_image_keeps_the_old_pods(apps, core, namespace) -> None:
    apps.create_namespaced_deployment(namespace, alone("web", "nginx:1.27", replicas=3))
    eventually(lambda: apps.read_namespaced_deployment("web", namespace).status.available_replicas == 3)

    broken = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.example/none:1"}]}}}}
    apps.patch_namespaced_deployment("web", namespace, broken)
    eventually(lambda: "ImagePullBackOff" in waiting_reasons(core, namespace))

    status = apps.read_namespaced_deployment("web", namespace).status
    assert (status.available_replicas, status.updated_replicas) == (3, 1)


def test_objects_outlive_the_stand_in_and_its_pods_are_started_anew(own_cluster, tmp_path) -> None:
    former = config.new_client_from_config(str(own_cluster.kubeconfig))
    apps, core = client.AppsV1Api(former), client.CoreV1Api(former)
    made = apps.create_namespaced_deployment("default", alone("web", "nginx:1.27", replicas=2))
    before = eventually(lambda: names if len(names := names_of(running(core, "default"))) == 2 else set())

    stop_service(tmp_path, service.NAME)
    again = service.start_cluster(tmp_path, images=IMAGES, custom_resources=CUSTOM)

    api = config.new_client_from_config(str(again.kubeconfig))
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    assert apps.read_namespaced_deployment("web", "default").metadata.uid == made.metadata.uid
    assert eventually(lambda: names if len(names := names_of(running(core, "default"))) == 2 else set()) == before
    former.close()
    api.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_pod_outlives_the_stand_in(own_cluster, tmp_path, number) -> None:
    api = config.new_client_from_config(str(own_cluster.kubeconfig))
    marked = [{"name": "MARK", "value": str(tmp_path)}]
    client.AppsV1Api(api).create_namespaced_deployment("default", alone("web", "registry.example/stubborn:1", env=marked))
    eventually(lambda: processes_of(f"MARK={tmp_path}"))
    api.close()

    os.kill(own_cluster.service.pid, number)

    eventually(lambda: processes.identify(own_cluster.service.pid) is None)
    eventually(lambda: not processes_of(f"MARK={tmp_path}"))


def test_without_its_token_nothing_is_served_but_what_it_is(local_cluster: service.LocalCluster) -> None:
    connection = HTTPConnection("127.0.0.1", local_cluster.service.port, timeout=5)

    connection.request("GET", "/version")
    version = json.loads(connection.getresponse().read())
    connection.request("GET", "/api/v1/namespaces")
    refused = connection.getresponse()

    assert "stand-in" in version["gitVersion"]
    assert refused.status == 401
    assert local_cluster.kubeconfig.stat().st_mode & 0o777 == 0o600
    refused.read()
    connection.close()


def test_what_it_cannot_do_is_refused_and_may_be_tried(apps, namespace) -> None:
    described = alone("volumes", "nginx:1.27")
    described["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]

    tried = apps.create_namespaced_deployment(namespace, described, dry_run="All")

    assert tried.spec.template.spec.volumes[0].name == "data"
    with pytest.raises(ApiException, match="the stand-in has none of these"):
        apps.create_namespaced_deployment(namespace, described)


def test_an_image_that_is_pushed_later_is_found(own_cluster, tmp_path) -> None:
    api = config.new_client_from_config(str(own_cluster.kubeconfig))
    core = client.CoreV1Api(api)
    client.AppsV1Api(api).create_namespaced_deployment("default", alone("new", "registry.example/new:1"))
    eventually(lambda: waiting_reasons(core, "default") == {"ImagePullBackOff"})

    pushed = image_of("registry.example/new", 9, CRASHING, "1")
    service.start_cluster(tmp_path, images=[*IMAGES, pushed], custom_resources=CUSTOM)

    eventually(lambda: waiting_reasons(core, "default") == {"CrashLoopBackOff"})
    api.close()
