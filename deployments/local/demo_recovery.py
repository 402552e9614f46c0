"""The third act: everything is lost but the vault, and one command stands the application up again.

`continuity demo --disaster` plays it by itself, in about a minute.
"""

import base64
import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from kubernetes import client, config
from pydantic import SecretStr

from continuity.adapters.application_files import load_application
from continuity.adapters.postgres import connect
from continuity.domain.approval import Approval
from continuity.domain.recovery_point import Manifest
from continuity.domain.run import Outcome
from continuity.domain.run_markdown import stage_bar
from continuity.procedures.judging import judge_by, judge_live_by
from continuity.procedures.recovery import RecoveryWish, make_recovery_plan
from continuity.procedures.remaking import remake
from continuity.procedures.runs import Hands, RunReport, carry_out
from continuity.procedures.telling import headline, summary_of
from continuity.recovery_settings import RecoverySection, ShiftSection
from continuity.settings import Environment, load_environment
from continuity.steps.operation import perform_plainly
from deployments.console import Terminal
from deployments.local.demo_chapters import Chapters
from deployments.local.demo_rollback import equality, serving
from deployments.local.demo_scene import Scene
from deployments.local.object_store import REGION
from deployments.local.postgres import PostgresServer, start_postgres, stop_postgres
from deployments.local.processes import LOCALHOST
from deployments.local.sample_cluster import CONFIG_MAP, DEPLOYMENT, FLAGS, LOGIN_ROLE, NAMESPACE, SECRET
from deployments.local.sample_manifests import MAINTENANCE, ROUTE, write_manifests
from deployments.local.samples import BUCKET, bring_up
from deployments.local.server_account import reachable_temporary_directory
from deployments.local.stack import Stack, stop_stack
from deployments.local.throwaway import throwaway_directory
from deployments.telling.runs import Progress
from expectations.validator import Validator

LIMIT_SECONDS = 10
RUNGS, HOLD_SECONDS = (10, 25, 50, 100), 2


def tell_disaster(terminal: Terminal) -> int:
    """Play the act on a throw-away stack and return 0 when every chapter came out as claimed."""
    with ExitStack() as parts:
        directory = parts.enter_context(throwaway_directory(reachable_temporary_directory(), stop_stack))
        terminal.note("a throw-away stack with blottr on it; nothing outside is touched")
        stack = bring_up(directory, report=terminal.note, with_prefect=False)
        for name in stack.variables:
            parts.callback(os.environ.pop, name, None)
        environment = load_environment(stack.environment)
        validator = parts.enter_context(Validator())
        validator.prepare()
        scene = Scene(
            application=load_application(environment.applications, "blottr"),
            environment=environment,
            validator=validator,
            address=stack.urls["blottr"],
            observe=Progress(terminal),
        )
        chapters = Chapters(terminal)
        point = scene.back_up()
        proof = scene.drill(point.id)
        chapters.tell("a recovery point of everything, proven", lambda: (proof.verdict.proven, point.id))
        server = lose_everything(stack)
        chapters.tell("database server, files, application and configuration are gone", lambda: gone(scene, server))
        scene = replace(scene, environment=new_place(scene, stack, server))
        report = recover(scene)
        chapters.tell("one command stands everything up again", lambda: _came_back(report))
        chapters.tell("each stage stayed within its budget", lambda: _within_budgets(report))
        chapters.tell("all visitors are back", lambda: weights(scene))
        chapters.tell("the application serves", lambda: serving(scene.address))
        chapters.tell("the database equals the point", lambda: equality(scene, point))
        chapters.tell("every file is back", lambda: files(stack, point))
    return chapters.close()


def lose_everything(stack: Stack) -> PostgresServer:
    """Destroy the server with its data, every version of every file, and all that is on the cluster; start an empty server."""
    bucket = media_of(stack)
    bucket.object_versions.delete()
    place = (stack.directory / "postgres").resolve()
    stop_postgres(place)
    for each in place.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    with config.new_client_from_config(str(stack.cluster.kubeconfig)) as api:  # type: ignore[no-untyped-call]
        core: Any = client.CoreV1Api(api)
        limit: dict[str, Any] = {"_request_timeout": LIMIT_SECONDS}
        client.AppsV1Api(api).delete_namespaced_deployment(DEPLOYMENT, NAMESPACE, **limit)
        client.AutoscalingV2Api(api).delete_namespaced_horizontal_pod_autoscaler(DEPLOYMENT, NAMESPACE, **limit)
        for name in (CONFIG_MAP, FLAGS):
            core.delete_namespaced_config_map(name, NAMESPACE, **limit)
        core.delete_namespaced_secret(SECRET, NAMESPACE, **limit)
    return start_postgres(place, durable=True)


