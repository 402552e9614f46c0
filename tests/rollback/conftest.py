"""A guestbook with a workload on the cluster: a deployment of two pods, of which the database knows nothing."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from kubernetes import client

from continuity.domain.run import Outcome
from continuity.domain.run_markdown import timeline_line
from continuity.journal import list_runs, plan_of, read_history
from continuity.procedures.rollback import KEEP_PLAN, RollbackWish, make_plan
from continuity.procedures.runs import RunReport
from continuity.procedures.undoing import make_undo_plan
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from tests.fixtures.cluster import IMAGES, eventually, make_deployment
from tests.fixtures.killing import carry_out_here, load
from tests.fixtures.terminal import Seat

GOOD, OTHER = (f"{image['repository']}@{image['digest']}" for image in IMAGES[:2])
REPLICAS = 2


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A protected guestbook whose workload runs, and a person at a terminal."""

    seat: Seat
    namespace: str
    apps: client.AppsV1Api
    core: client.CoreV1Api

    @property
    def dsn(self) -> str:
        return self.seat.protected.dsn

    def json(self, *words: object, code: int = 0):
        return self.seat.json(*words, code=code)

    def deployment(self) -> client.V1Deployment:
        return self.apps.read_namespaced_deployment("web", self.namespace)

    def image(self) -> str:
        return self.deployment().spec.template.spec.containers[0].image

    def replicas(self) -> int:
        return self.deployment().spec.replicas

    def flags(self) -> dict[str, str]:
        return self.core.read_namespaced_config_map("flags", self.namespace).data

    def pods(self) -> list[client.V1Pod]:
        return self.core.list_namespaced_pod(self.namespace, label_selector="app=web").items

    def deploy(self, image: str) -> None:
        """Release another image, as a team does in good faith."""
        container = {"containers": [{"name": "app", "image": image}]}
        self.apps.patch_namespaced_deployment("web", self.namespace, {"spec": {"template": {"spec": container}}})

    def scale(self, replicas: int) -> None:
        self.apps.patch_namespaced_deployment_scale("web", self.namespace, {"spec": {"replicas": replicas}})

    def ready(self) -> None:
        def all_ready() -> bool:
            status = self.deployment().status
            return status.ready_replicas == self.replicas() and status.updated_replicas == self.replicas()

        eventually(all_ready)

    def sql(self, query: str):
        with psycopg.connect(self.dsn, autocommit=True) as session:
            cursor = session.execute(query)
            return cursor.fetchone()[0] if cursor.description else None

    def spoilt(self) -> int:
        return self.sql("select count(*) from entries where words = 'spoilt'")

    def spoil(self) -> None:
        """Let a bad release have its way: other image, other configuration, other flags, spoilt rows."""
        self.deploy(OTHER)
        self.core.patch_namespaced_config_map("settings", self.namespace, {"data": {"MODE": "new"}})
        self.core.patch_namespaced_config_map("flags", self.namespace, {"data": {"flags.json": flags("off")}})
        self.sql("update entries set words = 'spoilt'")
        self.ready()

    def prove(self) -> None:
        """Make a point of everything together, and prove it."""
        application, environment = self.load()
        protected = replace(self.seat.protected, application=application, environment=environment)
        protected.back_up()
        assert protected.drill().verdict.proven

    def roll_back(self, **wish: object) -> RunReport:
        """Plan and carry out in this process, judged by digests alone."""
        application, environment = self.load()
        waiting = make_plan(application, environment, RollbackWish(**wish), perform=perform_plainly, now=datetime.now(UTC))
        return carry_out_here(application, environment, waiting)

    def plan(self, **wish: object) -> tuple[str, list[str]]:
        """Make a plan and keep it for approval; return its hash and its steps."""
        application, environment = self.load()
        waiting = make_plan(application, environment, RollbackWish(**wish), perform=perform_plainly, now=datetime.now(UTC))
        perform_plainly(KEEP_PLAN, environment, waiting)
        return waiting.plan.hash, [step.name for step in waiting.plan.steps]

    def plan_undo(self) -> tuple[str, list[str]]:
        """Make the plan that undoes the last run, and keep it for approval."""
        application, environment = self.load()
        waiting = make_undo_plan(application, environment, self.runs()[0], perform=perform_plainly, now=datetime.now(UTC))
        perform_plainly(KEEP_PLAN, environment, waiting)
        return waiting.plan.hash, [step.name for step in waiting.plan.steps]

    def drop_undone(self) -> None:
        """Drop what an undo has left, so that the next turn begins with the live database alone."""
        with psycopg.connect(self.dsn, autocommit=True) as session:
            for (name,) in session.execute("select datname from pg_database where datname like '%\\_undone\\_%'").fetchall():
                session.execute(f'drop database "{name}"')

    def outcome(self) -> Outcome | None:
        _, environment = self.load()
        return read_history(journals_of(environment), self.runs()[0]).outcome

    def story(self) -> list[str]:
        """Tell the last run's journal, for whoever reads why a test failed."""
        _, environment = self.load()
        entries = read_history(journals_of(environment), self.runs()[0]).entries
        return [timeline_line(entry) for entry in entries]

    def ended(self) -> bool:
        return bool(self.runs()) and self.outcome() is not None

    def databases(self) -> list[str]:
        """Name the databases of this test by their part in the story."""
        name = self.seat.protected.application.database.name
        with psycopg.connect(self.dsn) as session:
            rows = session.execute("select datname from pg_database where starts_with(datname, %s) order by 1", (name,))
            return [row[0].removeprefix(name)[:9] for row in rows]

    def roll_back_watched(self, observe) -> RunReport:
        """Roll back, and let `observe` see every phase of every step."""
        application, environment = self.load()
        waiting = make_plan(application, environment, RollbackWish(), perform=perform_plainly, now=datetime.now(UTC))
        return carry_out_here(application, environment, waiting, watched=observe)

    def steps(self, report: RunReport) -> list[str]:
        return [step.name for step in plan_of(report.history).steps]

    def load(self):
        return load(self.seat.environment, "guestbook")

    def runs(self) -> list[str]:
        """List the runs, newest first. Their ids tell seconds, and tests begin several in one: then the journals tell."""
        application, environment = self.load()
        journals = journals_of(environment)
        runs = list_runs(journals, application.name)
        newest = [run for run in runs if run.split("-")[-2] == runs[0].split("-")[-2]]
        newest.sort(key=lambda run: read_history(journals, run).started, reverse=True)
        return [*newest, *runs[len(newest) :]]


