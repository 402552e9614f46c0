"""The recovered side gets its visitors rung by rung, loses them on the first doubt, and former weights go back exactly."""

import time
from dataclasses import replace

import pytest
from kubernetes import client, watch

from continuity.domain.run import EntryKind, Outcome
from continuity.engine import Phase
from continuity.errors import ConfigurationRefused, ContinuityError
from continuity.journal import read_history
from continuity.recovery_settings import ShiftSection as Shift
from continuity.settings import PrometheusSection, parse
from continuity.steps.places import journals_of
from tests.fixtures.model_world import RUN, Killed
from tests.fixtures.recovering import Recovery, a_route
from tests.fixtures.scripted_http import BAD, Reply, ok, scripted

GATEWAY = ("gateway.networking.k8s.io", "v1")
FORMER = (("old", 3), ("new", None), ("older", 1))
AT = {
    "former": [3, None, 1],
    0: [300, 0, 100],
    10: [270, 40, 90],
    25: [225, 100, 75],
    50: [150, 200, 50],
    100: [0, 400, 0],
}


@pytest.fixture
def custom(kubernetes_api) -> client.CustomObjectsApi:
    return client.CustomObjectsApi(kubernetes_api)


@pytest.fixture
def recover(tmp_path, custom, local_cluster, namespace):
    """Make a route with odd weights, and return what begins a run on it."""
    custom.create_namespaced_custom_object(*GATEWAY, namespace, "httproutes", a_route(namespace, *FORMER))

    def begin(url: str, *, pivot: bool = False, **changes) -> Recovery:
        changes = {"rungs": (10, 25, 50, 100), **changes}
        made = Recovery(folder=tmp_path, namespace=namespace, kubeconfig=local_cluster.kubeconfig, url=url, **changes)
        first, *others = made.shifting()
        made.begin([replace(first, pivot=pivot), *others])
        return made

    return begin


@pytest.fixture
def route(custom, namespace):
    def read() -> list[int | None]:
        found = custom.get_namespaced_custom_object(*GATEWAY, namespace, "httproutes", "shop")
        return [each.get("weight") for each in found["spec"]["rules"][0]["backendRefs"]]

    return read


@pytest.fixture
def story(custom, namespace, recover):
    """Return which weights visitors have met since the run began, in their order: the cluster tells it afterwards."""
    listed = custom.list_namespaced_custom_object(*GATEWAY, namespace, "httproutes")
    since = listed["metadata"]["resourceVersion"]

    def tell() -> list[list[int | None]]:
        events = watch.Watch().stream(
            custom.list_namespaced_custom_object, *GATEWAY, namespace, "httproutes", resource_version=since, timeout_seconds=1
        )
        return [[each.get("weight") for each in event["object"]["spec"]["rules"][0]["backendRefs"]] for event in events]

    return tell


def saying(script, at: str, *replies: Reply):
    """Let the application answer otherwise from the moment that a step begins to act for the first time."""
    left = [replies]

    def observe(step, phase) -> None:
        if (step.name, phase) == (at, Phase.AFTER_INTENT) and left:
            script.replies[:] = left.pop()

    return observe


def set_weights(custom, namespace: str, *weights: tuple[str, int | None]) -> None:
    spec = a_route(namespace, *weights)["spec"]
    merge = {"_content_type": "application/merge-patch+json"}
    custom.patch_namespaced_custom_object(*GATEWAY, namespace, "httproutes", "shop", {"spec": spec}, **merge)


def vector(value: str) -> Reply:
    result = [{"metric": {}, "value": [1, value]}]
    return ok(status="success", data={"resultType": "vector", "result": result})


def done(recovery: Recovery) -> list[str]:
    entries = read_history(journals_of(recovery.world().environment), RUN).entries
    return [each.step for each in entries if each.kind is EntryKind.DONE]


def test_a_good_side_climbs_every_rung_and_each_is_watched(recover, story):
    with scripted(ok()) as script:
        recovery = recover(script.url)
        assert recovery.engine().carry_out().outcome is Outcome.DONE

    assert story() == [AT[10], AT[25], AT[50], AT[100]]
    assert len(script.requests) >= 4 * 2
    assert done(recovery) == [step.name for step in recovery.shifting()]


