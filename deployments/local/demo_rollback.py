"""The second act of the demonstration: a bad release corrupts data, and the whole goes back to the proven point."""

import time
from datetime import UTC, datetime

import httpx
from kubernetes import client, config

from continuity.adapters.fingerprints import read_fingerprints
from continuity.adapters.postgres import connect, fetch_value
from continuity.domain.approval import Approval
from continuity.domain.recovery_point import Manifest
from continuity.domain.run import Outcome
from continuity.procedures.judging import judge_by, judge_live_by
from continuity.procedures.remaking import remake
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.procedures.runs import Hands, RunReport, carry_out
from continuity.procedures.telling import headline
from continuity.procedures.undoing import make_undo_plan
from continuity.steps.operation import perform_plainly
from deployments.local.demo_scene import Scene
from deployments.local.sample_cluster import BAD, DEPLOYMENT, NAMESPACE, STABLE, release_patch

CORRUPTED = "select count(*) from public.appointments where notes = 'booked twice by a bad release'"
DAMAGE_SECONDS = 60


def release_badly(scene: Scene) -> tuple[bool, str]:
    """Roll the bad release out as a pipeline would, and wait until it has done damage."""
    with config.new_client_from_config(str(scene.environment.cluster.kubeconfig)) as api:  # type: ignore[no-untyped-call]
        patch = release_patch(BAD)
        client.AppsV1Api(api).patch_namespaced_deployment(DEPLOYMENT, NAMESPACE, patch, _request_timeout=10)
    deadline = time.monotonic() + DAMAGE_SECONDS
    damage = 0
    while not damage and time.monotonic() < deadline:
        time.sleep(0.5)
        damage = _corrupted(scene)
    return damage > 0, f"release {BAD.version} is live, and {damage} appointments are booked twice by now"


def roll_back(scene: Scene) -> tuple[bool, str, RunReport]:
    """Plan, approve and carry out the emergency rollback; return whether it came to its end, in words, with the report."""
    application, environment = scene.application, scene.environment
    waiting = make_plan(application, environment, RollbackWish(), perform=perform_plainly, now=datetime.now(UTC))
    plan = waiting.plan
    approval = Approval(application=application.name, plan=plan.hash, by="the demonstration", at=datetime.now(UTC))
    report = carry_out(
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
    said = f"plan {plan.hash}, {len(plan.steps)} steps. Lost: {waiting.estimates.discards}.\n    {headline(report)}"
    return report.ended.outcome is Outcome.DONE, said, report


def equality(scene: Scene, point: Manifest) -> tuple[bool, str]:
    """Compare the live database with the point, table by table: the proof of equality, once more and for the eye."""
    dsn, name = scene.environment.rollback_dsn, scene.application.database.name
    found = {each.table: each for each in read_fingerprints(dsn, name)}
    # The application serves again, and customers write: what it has not written to is equal to the digest.
    equal = [table for table in point.tables if found.get(table.table) == table]
    more = [table for table in point.tables if table not in equal]
    left = _corrupted(scene)
    words = f"{len(equal)} of {len(point.tables)} tables have the digest of the point; {left} appointments booked twice are left"
    return not left and not more, words + (f"; written since: {', '.join(table.table for table in more)}" if more else "")


def serving(address: str) -> tuple[bool, str]:
    """Ask the application itself."""
    answer = httpx.get(f"{address}/health-check", timeout=10)
    said = answer.json()
    good = answer.is_success and said.get("release") == STABLE.version
    return good, f"GET {address}/health-check: {answer.status_code}, release {said.get('release')}, replicas as before"


def undo_is_possible(scene: Scene, report: RunReport) -> tuple[bool, str]:
    """Make the plan that would swap back, and look at the database that is kept."""
    waiting = make_undo_plan(scene.application, scene.environment, report.run, perform=perform_plainly, now=datetime.now(UTC))
    with connect(scene.environment.rollback_dsn, "postgres") as connection:
        kept = fetch_value(connection, "select datname from pg_database where datname like '%replaced%' and not datallowconn")
    return kept is not None, f"database {kept} is kept, closed; `continuity undo {report.run}` has plan {waiting.plan.hash}"


def _corrupted(scene: Scene) -> int:
    with connect(scene.environment.rollback_dsn, scene.application.database.name) as connection:
        return int(fetch_value(connection, CORRUPTED))
