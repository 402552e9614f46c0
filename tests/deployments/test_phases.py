"""Every phase of blottr is taken back and brought back on the embedded stack, and the sample application follows."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import httpx
import pytest
from kubernetes import client, config
from prefect.artifacts import Artifact
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType

from continuity.adapters.catalog import read_catalog
from continuity.adapters.fingerprints import read_fingerprints
from continuity.adapters.postgres import connect
from continuity.adapters.s3_vault import s3_client
from continuity.errors import ConfigurationRefused, UnsafeOperation
from deployments.cli import app
from deployments.local import samples
from deployments.local.object_store import CREDENTIALS
from deployments.local.sample_cluster import DEPLOYMENT, FLAGS, NAMESPACE
from deployments.local.sample_source import RELEASES
from deployments.local.samples import BUCKET, bring_up
from deployments.local.stack import APPLICATIONS, Stack, stop_stack
from flows.phase import roll_back_phase
from flows.undo import undo_run
from tests.fixtures.forms import answering, ask

PAGES = ("/", "/artists", "/salons", "/tattoos", "/appointments", "/health-check")
GONE = {
    "booking": {"/appointments"},
    "content": {"/tattoos"},
    "business-core": {"/artists", "/salons"},
    "authentication": set(),
}
"""Pages that go with each phase, in the order in which they are taken back: a later one stands on the earlier ones."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The embedded stack with blottr on it, and a person at a terminal."""

    stack: Stack
    source: Path
    media: str
    """The prefix that goes with the content phase: here one artist's."""

    def told(self, *words: str, code: int = 0) -> dict:
        """Give a command, in this process to save the loading, and return what it answers."""
        with redirect_stdout(StringIO()) as out:
            ended = app([*words, "--json"], exit_on_error=False, result_action="return_value")
        assert (ended or 0) == code, out.getvalue()
        return json.loads(out.getvalue())

    def carry_out(self, *words: str) -> str:
        """Plan, approve, and return the run; its plan loses nothing."""
        plan = self.told(*words)["plan"]
        ended = self.told(*words, "--approve", plan["hash"])
        assert ended["outcome"] == "done", ended
        assert ended["noted"] == []
        return ended["run"]

    def statuses(self) -> dict[str, int]:
        return {page: httpx.get(f"{self.stack.urls['blottr']}{page}").status_code for page in PAGES}

    def health(self) -> dict:
        return httpx.get(f"{self.stack.urls['blottr']}/health-check").json()

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.source, check=True, capture_output=True, text=True).stdout

    def everything(self) -> dict[str, object]:
        """Tell all that a phase touches: schema, rows, files, flags, release, media."""
        dsn = self.stack.postgres.dsn("blottr")
        with connect(dsn, "blottr") as session:
            catalog = read_catalog(session)
        with config.new_client_from_config(str(self.stack.cluster.kubeconfig)) as api:
            found = client.AppsV1Api(api).read_namespaced_deployment(DEPLOYMENT, NAMESPACE)
            flags = client.CoreV1Api(api).read_namespaced_config_map(FLAGS, NAMESPACE).data
        listed = s3_client(endpoint_url=self.stack.urls["media"], region="us-east-1").list_objects_v2(Bucket=BUCKET)
        spec = found.spec
        revision = (spec.template.metadata.annotations or {}).get("org.opencontainers.image.revision")
        return {
            "catalog": {(entry.kind, entry.name): entry for entry in catalog},
            "rows": {each.table: each for each in read_fingerprints(dsn, "blottr")},
            "checkout": [self.git("status", "--porcelain"), self.git("rev-parse", "main"), self.git("tag")],
            "release": (spec.template.spec.containers[0].image, spec.replicas, spec.template.metadata.labels, revision),
            "flags": flags,
            "media": {each["Key"]: each["ETag"] for each in listed.get("Contents", ())},
        }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Bring the stack up with one replica and less to watch for: what is waited for is tested elsewhere."""
    directory = tmp_path_factory.mktemp("stack")
    described = directory / "applications"
    shutil.copytree(APPLICATIONS, described)
    blottr = described / "blottr/application.toml"
    hurried = blottr.read_text().replace("window_seconds = 10", "window_seconds = 0.5")
    blottr.write_text(hurried.replace("interval_seconds = 1\n", "interval_seconds = 0.1\n"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "MEGABYTES", 1)
        patch.setattr(samples, "REPLICAS", 1)
        # Before the stack sets them for this process: what was there comes back afterwards.
        for name, value in {**CREDENTIALS, "CONTINUITY_ENVIRONMENT": ""}.items():
            patch.setenv(name, value)
        stack = bring_up(directory, report=lambda _: None, with_prefect=False)
        text = stack.environment.read_text().replace(str(APPLICATIONS), str(described))
        stack.environment.write_text(text)
        with config.new_client_from_config(str(stack.cluster.kubeconfig)) as api:
            client.AppsV1Api(api).patch_namespaced_deployment_scale(DEPLOYMENT, NAMESPACE, {"spec": {"replicas": 1}})
        first = s3_client(endpoint_url=stack.urls["media"], region="us-east-1").list_objects_v2(Bucket=BUCKET, MaxKeys=1)
        media = f"{first['Contents'][0]['Key'].rpartition('/')[0]}/"
        phases = described / "blottr/phases.toml"
        phases.write_text(phases.read_text().replace('media = ["tattoos/"]', f'media = ["{media}"]'))
        yield Shop(stack=stack, source=directory / "blottr-source", media=media)
    stop_stack(directory)


@pytest.fixture(autouse=True)
def environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUITY_ENVIRONMENT", str(shop.stack.environment))


def test_every_phase_is_taken_back_from_the_terminal_and_brought_back_as_if_it_had_never_gone(shop):
    before = shop.everything()
    runs, gone = [], set()

    for phase, pages in GONE.items():
        runs.append(shop.carry_out("phase", "blottr", phase))
        gone |= pages
        assert shop.statuses() == {page: 404 if page in gone else 200 for page in PAGES}, phase
        assert set(shop.health()["release"].partition(" without ")[2].split(", ")) == set(list(GONE)[: len(runs)])
    off = {flag for flag, on in shop.health()["flags"].items() if not on}
    assert off == {"roleBasedAuth", "businessEntities", "portfolioUploads", "bookingSystem"}
    assert [key for key in before["media"] if key.startswith(shop.media)]
    assert not [key for key in shop.everything()["media"] if key.startswith(shop.media)]

    for phase, run in reversed(list(zip(GONE, runs, strict=True))):
        shop.carry_out("undo", run)
        gone -= GONE[phase]
        assert shop.statuses() == {page: 404 if page in gone else 200 for page in PAGES}, phase
    after = shop.everything()
    assert {part: after[part] for part in before if after[part] != before[part]} == {}
    assert shop.health()["release"] == RELEASES[-1][0]
    undone = [branch for branch in shop.git("branch", "--format=%(refname)").split() if "-undo-" in branch]
    assert shop.git("rev-parse", "main^{tree}") in {shop.git("rev-parse", f"{branch}^{{tree}}") for branch in undone}


def test_a_phase_is_taken_back_and_brought_back_by_forms_once_a_person_has_approved_each_plan(shop, prefect_server):
    before = shop.everything()

    run, state = answering(
        lambda: roll_back_phase("blottr", "booking", return_state=True), {"decision": "carry the plan out", "name": "Ada"}
    )

    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert shop.statuses()["/appointments"] == 404
    shown = Artifact.get("blottr-plan").data
    assert "'app/services/booking_service.ts' goes" in shown
    assert "alter table public.appointments set schema" in shown
    assert "nothing is lost" in shown
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    names = {task.name.rsplit("-", 1)[0] for task in ask(lambda asked: asked.read_task_runs(flow_run_filter=chosen))}
    assert {"set bookingSystem off", "commit the revert", "set the release of blottr-app", "set the schema aside"} <= names

    _, state = answering(lambda: undo_run("blottr", return_state=True), {"decision": "carry the plan out", "name": "Ada"})

    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert shop.statuses() == dict.fromkeys(PAGES, 200)
    after = shop.everything()
    assert {part: after[part] for part in before if after[part] != before[part]} == {}


def test_a_phase_that_is_not_known_is_refused_with_the_known_ones_and_the_nearest(shop):
    with pytest.raises(ConfigurationRefused) as refused:
        shop.told("phase", "blottr", "bookings")

    assert "did you mean 'booking'?" in refused.value.message
    assert refused.value.hint == "Known: authentication, business-core, content, booking."


def test_a_phase_on_which_another_stands_is_refused_by_name_and_nothing_has_changed(shop):
    before = shop.everything()

    with pytest.raises(UnsafeOperation) as refused:
        shop.told("phase", "blottr", "business-core")

    assert "foreign key appointments_artist_id_fkey on public.appointments needs" in refused.value.detail
    assert shop.everything() == before