def flags(variant: str) -> str:
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": variant}
    return json.dumps({"flags": {"newDesk": flag}})


@pytest.fixture
def stage(at_terminal, tmp_path: Path, local_cluster, kubernetes_api, namespace) -> Stage:
    """Deploy the workload, describe it, and prove a point of everything together."""
    core, apps, scaling = (kind(kubernetes_api) for kind in (client.CoreV1Api, client.AppsV1Api, client.AutoscalingV2Api))
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "settings"}, "data": {"MODE": "old"}})
    core.create_namespaced_config_map(
        namespace, {"metadata": {"name": "flags"}, "data": {"flags.json": flags("on"), "kept": "1"}}
    )
    settings = [{"configMapRef": {"name": "settings"}}]
    deployment = make_deployment("web", image=GOOD, replicas=REPLICAS, grace_seconds=1, envFrom=settings)
    apps.create_namespaced_deployment(namespace, deployment)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": target}
    scaling.create_namespaced_horizontal_pod_autoscaler(namespace, {"metadata": {"name": "web"}, "spec": spec})
    seat = at_terminal("guestbook")
    described = tmp_path / "applications/guestbook/application.toml"
    workload = f'[[workload]]\nname = "web"\nnamespace = "{namespace}"\ncontainers = ["app"]\n'
    described.write_text(described.read_text() + workload + f'[flags]\nconfig_map = "flags"\nnamespace = "{namespace}"\n')
    seat.environment.write_text(seat.environment.read_text() + f'[cluster]\nkubeconfig = "{local_cluster.kubeconfig}"\n')
    made = Stage(seat=seat, namespace=namespace, apps=apps, core=core)
    made.ready()
    return made
