"""Every verb as a Prefect flow: the same procedure, each operation a task run of its own, reports as artifacts."""

import asyncio
import json
import time

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from continuity.domain.records import ReviewKind
from continuity.errors import VaultError
from continuity.steps.operation import Operation, Retry
from flows.backup import nightly_backup
from flows.drill import restore_drill
from flows.expiry import expire_points
from flows.review import hold_review
from flows.validation import validate_data
from tasks.performing import perform_as_task
from tests.fixtures.scripted_http import ok, scripted


def _task_names(flow_run_id) -> list[str]:
    async def read():
        async with get_client() as client:
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
            return await client.read_task_runs(flow_run_filter=chosen)

    return [run.name.rsplit("-", 1)[0] for run in sorted(asyncio.run(read()), key=lambda run: run.expected_start_time)]


def _artifacts(key: str):
    from prefect.artifacts import Artifact

    return Artifact.get(key)


@pytest.mark.parametrize("kind", ["blottr", "guestbook"])
def test_the_nightly_backup_stores_a_point_and_proves_it(deployed, kind):
    protected = deployed(kind)

    state = nightly_backup(protected.application.name, return_state=True)

    assert (state.type.value, state.name) == ("COMPLETED", "Sound")
    [point] = protected.points.listing().points
    assert point.proven
    assert _task_names(state.state_details.flow_run_id)[:8] == [
        "check what the backup needs",
        "look for the point",
        "remove leftovers of killed backups",
        "record the release",
        "dump and digest the database",
        "map the media versions",
        "compare the release",
        "write the manifest",
    ]
    assert point.manifest.id in _artifacts(f"{kind}-drill").data
    assert "rows and digest of" in _artifacts(f"{kind}-findings").data
    assert "| last proven point | ✓ " in _artifacts(f"{kind}-status").data


def test_a_review_says_what_is_not_covered_and_is_on_record_for_the_next_one(deployed):
    protected = deployed("guestbook")
    protected.back_up()

    first = hold_review("guestbook", ReviewKind.MONTHLY, return_state=True)
    second = hold_review("guestbook", ReviewKind.MONTHLY, return_state=True)

    assert (first.name, second.name) == ("Held", "Held")
    assert _task_names(second.state_details.flow_run_id) == ["read what has changed", "keep the review"]
    shown = _artifacts("guestbook-monthly-review").data
    assert "✗ no recovery point is proven (To do: `continuity backup guestbook`)" in shown
    assert "this is the first review of its kind" not in shown
    assert len(list(protected.points.vault.list("guestbook/records/review/"))) == 2


def test_a_drill_of_damaged_bytes_fails_the_flow_and_says_which_of_four_things_it_is(deployed):
    protected = deployed("guestbook")
    manifest = protected.back_up()
    (protected.vault_folder / manifest.dump.key).write_bytes(b"nothing")

    state = restore_drill("guestbook", return_state=True)

    assert (state.type.value, state.name) == ("FAILED", "Unfaithful")
    assert state.message.startswith("the stored bytes are bad")
    assert "Do not rely on this point" in _artifacts("guestbook-drill").data


def test_an_error_is_told_whole_in_the_log_of_its_run_with_what_to_do_next(deployed, caplog):
    deployed("guestbook")

    state = validate_data("guestbook", database="nosuch", return_state=True)

    told = [record.getMessage() for record in caplog.records if record.name == "flows.protection"]
    assert state.is_failed()
    assert "Next: Check the database's name" in told[0]


def test_validation_of_a_live_database_ends_unhealthy_when_a_table_was_emptied(deployed):
    protected = deployed("guestbook")
    protected.back_up()
    table = protected.points.listing().points[0].manifest.tables[0].table
    with psycopg.connect(protected.dsn) as connection:
        connection.execute(f"truncate {table} cascade")

    state = validate_data("guestbook", return_state=True)

    assert (state.type.value, state.name) == ("COMPLETED", "Unhealthy")
    assert "no table emptied" in state.message


def test_an_expiry_is_a_dry_run_unless_it_is_told_and_shows_each_decision(prefect_server, shop, tmp_path, monkeypatch):
    for age in range(5):
        shop.add(age_days=age)
    monkeypatch.setenv("CONTINUITY_ENVIRONMENT", str(shop.write_files(tmp_path)))
    before = shop.files()

    dry = expire_points("shop", return_state=True)

    assert (dry.type.value, dry.name) == ("COMPLETED", "DryRun")
    assert shop.files() == before
    assert "Nothing was changed" in _artifacts("shop-expiry").data

    done = expire_points("shop", carry_out=True, return_state=True)

    assert (done.name, done.message) == ("Expired", "2 of 5 points expired (2.0 kB), 3 stay")
    assert len(shop.ids) == 3
    assert _task_names(done.state_details.flow_run_id) == [
        "observe points, open runs and clocks",
        "expire a point",
        "expire a point",
    ]
    decisions = json.loads(_artifacts("shop-retention").data)
    assert [each["decision"] for each in decisions] == ["stays"] * 3 + ["goes"] * 2
    assert all(each["because"] for each in decisions)


def test_transient_failures_are_retried_by_prefect_alone_and_others_are_not(prefect_server):
    from prefect import flow

    tried = []

    def busy(fail_times: int, *, transient: bool) -> int:
        tried.append(transient)
        if len(tried) <= fail_times:
            raise VaultError("slow down", transient=transient)
        return len(tried)

    operation = Operation(name="try", run=busy, retry=Retry(attempts=3, first_wait_seconds=0.01))

    @flow(persist_result=False)
    def attempt(fail_times: int, transient: bool) -> int:
        return perform_as_task(operation, fail_times, transient=transient)

    state = attempt(2, True, return_state=True)
    with get_client(sync_client=True) as client:
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
        deadline = time.monotonic() + 30
        while not (shown := [run.run_count for run in client.read_task_runs(flow_run_filter=chosen) if run.state.is_final()]):
            assert time.monotonic() < deadline  # task states arrive as events
            time.sleep(0.2)

    assert state.result() == 3
    assert shown == [3]
    tried.clear()
    with pytest.raises(VaultError):
        attempt(1, False)
    assert len(tried) == 1


def test_no_secret_reaches_prefects_parameters_or_artifacts(deployed, prefect_server):
    protected = deployed("guestbook")
    password = psycopg.conninfo.conninfo_to_dict(protected.dsn)["password"]

    state = nightly_backup("guestbook", drill=False, return_state=True)

    async def read():
        async with get_client() as client:
            run = await client.read_flow_run(state.state_details.flow_run_id)
            logs = await client.read_logs()
            artifacts = await client.read_artifacts()
            return repr(run) + repr(logs) + repr(artifacts)

    assert password
    assert password not in asyncio.run(read())


def test_a_flow_pings_the_switch_of_its_schedule_when_it_begins_and_when_it_has_ended(
    shop, prefect_server, monkeypatch, tmp_path
):
    shop.add(age_days=0)
    file = shop.write_files(tmp_path)
    monkeypatch.setenv("CONTINUITY_ENVIRONMENT", str(file))
    with scripted(ok()) as switch:
        monkeypatch.setenv("PINGS", f"{switch.url}/a-key")
        file.write_text(file.read_text() + '[pings]\nbase = "env:PINGS"\n')

        state = expire_points("shop", return_state=True)

    assert (state.name, switch.requests[-1].body.decode()) == ("DryRun", state.message)
    assert [each.path for each in switch.requests] == ["/a-key/shop-expiry/start", "/a-key/shop-expiry"]
