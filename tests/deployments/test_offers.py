"""What is offered in Prefect: the file for `prefect deploy`, and what is registered on a server, are the same."""

import importlib
import time
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.flows import Flow

from continuity.adapters.application_files import list_applications, load_application
from continuity.domain.choice import ByRule
from deployments.local.sample_application import KNOWN_FLAGS
from deployments.offers import JOB_ENVIRONMENT, OFFERS, SAMPLES, WORK_POOL, definitions, minute_of, prefect_file
from deployments.serving import form_of, register
from flows.protection import OWN_LOGGERS

FILE = Path(__file__).parents[2] / "deployments/prefect.yaml"


def _flow(entrypoint: str) -> Flow:
    module, _, name = entrypoint.partition(":")
    return getattr(importlib.import_module(module), name)


def _written() -> list[dict]:
    return yaml.safe_load(FILE.read_text())["deployments"]


def test_the_file_is_what_the_offers_make_of_the_sample_applications():
    assert FILE.read_text().splitlines() == list(prefect_file(definitions(list_applications(SAMPLES))))


@pytest.mark.parametrize("deployment", _written(), ids=lambda each: each["name"])
def test_each_deployment_of_the_file_has_a_flow_that_takes_its_parameters_and_starts_in_utc(deployment):
    flow = _flow(deployment["entrypoint"])

    assert isinstance(flow, Flow)
    assert deployment["name"].startswith(f"{deployment['parameters']['application']}-")
    assert deployment["work_pool"] == {"name": WORK_POOL, "job_variables": {"env": JOB_ENVIRONMENT}}
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert deployment["description"]
    assert deployment["tags"]
    for schedule in deployment["schedules"]:
        assert schedule["timezone"] == "UTC"
        assert len(schedule["cron"].split()) == 5
        flow.validate_parameters(deployment["parameters"] | schedule.get("parameters", {}))


def test_every_form_is_flat_and_offers_one_application():
    for offer in OFFERS:
        form = form_of(_flow(offer.entrypoint), "shop")

        assert form["properties"]["application"]["enum"] == ["shop"]
        for name, field in form["properties"].items():
            assert field["description"], name
            assert "anyOf" not in field, name
            assert (
                field.get("type") in {"string", "boolean", "integer"}
                or "enum" in form["definitions"][field["$ref"].split("/")[-1]]
            )


def test_the_form_of_a_drill_offers_every_rule_by_which_a_point_is_chosen():
    form = form_of(_flow("flows.drill:restore_drill"), "shop")

    assert form["definitions"]["ByRule"]["enum"] == [each.value for each in ByRule]


def test_the_form_of_a_feature_offers_the_flags_that_the_application_describes_and_else_takes_any_name():
    described = {name: load_application(SAMPLES, name) for name in list_applications(SAMPLES)}
    choices = {each.name: each.choices for each in definitions(described, described)}

    form = form_of(_flow("flows.feature:switch_feature"), "blottr", choices["blottr-feature"])

    assert form["properties"]["flag"]["enum"] == list(KNOWN_FLAGS)
    assert choices["guestbook-feature"] == {}
    assert "enum" not in form_of(_flow("flows.feature:switch_feature"), "guestbook")["properties"]["flag"]


@pytest.mark.parametrize("point_id", ["newest", "blottr-20261124", "blottr-20261124T014041Z; drop"])
def test_an_id_that_cannot_be_one_is_refused_before_anything_runs(point_id):
    flow = _flow("flows.drill:restore_drill")

    with pytest.raises(Exception, match="pattern"):
        flow.validate_parameters({"application": "blottr", "point_id": point_id})


def test_runs_of_two_applications_start_apart_and_another_application_moves_none():
    assert minute_of("blottr") != minute_of("guestbook")
    assert definitions(["blottr"]) == definitions(["blottr", "guestbook"])[: len(OFFERS)]


def test_the_log_lines_of_the_product_go_into_the_log_of_the_run():
    assert JOB_ENVIRONMENT["PREFECT_LOGGING_EXTRA_LOGGERS"].split(",") == list(OWN_LOGGERS)


def test_what_is_registered_is_what_the_file_says(prefect_server):
    register(definitions(list_applications(SAMPLES)), api_url=prefect_server.api_url)
    register(definitions(list_applications(SAMPLES)), api_url=prefect_server.api_url)

    with get_client(sync_client=True) as client:
        for written in _written():
            flow = _flow(written["entrypoint"])
            found = client.read_deployment_by_name(f"{flow.name}/{written['name']}")
            crons = {schedule.slug: schedule.schedule.cron for schedule in found.schedules}
            parameters = {schedule.slug: schedule.parameters for schedule in found.schedules}
            assert (found.entrypoint, found.parameters) == (written["entrypoint"], written["parameters"])
            assert (set(found.tags), found.description) == (set(written["tags"]), written["description"])
            assert (found.work_pool_name, found.job_variables) == (WORK_POOL, {"env": JOB_ENVIRONMENT})
            assert crons == {each["slug"]: each["cron"] for each in written["schedules"]}
            assert parameters == {each["slug"]: each.get("parameters", {}) for each in written["schedules"]}
            assert found.global_concurrency_limit.limit == 1
            assert found.concurrency_options.collision_strategy == "CANCEL_NEW"


def test_the_server_puts_the_nightly_runs_on_its_list(prefect_server):
    register(definitions(["shop"]), api_url=prefect_server.api_url)
    with get_client(sync_client=True) as client:
        backup = client.read_deployment_by_name("nightly-backup/shop-backup")
        chosen = DeploymentFilter(id=DeploymentFilterId(any_=[backup.id]))
        deadline = time.monotonic() + 90

        while not (runs := client.read_flow_runs(deployment_filter=chosen)) and time.monotonic() < deadline:
            time.sleep(0.5)

    assert {(run.expected_start_time.hour, run.expected_start_time.minute) for run in runs} == {(1, minute_of("shop"))}


def test_the_form_of_a_phase_offers_the_phases_that_the_application_describes():
    described = {"blottr": load_application(SAMPLES, "blottr")}
    [phase] = [each for each in definitions(described, described) if each.name == "blottr-phase"]

    form = form_of(_flow(phase.entrypoint), "blottr", phase.choices)

    assert form["properties"]["phase"]["enum"] == ["authentication", "business-core", "content", "booking"]
