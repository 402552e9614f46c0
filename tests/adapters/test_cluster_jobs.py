"""A command in the application's own image, as a Job."""

import time

import pytest
from kubernetes import client

from continuity.adapters.cluster_jobs import run_job
from continuity.adapters.cluster_pods import list_pods
from continuity.domain.application import WorkloadRef
from continuity.errors import ClusterError, NotInCluster
from tests.fixtures.cluster import eventually, make_deployment
from tests.fixtures.fault_proxy import Fault


@pytest.fixture
def web(kubernetes_api, namespace) -> WorkloadRef:
    client.AppsV1Api(kubernetes_api).create_namespaced_deployment(namespace, make_deployment("web", replicas=0))
    return WorkloadRef(namespace=namespace, name="web", containers=("app",))


def left_behind(kubernetes_api, namespace) -> list:
    jobs = client.BatchV1Api(kubernetes_api).list_namespaced_job(namespace).items
    return jobs + client.CoreV1Api(kubernetes_api).list_namespaced_pod(namespace).items


def run(cluster, ref, *command: str, seconds: int = 15, **changes):
    return run_job(cluster, ref, name="check-login", command=command, deadline_seconds=seconds, **changes)


def test_a_command_runs_with_the_containers_environment_and_its_output_is_kept(cluster, kubernetes_api, web) -> None:
    result = run(cluster, web, "sh", "-c", "echo $GREETING")

    assert (result.succeeded, result.output) == (True, "hello\n")
    eventually(lambda: not left_behind(kubernetes_api, web.namespace))


def test_a_command_that_fails_says_so_and_keeps_its_output(cluster, web) -> None:
    result = run(cluster, web, "sh", "-c", "echo broken; exit 2")

    assert not result.succeeded
    assert (result.because, result.output) == ("BackoffLimitExceeded", "broken\n")


def test_a_command_past_its_deadline_is_ended(cluster, kubernetes_api, web) -> None:
    started = time.monotonic()

    result = run(cluster, web, "sleep", "60", seconds=1)

    assert (result.succeeded, result.because) == (False, "DeadlineExceeded")
    assert time.monotonic() - started < 10
    eventually(lambda: not left_behind(kubernetes_api, web.namespace))


def test_an_image_that_cannot_be_pulled_ends_it_at_once(cluster, web) -> None:
    result = run(cluster, web, "true", image="registry.example/none@sha256:" + "0" * 64, seconds=60)

    assert not result.succeeded
    assert "Image" in result.because
    assert result.seconds < 10


def test_its_pod_is_none_of_the_workloads(cluster, kubernetes_api, web) -> None:
    seen = []
    command = ["sh", "-c", "sleep 1"]

    import threading

    worker = threading.Thread(target=lambda: run(cluster, web, *command))
    worker.start()
    eventually(lambda: client.CoreV1Api(kubernetes_api).list_namespaced_pod(web.namespace).items)
    seen = list_pods(cluster, web)
    worker.join()

    assert seen == ()


def test_a_job_that_an_interrupted_call_left_is_waited_for_and_not_run_again(
    shaky_cluster, cluster_proxy, cluster, kubernetes_api, web, tmp_path
) -> None:
    command = ["sh", "-c", f"echo once >> {tmp_path}/ran; sleep 0.5"]
    cluster_proxy.add(Fault(match="^POST .*jobs", drop_response=True))
    with pytest.raises(ClusterError) as interrupted:
        run(shaky_cluster, web, *command)

    result = run(shaky_cluster, web, *command)

    assert interrupted.value.transient
    assert result.succeeded
    assert (tmp_path / "ran").read_text() == "once\n"


def test_a_workload_that_is_not_there_is_named(cluster, web) -> None:
    with pytest.raises(NotInCluster):
        run(cluster, WorkloadRef(namespace=web.namespace, name="none", containers=("app",)), "true")
