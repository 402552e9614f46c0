"""Deployments in a Prefect server that exists: what a dry run tells, what is created, changed, left alone and removed."""

import importlib
import re
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.workers.base import BaseJobConfiguration

from continuity.errors import ConfigurationRefused
from continuity.settings import load_environment
from deployments.automations import AUTOMATIONS, ENDINGS
from deployments.deploying import Wish, deploy
from deployments.offers import OFFERS, minute_of
from deployments.prefect_versions import judge_versions, supported_range
from deployments.serving import ChangeKind
from tests.fixtures.forms import ask
from tests.fixtures.terminal import Seat

POOL, PREFIX = "berths", "staging-"
FLOWS = Path(__file__).parents[2] / "flows"


def add_application(folder: Path, name: str) -> None:
    (folder / "applications" / name).mkdir(parents=True)
    (folder / "applications" / name / "application.toml").write_text(f'name = "{name}"\n[database]\nname = "{name}"\n')


@pytest.fixture
def environment(prefect_server, tmp_path):
    """Two applications, and a server with a pool of another type than ours."""
    for name in ("harbour", "quay"):
        add_application(tmp_path, name)
    file = tmp_path / "environment.toml"
    file.write_text(
        f'[database]\ndsn = "dbname=nobody"\n[vault]\nurl = "file://{tmp_path}"\n'
        f'[prefect]\napi_url = "{prefect_server.api_url}"\n'
    )
    with get_client(sync_client=True) as client:
        if POOL not in {pool.name for pool in client.read_work_pools()}:
            template = {"job_configuration": {"env": "{{ env }}"}, "variables": {"properties": {"env": {}, "image": {}}}}
            client.create_work_pool(WorkPoolCreate(name=POOL, type="kubernetes", base_job_template=template))
    yield load_environment(file)
    with get_client(sync_client=True) as client:
        for found in client.read_deployments():
            if found.name.startswith(PREFIX):
                client.delete_deployment(found.id)
        for automation in client.read_automations():
            if automation.name.startswith(PREFIX):
                client.delete_automation(automation.id)


def kinds(changes) -> dict[str, set[str]]:
    return {
        kind.value: {each.name for each in changes if each.kind is kind}
        for kind in ChangeKind
        if kind in {c.kind for c in changes}
    }


def there() -> dict[str, object]:
    with get_client(sync_client=True) as client:
        return {found.name: found for found in client.read_deployments() if found.name.startswith(PREFIX)}


async def environment_of(deployment, client) -> dict[str, str]:
    """Resolve the variables of a run's process as a worker does before it starts one."""
    pool = await client.read_work_pool(deployment.work_pool_name)
    resolved = await BaseJobConfiguration.from_template_and_values(pool.base_job_template, deployment.job_variables, client)
    return resolved.env


def names(*applications: str) -> set[str]:
    return {f"{PREFIX}{application}-{offer.name}" for application in applications for offer in OFFERS}


def test_deployments_are_put_once_changed_where_they_differ_and_removed_when_asked(environment, tmp_path):
    Secret(value="a-password-of-production").save("harbour-dsn", overwrite=True)
    wish = {
        "pool": POOL, "prefix": PREFIX, "secrets": {"CONTINUITY_DATABASE_DSN": "harbour-dsn"},
        "job_variables": {"image": "registry/continuity@sha256:1"}, "run_environment": "/etc/continuity/e.toml",
        "automations": True,
    }  # fmt: skip

    told = deploy(environment, Wish(**wish, dry_run=True))

    assert kinds(told.deployments) == {"created": names("harbour", "quay")}
    assert {each.kind for each in told.automations} == {ChangeKind.CREATED}
    assert there() == {}

    deploy(environment, Wish(**wish))

    found = there()
    backup = found[f"{PREFIX}harbour-backup"]
    assert set(found) == names("harbour", "quay")
    assert (backup.work_pool_name, backup.job_variables["image"]) == (POOL, "registry/continuity@sha256:1")
    assert backup.job_variables["env"]["CONTINUITY_DATABASE_DSN"] == "{{ prefect.blocks.secret.harbour-dsn }}"
    assert backup.job_variables["env"]["CONTINUITY_ENVIRONMENT"] == "/etc/continuity/e.toml"
    assert "a-password-of-production" not in backup.model_dump_json()
    assert ask(lambda client: environment_of(backup, client))["CONTINUITY_DATABASE_DSN"] == "a-password-of-production"
    assert backup.schedules[0].schedule.cron == f"{minute_of('harbour')} 1 * * *"
    assert minute_of("harbour") != minute_of("quay")

    # People pause what a schedule starts, give it other parameters, and add schedules of their own: all of it stays.
    expiry = found[f"{PREFIX}quay-expiry"]
    with get_client(sync_client=True) as client:
        mine = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 12 * * *"), active=True)
        client.create_deployment_schedules(expiry.id, [mine])
        client._client.patch(
            f"/deployments/{expiry.id}/schedules/{expiry.schedules[0].id}",
            json={"active": False, "parameters": {"carry_out": True}},
        ).raise_for_status()
    again = deploy(environment, Wish(**wish))
    assert kinds(again.deployments) == {"unchanged": names("harbour", "quay")}
    assert {each.kind for each in again.automations} == {ChangeKind.UNCHANGED}

    changed = deploy(environment, Wish(**wish | {"job_variables": {"image": "registry/continuity@sha256:2"}}, names=("quay",)))
    assert kinds(changed.deployments) == {"changed": names("quay")}
    assert {each.what for each in changed.deployments} == {("job_variables",)}
    schedules = {each.slug: each for each in there()[f"{PREFIX}quay-expiry"].schedules}
    assert (schedules["nightly"].active, schedules["nightly"].parameters) == (False, {"carry_out": True})
    assert schedules[None].schedule.cron == "0 12 * * *"

    # An application that is not in the folder may be another environment's: it goes only by its name.
    (tmp_path / "applications/quay/application.toml").unlink()
    (tmp_path / "applications/quay").rmdir()
    left = deploy(environment, Wish(**wish, remove=True))
    assert kinds(left.deployments) == {"unchanged": names("harbour"), "no longer offered": names("quay")}
    assert set(there()) == names("harbour", "quay")
    rehearsed = deploy(environment, Wish(**wish, remove=True, names=("quay",), dry_run=True))
    assert kinds(rehearsed.deployments) == {"removed": names("quay")}
    assert set(there()) == names("harbour", "quay")
    deploy(environment, Wish(**wish, remove=True, names=("quay",)))
    assert set(there()) == names("harbour")
    with get_client(sync_client=True) as client:
        ours = {each.name for each in client.read_automations() if each.name.startswith(PREFIX)}
    assert ours == {f"{PREFIX}harbour-{each}" for each in AUTOMATIONS}


