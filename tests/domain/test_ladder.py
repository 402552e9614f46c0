"""Traffic comes back rung by rung, goes to nothing on the first doubt, and weights go back exactly."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.domain.ladder import Decision, Observation, Rules, climb, decide, shift_steps
from continuity.domain.weights import ALL, CANARY, CanaryWeights, RouteWeights
from continuity.errors import UnsafeOperation

RULES = Rules(hold_seconds=100, interval_seconds=10, settle_seconds=30, most_error_percent=1, most_latency_seconds=0.5)
GOOD = Observation(after_seconds=50, error_percent=0.5, latency_seconds=0.2)
ROUTE = RouteWeights(backend="new")


@pytest.mark.parametrize(
    ("change", "decision", "because"),
    [
        ({}, Decision.HOLD, "good for 50 of 100 s"),
        ({"after_seconds": 100}, Decision.UP, "good for 100 s"),
        ({"wrong": "answered 503, not 200"}, Decision.BACK, "the health check answered 503, not 200"),
        ({"error_percent": 1.1}, Decision.BACK, "1.1 % of the answers are errors, at most 1 % may be"),
        ({"latency_seconds": 0.6}, Decision.BACK, "answers take 0.60 s, at most 0.5 s may be"),
        ({"latency_seconds": float("nan")}, Decision.BACK, "answers take nan s, at most 0.5 s may be"),
        ({"error_percent": None}, Decision.BACK, "no error rate is known after 50 s"),
        ({"latency_seconds": None, "missing": "down"}, Decision.BACK, "no latency is known (down) after 50 s"),
        ({"error_percent": None, "after_seconds": 20}, Decision.HOLD, "no error rate is known yet"),
        ({"error_percent": None, "latency_seconds": 9, "after_seconds": 20}, Decision.BACK, "answers take 9.00 s"),
        ({"error_percent": 99, "after_seconds": 0}, Decision.BACK, "99.0 % of the answers are errors"),
    ],
)
def test_an_observation_decides_with_its_reason(change, decision, because):
    decided = decide(replace(GOOD, **change), RULES)

    assert decided.decision is decision
    assert because in decided.because


def test_a_number_that_never_comes_is_never_enough_to_go_up():
    never = replace(GOOD, error_percent=None, after_seconds=10)

    assert decide(never, replace(RULES, hold_seconds=10)).decision is Decision.BACK


@pytest.mark.parametrize(
    ("now", "wanted", "rungs"),
    [(0, 10, (10,)), (10, 25, (25,)), (25, 25, (25,)), (0, 50, (10, 25, 50)), (None, 50, (10, 25, 50)), (25, 100, (50, 100))],
)
def test_after_a_fall_the_climb_leaves_no_rung_out(now, wanted, rungs):
    assert climb(now, wanted) == rungs


def test_all_steps_but_the_first_take_the_former_weights_from_it():
    first, *others = shift_steps("httproutes shop/shop, backend new")

    assert "recorded by" not in first.arguments
    assert {each.arguments["recorded by"] for each in others} == {first.name}
    assert [each.arguments["rungs"] for each in others] == [[10, 25], [10, 25, 50], [10, 25, 50, 100]]


def a_route(*rules: list[tuple[str, int | None]]) -> dict:
    def backend(name: str, weight: int | None) -> dict:
        return {"name": name, "port": 80, **({} if weight is None else {"weight": weight})}

    return {"spec": {"rules": [{"backendRefs": [backend(*each) for each in rule], "matches": ["kept"]} for rule in rules]}}


weights = st.none() | st.integers(0, 3_000)
rules = st.lists(st.tuples(weights, st.lists(weights, min_size=1, max_size=3)), min_size=1, max_size=3)


@given(rules, st.sampled_from((0, 10, 25, 50, 100)))
def test_the_recovered_side_gets_exactly_its_part_and_goes_back_exactly(given_rules, percent):
    found = a_route(
        [("elsewhere", 3)], *[[("new", ours), *[(f"old-{n}", w) for n, w in enumerate(rest)]] for ours, rest in given_rules]
    )
    former = ROUTE.read(found)

    shifted = {**found, **ROUTE.patch(found, ROUTE.at(percent, former))}

    assert ROUTE.percent(ROUTE.read(shifted)) == percent
    assert shifted["spec"]["rules"][0] == found["spec"]["rules"][0]
    assert ROUTE.patch(shifted, former) == {"spec": found["spec"]}


def test_the_others_share_the_rest_as_they_did_before():
    former = ROUTE.read(a_route([("new", 0), ("old", 200), ("older", 100)]))

    assert ROUTE.at(25, former) == [[["new", 75], ["old", 150], ["older", 75]]]
    assert ROUTE.at(ALL, former) == [[["new", 300], ["old", 0], ["older", 0]]]


def test_no_visitor_is_sent_to_nobody():
    alone = ROUTE.read(a_route([("new", 1)]))

    with pytest.raises(UnsafeOperation, match="90 % of the visitors would get errors"):
        ROUTE.at(10, alone)
    assert ROUTE.percent(ROUTE.at(ALL, alone)) == ALL


def test_weights_that_hundredths_cannot_divide_are_refused():
    with pytest.raises(UnsafeOperation, match="too fine to be divided in hundredths"):
        ROUTE.at(10, ROUTE.read(a_route([("new", 0), ("old", 10_000), ("older", 1)])))


@pytest.mark.parametrize("found", [a_route([("old", 1)]), a_route(), {"spec": {}}])
def test_a_route_that_does_not_know_the_recovered_side_is_refused(found):
    with pytest.raises(UnsafeOperation, match="no rule of the route has the backend 'new'"):
        ROUTE.read(found)


def test_a_rule_that_knows_the_recovered_side_twice_is_refused():
    with pytest.raises(UnsafeOperation, match="has the backend 'new' twice"):
        ROUTE.read(a_route([("new", 1), ("old", 1), ("new", 0)]))


def test_a_canary_without_its_annotation_divides_nothing():
    with pytest.raises(UnsafeOperation, match="has not the annotation"):
        CanaryWeights().read({"metadata": {"annotations": {f"{CANARY}-weight": "10"}}})


@pytest.mark.parametrize(
    ("weight", "total", "percent"), [(None, None, 0), ("30", None, 30), ("30", "300", 10), ("x", None, None)]
)
def test_a_canarys_part_is_read_and_goes_back_exactly(weight, total, percent):
    named = {f"{CANARY}": "true", f"{CANARY}-weight": weight, f"{CANARY}-weight-total": total}
    found = {"metadata": {"annotations": {name: value for name, value in named.items() if value is not None}}}
    former = CanaryWeights().read(found)

    assert CanaryWeights().percent(former) == percent
    assert CanaryWeights().percent(CanaryWeights().at(25, former)) == 25
    assert CanaryWeights().patch(found, former) == {
        "metadata": {"annotations": {f"{CANARY}-weight": weight, f"{CANARY}-weight-total": total}}
    }
