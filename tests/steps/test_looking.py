"""After a rollback the live database, its query times, the pods and the rate of errors are looked at, and told."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from kubernetes import client
from psycopg.conninfo import conninfo_to_dict

from continuity.adapters.prometheus import read_number
from continuity.adapters.query_times import measure_queries
from continuity.domain.application import WorkloadRef
from continuity.domain.error_rate import ErrorWatch
from continuity.domain.pod_logs import LOG_CHARACTERS, end_of_log, mask
from continuity.domain.query_times import ProbeQuery, QueryTime, slower
from continuity.domain.verdict import judge_live
from continuity.errors import CheckFailed
from continuity.procedures.judging import judge_live_by
from continuity.settings import ClusterSection, PrometheusSection, TrafficSection
from continuity.steps.error_rate import WATCH_ERRORS
from continuity.steps.live import COMPARE_QUERY_TIMES, validating_live
from continuity.steps.pods import GATHER_PODS
from continuity.steps.step import World
from tests.fixtures.cluster import eventually, make_deployment
from tests.fixtures.model_world import RUN, a_world
from tests.fixtures.scripted_http import BAD, Reply, ok, scripted


def world_of(protected) -> World:
    return World(application=protected.application, environment=protected.environment, run=RUN)


def planned(manifest) -> dict:
    return {"point": manifest.id, "dump_sha256": manifest.dump.sha256}


def change(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(statement)


def test_the_live_database_is_judged_by_its_suites_and_a_rule_that_does_not_hold_is_noted(protect, validator):
    protected = protect("blottr")
    step = validating_live(judge_live_by(validator, protected.environment))
    manifest = protected.back_up()

    assert step.do(world_of(protected), planned(manifest))["noted"] == []
    change(
        protected.dsn,
        "update appointments set ends_at = starts_at - interval '1 hour' where id = (select min(id) from appointments)",
    )
    facts = step.do(world_of(protected), planned(manifest))

    assert facts["live verdict"] == "unhealthy"
    assert facts["not held"]
    assert "the live database: " in facts["noted"][0]


def test_a_live_database_of_which_nothing_could_be_decided_fails(protect):
    protected = protect("guestbook")
    manifest = protected.back_up()
    step = validating_live(lambda *_: judge_live([], now=datetime.now(UTC)))

    with pytest.raises(CheckFailed, match="the live database is not proven: no check was made"):
        step.do(world_of(protected), planned(manifest))


def test_a_backup_records_the_times_of_simple_queries_on_the_largest_tables(protect):
    protected = protect("guestbook")

    times = protected.back_up().query_times

    assert "last key of public.entries" in {each.name for each in times}
    assert all(each.seconds is not None and each.seconds < 1 for each in times), times


def test_queries_that_have_become_slow_are_noted_with_both_times(protect):
    protected = protect("guestbook")
    query = ProbeQuery(name="newest entries", sql="select f from newest_entries() f")
    change(protected.dsn, "create function newest_entries() returns int language sql as 'select 1'")
    protected = replace(protected, application=replace(protected.application, queries=(query,)))
    manifest = protected.back_up()
    assert COMPARE_QUERY_TIMES.do(world_of(protected), planned(manifest))["noted"] == []

    change(protected.dsn, "create or replace function newest_entries() returns int language sql as 'select 1 from pg_sleep(0.3)'")
    [noted] = COMPARE_QUERY_TIMES.do(world_of(protected), planned(manifest))["noted"]

    assert noted.startswith("query 'newest entries' took 30")
    assert noted.endswith("ms when the point was made")


def test_a_query_is_ended_at_its_limit_writes_nothing_and_quotes_no_row(make_database):
    dsn = make_database("guestbook")
    name = str(conninfo_to_dict(dsn)["dbname"])
    asked = [
        ProbeQuery(name="slow", sql="select pg_sleep(30)"),
        ProbeQuery(name="writes", sql="delete from entries"),
        ProbeQuery(name="quotes", sql="select words::int from entries"),
        ProbeQuery(name="braces", sql="select '{}' like '%'"),
    ]

    slow, writes, quotes, braces = measure_queries(dsn, name, asked, limit_seconds=0.2)

    assert "statement timeout" in slow.trouble
    assert writes.trouble
    assert quotes.trouble == "query 'quotes': InvalidTextRepresentation (22P02)"
    assert braces.seconds is not None


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [(0.001, 0.002, False), (0.001, 0.049, False), (0.1, 0.2, False), (0.02, 0.1, True), (1.0, 3.2, True), (None, 9.0, False)],
)
def test_only_three_times_and_50_ms_more_is_slower(then, now, told):
    before = [QueryTime(name="q", seconds=then)]

    assert bool(slower(before, [QueryTime(name="q", seconds=now)])) is told


WATCH = ErrorWatch(window_seconds=0.3, interval_seconds=0.02, most_percent=5)


def watched(url: str, prometheus: PrometheusSection | None = None):
    world = a_world()
    places = {"traffic": TrafficSection(url=url), "prometheus": prometheus}
    return WATCH_ERRORS.do(
        replace(
            world,
            application=replace(world.application, errors=WATCH),
            environment=world.environment.model_copy(update=places),
        ),
        {},
    )


def test_an_application_without_errors_passes_after_a_whole_window():
    with scripted(ok()) as script:
        facts = watched(script.url)

    assert facts["percent"] == 0
    assert len(script.requests) >= 5
    assert "requests of our own" in facts["source"]


def test_a_spike_of_errors_fails_with_the_rate_and_the_last_wrong_answer():
    with scripted(*[ok(), BAD] * 100) as script, pytest.raises(CheckFailed, match="of the answers are errors") as failed:
        watched(script.url)

    assert "answered 503" in failed.value.detail


def vector(*values: str) -> Reply:
    result = [{"metric": {}, "value": [1, value]} for value in values]
    return Reply(body=json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())


def test_where_prometheus_is_configured_its_rate_decides():
    with scripted(ok()) as script, scripted(vector("0.002", "0.2")) as prometheus:
        section = PrometheusSection(url=prometheus.url, error_rate='sum(rate(errors{app="shop"}[1m]))')
        with pytest.raises(CheckFailed, match=r"20\.0 % of the answers are errors \(Prometheus\)"):
            watched(script.url, section)

    assert prometheus.requests[0].path.startswith("/api/v1/query?query=sum%28rate%28errors%7B")


@pytest.mark.parametrize("reply", [vector(), vector("NaN"), BAD, Reply(body=b"[]")], ids=["none", "NaN", "down", "other"])
def test_where_prometheus_has_no_number_our_own_requests_decide_and_that_is_noted(reply):
    with scripted(ok()) as script, scripted(reply) as prometheus:
        facts = watched(script.url, PrometheusSection(url=prometheus.url, error_rate="rate"))

    assert facts["source"].endswith("requests of our own")
    assert "judged by our own requests alone" in facts["noted"][0]


def test_a_scalar_of_prometheus_is_a_number_too():
    body = {"status": "success", "data": {"resultType": "scalar", "result": [1, "0.5"]}}
    with scripted(Reply(body=json.dumps(body).encode())) as prometheus:
        assert read_number(PrometheusSection(url=prometheus.url, error_rate="x"), "x") == (0.5, "")


def test_pods_that_are_not_well_are_noted_and_their_logs_kept(kubernetes_api, local_cluster, namespace):
    apps = client.AppsV1Api(kubernetes_api)
    apps.create_namespaced_deployment(namespace, make_deployment("good"))
    apps.create_namespaced_deployment(namespace, make_deployment("bad", image="registry.example/crashing:1"))
    refs = tuple(WorkloadRef(namespace=namespace, name=name, containers=("app",)) for name in ("good", "bad", "missing"))
    world = a_world()
    world = replace(
        world,
        application=replace(world.application, workloads=refs),
        environment=world.environment.model_copy(update={"cluster": ClusterSection(kubeconfig=local_cluster.kubeconfig)}),
    )

    def gathered():
        facts = GATHER_PODS.do(world, {})
        logs = " ".join(text for pod in facts["pods"] for text in pod["logs"].values())
        return facts if "serving hello" in logs and "no schema" in logs and "restarted" in str(facts["noted"]) else None

    facts = eventually(gathered)

    assert any(note.startswith("pod bad-") for note in facts["noted"])
    assert any(note.startswith(f"the pods of {namespace}/missing could not be read") for note in facts["noted"])
    assert not any(note.startswith("pod good-") and "restarted" in note for note in facts["noted"])


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("connecting to postgresql://shop:hunter2@db:5432/shop", "connecting to postgresql://shop:•••@db:5432/shop"),
        ("redis://:hunter2@cache/0", "redis://:•••@cache/0"),
        ("DB_PASSWORD=hunter2 PORT=80", "DB_PASSWORD=••• PORT=80"),
        ('{"password": "hunter2", "user": "ada"}', '{"password": "•••", "user": "ada"}'),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer •••"),
        ("GET /artists 200 in 3 ms", "GET /artists 200 in 3 ms"),
    ],
)
def test_what_looks_like_a_secret_in_a_log_is_masked(said, shown):
    assert mask(said) == shown


def test_a_log_is_masked_before_it_is_cut_and_keeps_its_end():
    text = "password=" + "s" * (LOG_CHARACTERS + 10) + " the end\x1b[31m"

    assert end_of_log(text) == "password=••• the end[31m"
