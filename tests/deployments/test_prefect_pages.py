"""Prefect as people use it: a run started by its form in a browser, and one that a schedule starts, both to the end."""

import re
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from playwright.sync_api import Page, expect
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.schedules import IntervalSchedule

from continuity.adapters.confirmations import find_confirmation
from continuity.domain.verdict import Judgement
from continuity.journal import list_runs, read_history
from continuity.steps.places import journals_of
from deployments.local.prefect_worker import NAME, start_prefect_worker
from deployments.local.services import stop_service
from deployments.offers import definitions
from deployments.serving import register

RUN_MILLISECONDS = 180_000


@pytest.fixture
def serving(prefect_server, deployed, tmp_path):
    """What `continuity stack up` serves: deployments, and a worker, for one protected application."""
    protected = deployed("guestbook")
    register(definitions(["guestbook"]), api_url=prefect_server.api_url)
    state = tmp_path / "worker"
    start_prefect_worker(state, prefect_server, {"CONTINUITY_ENVIRONMENT": str(tmp_path / "environment.toml")})
    yield protected
    # The schedules as they were: what a test has added would go on.
    register(definitions(["guestbook"]), api_url=prefect_server.api_url)
    stop_service(state, NAME)


@pytest.fixture
def page(browser, prefect_server):
    """A page of the server's own, as wide as a laptop's."""
    opened = browser.new_page(base_url=prefect_server.service.url, viewport={"width": 1400, "height": 1000})
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


@pytest.fixture
def photograph(page, screenshots):
    """Save what a person sees, for people to look at."""

    def take(name: str) -> None:
        page.screenshot(path=screenshots / f"prefect-{name.replace(' ', '-')}.png")

    return take


def _await_state(page: Page, state: str) -> None:
    expect(page.get_by_text(state, exact=True).first).to_be_visible(timeout=RUN_MILLISECONDS)


