"""A canary ingress and a command keep the same contract as a route: read, compare and set, back exactly."""

import sys
from uuid import uuid4

import pytest
from kubernetes import client

from continuity.adapters.cluster_traffic import CommandTraffic, open_traffic, quieted, traffic_name
from continuity.domain.weights import CANARY, CANARY_WEIGHT
from continuity.errors import CheckFailed, ConfigurationRefused, NotInCluster, UnsafeOperation
from continuity.recovery_settings import ShiftSection
from continuity.settings import ClusterSection

URL = "http://127.0.0.1"


@pytest.fixture
def networking(kubernetes_api) -> client.NetworkingV1Api:
    return client.NetworkingV1Api(kubernetes_api)


@pytest.fixture
def canary(networking, namespace, local_cluster):
    backend = {"defaultBackend": {"service": {"name": "new", "port": {"number": 80}}}}
    annotations = {CANARY: "true", CANARY_WEIGHT: "0", "kept": "1"}
    networking.create_namespaced_ingress(namespace, {"metadata": {"name": "canary", "annotations": annotations}, "spec": backend})
    with open_traffic(
        ShiftSection(ingress=f"{namespace}/canary", url=URL), ClusterSection(kubeconfig=local_cluster.kubeconfig)
    ) as opened:
        yield opened


def annotations(networking, namespace) -> dict[str, str]:
    return networking.read_namespaced_ingress("canary", namespace).metadata.annotations


def test_a_canary_is_given_its_part_and_put_back_and_its_other_annotations_stay(canary, networking, namespace):
    former = canary.read()

    canary.put(canary.at(25, former.weights), uid=former.uid, over=[former.weights])
    shifted, now = canary.read(), annotations(networking, namespace)
    canary.put(former.weights, uid=former.uid)

    assert (former.percent, shifted.percent) == (0, 25)
    assert now == {CANARY: "true", CANARY_WEIGHT: "25", "kept": "1"}
    assert annotations(networking, namespace) == {CANARY: "true", CANARY_WEIGHT: "0", "kept": "1"}


def test_weights_are_set_only_over_those_that_are_known_and_on_the_same_object(canary, networking, namespace):
    former = canary.read()
    networking.patch_namespaced_ingress("canary", namespace, {"metadata": {"annotations": {CANARY_WEIGHT: "37"}}})

    with pytest.raises(UnsafeOperation, match="has weights that are not ours"):
        canary.put(canary.at(25, former.weights), uid=former.uid, over=[former.weights])
    with pytest.raises(UnsafeOperation, match="the object has uid"):
        canary.put(canary.at(25, former.weights), uid=str(uuid4()))

    assert annotations(networking, namespace)[CANARY_WEIGHT] == "37"


@pytest.mark.parametrize(
    ("ways", "name", "quiet"),
    [
        (
            {"route": "shop/web", "backend": "new"},
            "httproutes shop/web, backend new",
            {"kind": "HTTPRoute", "place": "shop/web", "backend": "new"},
        ),
        ({"ingress": "shop/new"}, "ingresses shop/new", {"kind": "Ingress", "place": "shop/new", "backend": ""}),
        ({"set_command": ["dns"], "read_command": ["dns"]}, "the command dns", {}),
    ],
)
def test_a_plan_names_what_divides_traffic_before_any_of_it_is_there(ways, name, quiet):
    shift = ShiftSection(url=URL, **ways)

    assert (traffic_name(shift), quieted(shift)) == (name, quiet)


def test_what_divides_traffic_has_to_be_named_and_there(namespace, local_cluster):
    with pytest.raises(ConfigurationRefused, match="does not say what divides traffic"), open_traffic(None, ClusterSection()):
        pass
    shift = ShiftSection(route=f"{namespace}/none", backend="new", url=URL)
    with open_traffic(shift, ClusterSection(kubeconfig=local_cluster.kubeconfig)) as opened, pytest.raises(NotInCluster):
        opened.read()


def command(tmp_path, setting: str, reading: str = "print(open(sys.argv[1]).read())", seconds: float = 5) -> CommandTraffic:
    state = tmp_path / "weight"
    state.write_text("0")
    run = [sys.executable, "-c"]
    return CommandTraffic(
        name="the command of this test",
        setting=(*run, f"import sys; {setting}", str(state), "{percent}"),
        reading=(*run, f"import sys; {reading}", str(state)),
        deadline_seconds=seconds,
    )


def test_a_command_sets_what_the_other_one_reads(tmp_path):
    dns = command(tmp_path, "open(sys.argv[1], 'w').write(sys.argv[2])")

    dns.put(dns.at(25, 0), over=[0])

    assert dns.read().percent == 25
    with pytest.raises(UnsafeOperation, match="has weights that are not ours: 25"):
        dns.put(50, over=[0])


@pytest.mark.parametrize(
    ("setting", "reading", "said"),
    [
        ("print('done')", "print(0)", "has ended well, and traffic is at 0 %, not at 10 %"),
        ("sys.exit(3)", "print(0)", "ended with 3"),
        ("pass", "print('a lot')", "does not say a percentage"),
        ("pass", "print(101)", "does not say a percentage"),
        ("pass", "pass", "does not say a percentage"),
        ("import time; time.sleep(9)", "print(0)", "did not end within 0.5 s"),
    ],
)
def test_a_command_that_does_not_show_its_effect_has_none(tmp_path, setting, reading, said):
    with pytest.raises(CheckFailed, match=said):
        command(tmp_path, setting, reading, seconds=0.5).put(10)