def test_a_side_that_falls_ill_is_at_zero_within_an_interval_and_the_former_weights_come_back(recover, story):
    with scripted(ok()) as script:
        recovery = recover(script.url, hold_seconds=0.5, interval_seconds=0.2, rungs=(25, 50, 100))
        ended = recovery.engine(observe=saying(script, "shift traffic to 50 %", ok(), BAD)).carry_out()

    assert ended.outcome is Outcome.UNDONE
    assert "traffic is back at 0 %: at 50 % the health check answered 503, not 200" in ended.because
    # No rung below is ever met again on the way back.
    assert story() == [AT[25], AT[50], AT[0], AT["former"]]
    assert script.replies == [BAD]


def test_past_the_pivot_it_stays_at_zero_and_resuming_climbs_from_the_bottom(recover, route, story):
    with scripted(ok()) as script:
        recovery = recover(script.url, rungs=(10, 25, 50), pivot=True)
        ended = recovery.engine(observe=saying(script, "shift traffic to 25 %", BAD, ok())).carry_out()
        fallen = route()
        assert recovery.engine().carry_out().outcome is Outcome.DONE

    assert ended.outcome is Outcome.INCOMPLETE
    assert fallen == AT[0]
    assert story() == [AT[10], AT[25], AT[0], AT[10], AT[25], AT[50]]


@pytest.mark.parametrize(
    ("reply", "because"),
    [
        (vector("0.2"), "20.0 % of the answers are errors, at most 1 % may be"),
        (vector("NaN"), "no error rate is known (Prometheus has no such number now)"),
        (BAD, "no error rate is known (Prometheus answered 503, not 200)"),
        (Reply(body=b"{}", delay_seconds=3), "no error rate is known (Prometheus gave no whole answer within"),
    ],
    ids=["errors", "none", "down", "hangs"],
)
def test_what_prometheus_says_or_cannot_say_is_a_doubt(recover, route, reply, because):
    with scripted(ok()) as script, scripted(reply) as prometheus:
        section = PrometheusSection(url=prometheus.url, error_rate="errors")
        began = time.monotonic()
        ended = recover(script.url, prometheus=section, interval_seconds=0.3).engine().carry_out()

    assert because in ended.because
    assert route() == AT["former"]
    assert time.monotonic() - began < 2


def test_weights_that_somebody_else_has_set_are_left_alone(recover, route, custom, namespace):
    with scripted(ok()) as script:
        recovery = recover(script.url)

        def observe(step, phase) -> None:
            if (step.name, phase) == ("shift traffic to 25 %", Phase.DONE):
                set_weights(custom, namespace, ("old", 1), ("new", 1), ("older", 1))
                raise Killed

        with pytest.raises(Killed):
            recovery.engine(observe=observe).carry_out()
        engine = recovery.engine()
        with pytest.raises(ContinuityError, match="somebody else has acted on it"):
            engine._attempt(engine.journal.plan.step("shift traffic to 50 %"), engine.kinds["shift traffic"])
        ended = recovery.engine().take_back()

    assert ended.outcome is Outcome.UNDO_INCOMPLETE
    assert "has weights that are not ours" in ended.because
    assert route() == [1, 1, 1]


def test_killed_while_it_watches_it_watches_again(recover, route):
    with scripted(ok()) as script:
        recovery = recover(script.url, rungs=(10,))

        def observe(_step, phase) -> None:
            if phase is Phase.ACTED:
                raise Killed

        with pytest.raises(Killed):
            recovery.engine(observe=observe).carry_out()
        asked = len(script.requests)
        assert recovery.engine().carry_out().outcome is Outcome.DONE

    assert len(script.requests) >= asked + 2
    assert route() == AT[10]


def test_a_watch_that_breaks_leaves_nobody_unwatched(recover, route, monkeypatch):
    def broken(*_arguments):
        raise RuntimeError("a mistake of our own")

    with scripted(ok()) as script:
        recovery = recover(script.url)
        monkeypatch.setattr("continuity.steps.shifting.decide", broken)
        engine = recovery.engine()
        step = engine.journal.plan.steps[0]
        with pytest.raises(RuntimeError):
            engine._attempt(step, engine.kinds[step.kind])

    assert route() == AT[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "exactly one of route, ingress and set_command"),
        ({"route": "shop/shop"}, "route and backend belong together"),
        ({"set_command": ["x"]}, "set_command and read_command belong together"),
        ({"ingress": "shop/canary", "rungs": [50, 25]}, "rungs have to rise"),
        ({"ingress": "canary"}, "ingress"),
    ],
)
def test_what_divides_traffic_is_said_once_and_whole(content, said, tmp_path):
    with pytest.raises(ConfigurationRefused, match=said):
        parse(Shift, content | {"url": "http://127.0.0.1"}, source=tmp_path)