def _open_form(page: Page) -> None:
    # By its address: a server of many deployments lists only some of them on a page.
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("restore-drill/guestbook-drill")
    page.goto(f"/v2/deployments/deployment/{deployment.id}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()


def test_a_drill_started_by_its_form_ends_with_a_report_that_leads_to_its_findings(serving, page, photograph):
    oldest, _newer = serving.back_up(), serving.back_up()
    _open_form(page)
    expect(page.get_by_role("button", name="Select application")).to_contain_text("guestbook")
    page.get_by_role("button", name="Select point").click()
    page.get_by_role("option", name="oldest").click()
    photograph("form")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/deployments/deployment/*tab=Runs*")

    page.get_by_role("link", name="Runs", exact=True).first.click()
    page.get_by_role("link", name="drill guestbook oldest").first.click(timeout=RUN_MILLISECONDS)
    page.wait_for_url("**/runs/flow-run/*")
    _await_state(page, "Sound")
    photograph("run")
    page.get_by_role("tab", name="Artifacts").click()
    report = page.get_by_role("link", name="MARKDOWN guestbook-drill")
    expect(report).to_contain_text(f"sound: {oldest.id}")
    photograph("artifacts")
    report.click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    expect(page.get_by_role("heading", name=f"sound: {oldest.id}")).to_be_visible()
    photograph("report")
    page.get_by_role("link", name=re.compile("All findings")).click()
    expect(page.get_by_role("cell", name="stored bytes")).to_be_visible()
    photograph("findings")

    drilled = {state.manifest.id: state.last_drill for state in serving.points.listing().points}
    assert drilled[oldest.id].judgement is Judgement.SOUND
    assert sum(drill is not None for drill in drilled.values()) == 1


def test_an_id_that_is_none_is_refused_in_the_form_and_starts_nothing(serving, page, photograph):
    _open_form(page)
    page.get_by_role("textbox", name="point_id").fill("newest")
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_text("'newest' does not match").first).to_be_visible()
    photograph("refused")


def test_a_backup_that_a_schedule_starts_is_proven_and_tells_in_the_log_of_its_run_what_it_did(serving, page, photograph):
    soon = datetime.now(UTC) + timedelta(seconds=10)
    # A server that was too busy for the first moment takes the next.
    schedule = IntervalSchedule(interval=timedelta(seconds=30), anchor_date=soon)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("nightly-backup/guestbook-backup")
        client.create_deployment_schedules(deployment.id, [DeploymentScheduleCreate(schedule=schedule, active=True)])
        run = _await_scheduled(client, deployment.id)

    page.goto(f"/v2/runs/flow-run/{run.id}")
    _await_state(page, "Sound")
    # The last lines of a log reach the server a moment after the run's end, when its page asks no more.
    _await_log_line(run.id, "captured database=")
    page.reload()
    expect(page.get_by_text("captured database=").first).to_be_visible(timeout=30_000)
    photograph("scheduled run")

    point = serving.points.listing().points[-1]
    assert point.proven
    assert point.manifest.created == run.expected_start_time.replace(microsecond=0)


def _await_log_line(run, words: str) -> None:
    deadline = time.monotonic() + 30
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        while not any(words in line.message for line in client.read_logs(of_run)):
            assert time.monotonic() < deadline, f"no line of the log says {words!r}"
            time.sleep(0.5)


def _await_scheduled(client, deployment):
    """Wait until the server has put the next run on its list: the nightly one is hours away."""
    chosen = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        near = datetime.now(UTC) + timedelta(minutes=2)
        runs = [run for run in client.read_flow_runs(deployment_filter=chosen) if run.auto_scheduled]
        if due := [run for run in runs if run.expected_start_time < near]:
            return min(due, key=lambda run: run.expected_start_time)
        time.sleep(0.5)
    raise AssertionError("the server has not scheduled the run")


def _open_form_of_run(page: Page):
    """Open what a paused run asks: Prefect 3.8 has it behind the menu of the run's page."""
    page.get_by_role("button", name="Open menu").click()
    page.get_by_role("menuitem", name="Resume").click()
    return page.get_by_role("dialog")


def _answer(page: Page, form, question: str, answer: str, *, name: str) -> None:
    form.get_by_role("button", name=f"Select {question}").click()
    page.get_by_role("option", name=answer).click()
    form.get_by_role("textbox").first.fill(name)  # it has no name in the page


def _await_question(run, key: str) -> None:
    """Wait until a run has come to its next form; its page shows the former state for some seconds more."""
    deadline = time.monotonic() + RUN_MILLISECONDS / 1000
    with get_client(sync_client=True) as client:
        while (state := client.read_flow_run(run).state) is None or state.state_details.pause_key != key:
            assert time.monotonic() < deadline, f"the run does not ask: {state}"
            time.sleep(0.5)


def test_a_rollback_is_approved_and_confirmed_by_the_forms_of_its_run(serving, page, photograph):
    serving.back_up()
    assert serving.drill().verdict.proven
    with psycopg.connect(serving.dsn, autocommit=True) as session:
        session.execute("update entries set words = 'spoilt'")
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("emergency-rollback/guestbook-rollback")
        run = client.create_flow_run_from_deployment(deployment.id)

    page.goto(f"/v2/runs/flow-run/{run.id}")
    _await_state(page, "Paused")
    form = _open_form_of_run(page)
    expect(form.get_by_role("heading", name="rollback of guestbook")).to_be_visible()
    expect(form).to_contain_text("swap the databases")
    _answer(page, form, "decision", "carry the plan out", name="Ada")
    photograph("approval")
    form.get_by_role("button", name="Resume").click()

    _await_question(run.id, "confirmation")
    page.reload()
    _await_state(page, "Paused")
    form = _open_form_of_run(page)
    expect(form).to_contain_text("done: guestbook-rollback-")
    _answer(page, form, "verdict", "it works", name="Grace")
    photograph("confirmation")
    form.get_by_role("button", name="Resume").click()
    _await_state(page, "Done")
    photograph("rolled back")

    with psycopg.connect(serving.dsn) as session:
        assert session.execute("select count(*) from entries where words = 'spoilt'").fetchone() == (0,)
    [kept] = list_runs(journals_of(serving.environment), serving.application.name)
    journals = journals_of(serving.environment)
    assert read_history(journals, kept).entries[0].facts["approved by"] == ["Ada"]
    assert find_confirmation(journals, kept).by == "Grace"