def test_what_cannot_be_put_is_refused_before_anything_is_changed(environment, tmp_path):
    refused = {
        r"no work pool 'moorings'; it has: .*berths \(kubernetes\)": Wish(pool="moorings", prefix=PREFIX),
        "no Secret block 'nobody-made-it'": Wish(pool=POOL, prefix=PREFIX, secrets={"A": "nobody-made-it"}),
        "takes VARIABLE=BLOCK": Wish(pool=POOL, prefix=PREFIX, secrets={"A": "postgresql://me:pass@db/x"}),
        "the job variable image carries a password": Wish(
            pool=POOL, prefix=PREFIX, job_variables={"image": "postgresql://me:pass@db/x"}
        ),
        "has no variable 'imgae'; it has: env, image": Wish(pool=POOL, prefix=PREFIX, job_variables={"imgae": "x"}),
        "not given by --job-variable": Wish(pool=POOL, prefix=PREFIX, job_variables={"env": "{}"}),
    }
    for because, wish in refused.items():
        with pytest.raises(ConfigurationRefused, match=because) as error:
            deploy(environment, wish)
        assert "me:pass" not in f"{error.value.message}{error.value.detail}{error.value.hint}"

    # The prefix and the name of one application may read as the name of another.
    deploy(environment, Wish(pool=POOL, prefix=PREFIX, names=("harbour",)))
    add_application(tmp_path, f"{PREFIX}harbour")
    before = there()
    with pytest.raises(ConfigurationRefused, match="belongs to the application 'harbour'"):
        deploy(environment, Wish(pool=POOL, prefix="", names=(f"{PREFIX}harbour",)))
    assert there() == before


def test_the_command_tells_what_would_be_changed_and_names_the_prefix_that_alerts_need(environment, tmp_path, prefect_server):
    seat = Seat(None, tmp_path / "environment.toml")

    told = seat.json("deploy", "harbour", "--pool", POOL, "--prefix", PREFIX, "--automations", "--dry-run")
    words = seat.run("deploy", "--pool", POOL, "--prefix", PREFIX, "--dry-run").stdout

    assert {each["change"] for each in told["deployments"]} == {"created"}
    assert [each["schedules"] for each in told["deployments"] if each["name"].endswith("-drill")] == [
        f"{minute_of('harbour')} 4 * * * UTC"
    ]
    assert len(told["automations"]) == len(AUTOMATIONS)
    assert f"there would be: {2 * len(OFFERS)} created (work pool {POOL} (kubernetes)" in words
    assert "The receiver of alerts looks for" in words
    assert there() == {}


def test_versions_of_prefect_outside_the_supported_range_are_named_with_it():
    assert supported_range() == SpecifierSet(">=3.8,<4")
    judge_versions(server="3.9.1", client="3.8.8", tested=supported_range())
    for server, client, said in (
        ("3.7.9", "3.8.8", "the Prefect server is 3.7.9, and Continuity is tested with >=3.8, <4"),
        ("3.8.8", "4.0.0", "this machine's Prefect is 4.0.0"),
        ("unknown", "3.8.8", "the Prefect server is unknown"),
    ):
        with pytest.raises(ConfigurationRefused, match=re.escape(said)):
            judge_versions(server=server, client=client, tested=supported_range())


def test_every_name_under_which_a_flow_ends_is_one_that_automations_wait_for():
    """One that is missing would have a finished run looked for as if it had vanished."""
    for file in FLOWS.glob("*.py"):
        for name in re.findall(r'(?:Completed|Failed)\([^)]*?name="(\w+)"', file.read_text()):
            assert name in ENDINGS, file.name
    assert re.search(r'"Expired" if .* else "DryRun"', (FLOWS / "artifacts.py").read_text())


def test_every_offer_whose_flow_carries_plans_out_is_one_that_is_gone_on_with():
    for offer in OFFERS:
        module = offer.entrypoint.partition(":")[0]
        source = Path(importlib.import_module(module).__file__).read_text()
        assert offer.journaled == ("approve_and_carry_out(" in source or "tell_and_confirm(" in source), offer.name