def new_place(scene: Scene, stack: Stack, server: PostgresServer) -> Environment:
    """Describe the new place, and give it what no recovery point holds: a password, and the Secret that has it."""
    password = stack.directory / "application-password"
    manifests = stack.directory / "manifests"
    port = int(scene.address.rpartition(":")[2])
    write_manifests(manifests, port)
    dsn = f"postgresql://{LOGIN_ROLE}:{password.read_text()}@{LOCALHOST}:{server.port}/blottr"
    encoded = {"DATABASE_URL": base64.b64encode(dsn.encode()).decode()}
    with config.new_client_from_config(str(stack.cluster.kubeconfig)) as api:  # type: ignore[no-untyped-call]
        secret: Any = {"metadata": {"name": SECRET}, "data": encoded}
        client.CoreV1Api(api).create_namespaced_secret(NAMESPACE, secret, _request_timeout=LIMIT_SECONDS)
    recovery = RecoverySection(
        passwords={LOGIN_ROLE: f"file:{password}"}, manifests=manifests, output=stack.directory / "for-people"
    )
    route = f"{NAMESPACE}/{ROUTE}"
    shift = ShiftSection(
        route=route, backend=DEPLOYMENT, url=scene.address, rungs=RUNGS, hold_seconds=HOLD_SECONDS, interval_seconds=1
    )
    database = scene.environment.database.model_copy(update={"dsn": SecretStr(server.dsn("postgres"))})
    return scene.environment.model_copy(update={"database": database, "recovery": recovery, "shift": shift})


def gone(scene: Scene, server: PostgresServer) -> tuple[bool, str]:
    """Look at what is left."""
    with connect(server.dsn("postgres")) as connection:
        rows = connection.execute("select from pg_database where not datistemplate and datname <> 'postgres'").fetchall()
    kept = Path(scene.environment.vault.url.removeprefix("file://"))
    return (
        not rows,
        f"an empty server (port {server.port}); left is the vault, {sum(1 for _ in kept.rglob('*'))} files and folders",
    )


def media_of(stack: Stack) -> Any:
    """Open the application's bucket of files."""
    return boto3.resource("s3", endpoint_url=stack.urls["media"], region_name=REGION).Bucket(BUCKET)


def files(stack: Stack, point: Manifest) -> tuple[bool, str]:
    """Count what is in the bucket."""
    found = sum(1 for _ in media_of(stack).objects.all())
    wanted = point.media.objects if point.media else 0
    return found == wanted > 0, f"{found} of {wanted} files are in the bucket, from its replica"


def recover(scene: Scene) -> RunReport:
    """Plan, approve and carry out the recovery."""
    application, environment = scene.application, scene.environment
    waiting = make_recovery_plan(application, environment, RecoveryWish(), perform=perform_plainly, now=datetime.now(UTC))
    plan = waiting.plan
    approval = Approval(application=application.name, plan=plan.hash, by="the demonstration", at=datetime.now(UTC))
    return carry_out(
        application,
        environment,
        waiting,
        replan=lambda: remake(application, environment, plan, perform=perform_plainly, now=datetime.now(UTC)),
        approvals=[approval],
        hands=Hands(
            perform=perform_plainly,
            judge=judge_by(scene.validator, environment),
            judge_live=judge_live_by(scene.validator, environment),
            observe=scene.observe,
        ),
    )


def weights(scene: Scene) -> tuple[bool, str]:
    """Read how visitors are divided now."""
    with config.new_client_from_config(str(scene.environment.cluster.kubeconfig)) as api:  # type: ignore[no-untyped-call]
        found: Any = client.CustomObjectsApi(api).get_namespaced_custom_object(
            "gateway.networking.k8s.io", "v1", NAMESPACE, "httproutes", ROUTE, _request_timeout=LIMIT_SECONDS
        )
    backends = found["spec"]["rules"][0]["backendRefs"]
    said = ", ".join(f"{each['name']} {each['weight']}" for each in backends)
    weight = {each["name"]: each["weight"] for each in backends}
    return weight[DEPLOYMENT] > 0 and not weight[MAINTENANCE], f"weights of httproute {NAMESPACE}/{ROUTE}: {said}"


def _came_back(report: RunReport) -> tuple[bool, str]:
    return report.ended.outcome is Outcome.DONE, headline(report)


def _within_budgets(report: RunReport) -> tuple[bool, str]:
    stages = summary_of(report).stages
    return not any(stage.over for stage in stages), "\n    ".join(map(stage_bar, stages))
