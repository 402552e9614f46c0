"""A rehearsal does all of a recovery in places of its own, lets nothing of the application run, and leaves nothing."""

from uuid import uuid4

import psycopg
import pytest
from kubernetes import client

from continuity.adapters.leases import last_lease
from continuity.domain.lease import Purpose
from continuity.domain.run import EntryKind
from continuity.domain.stages import Stage
from continuity.engine import Phase
from continuity.errors import UnsafeOperation
from continuity.journal import read_history
from continuity.steps.places import journals_of
from continuity.steps.recovery_times import read_recovery_times
from tests.fixtures.killing import Kill, resume_run, start_run, undo_run
from tests.fixtures.recovering import write_manifests

KILLED = -9


@pytest.fixture
def core(kubernetes_api) -> client.CoreV1Api:
    return client.CoreV1Api(kubernetes_api)


@pytest.fixture
def scratch(disaster, local_cluster, kubernetes_api):
    """Describe a deployment, and name the namespace in which it is rehearsed; nothing of either is on the cluster."""
    real, scratch = f"shop-{uuid4().hex[:6]}", f"rehearsal-{uuid4().hex[:6]}"
    folder = disaster.seat.environment.parent
    write_manifests(folder / "manifests", real)
    lines = f'[recovery]\nmanifests = "{folder}/manifests"\nrehearsal_namespace = "{scratch}"\n'
    text = disaster.seat.environment.read_text().replace("[recovery]\n", lines)
    disaster.seat.environment.write_text(f'{text}[cluster]\nkubeconfig = "{local_cluster.kubeconfig}"\n')
    return scratch


def namespaces(core) -> list[str]:
    return sorted(each.metadata.name for each in core.list_namespace().items)


def last_rehearsal(disaster):
    return last_lease(journals_of(disaster.load()[1]), "guestbook", Purpose.REHEARSAL).journal


def test_everything_is_done_in_a_place_of_its_own_and_nothing_is_left(disaster, scratch, core):
    before = disaster.databases(), namespaces(core)

    ended = disaster.seat.json("recover", "guestbook", "--rehearsal")

    assert (ended["outcome"], ended["verdict"]) == ("done", "sound")
    steps = {step["name"]: step for step in ended["steps"]}
    assert {"judge the restore", "probe a write", "apply the workloads", "clear the rehearsal"} <= set(steps)
    assert (disaster.databases(), namespaces(core)) == before
    history = read_history(journals_of(disaster.load()[1]), last_rehearsal(disaster))
    applied = [entry.facts["objects"] for entry in history.entries if entry.kind is EntryKind.DONE and "objects" in entry.facts]
    assert f"Deployment {scratch}/web" in str(applied)
    assert "Gadget" not in str(applied)
    with psycopg.connect(disaster.old) as session:
        assert session.execute("select 1").fetchone() == (1,)
    # What stood still says nothing of how long it takes to start.
    measured = read_recovery_times(disaster.load()[1], "guestbook")
    assert Stage.DATABASE in measured
    assert Stage.DEPLOYMENT not in measured


def test_nothing_of_the_application_runs_in_it(disaster, scratch, core, kubernetes_api):
    plan, _ = disaster.plan(rehearsal=True)
    stopped = Kill(step="probe a write", phase=Phase.BEFORE_INTENT)
    assert start_run(disaster.seat.environment, "guestbook", plan, stopped) == KILLED

    deployments = client.AppsV1Api(kubernetes_api).list_namespaced_deployment(scratch).items
    assert {each.metadata.name: each.spec.replicas for each in deployments} == {"web": 0, "worker": 0}
    assert core.list_namespaced_pod(scratch).items == []
    with pytest.raises(UnsafeOperation) as refused:
        disaster.plan(rehearsal=True)
    assert f"namespace {scratch} is there already" in refused.value.detail

    # Killed where it could not tell any more that it had cleared, and resumed, it has cleared.
    run = last_rehearsal(disaster)
    for step in ("clear the rehearsal's namespace", "clear the rehearsal"):
        assert resume_run(disaster.seat.environment, "guestbook", run, Kill(step=step, phase=Phase.ACTED)) == KILLED
    assert resume_run(disaster.seat.environment, "guestbook", run, None) == 0
    assert disaster.databases() == []
    assert scratch not in namespaces(core)


def test_killed_and_taken_back_it_leaves_nothing(disaster, scratch, core):
    for step, phase in (("probe a write", Phase.AFTER_INTENT), ("make the rehearsal's namespace", Phase.ACTED)):
        plan, _ = disaster.plan(rehearsal=True)
        assert start_run(disaster.seat.environment, "guestbook", plan, Kill(step=step, phase=phase)) == KILLED
        assert disaster.databases() == ["_rehearsal"]

        assert undo_run(disaster.seat.environment, "guestbook", last_rehearsal(disaster), None) == 0

        assert disaster.databases() == []
        assert scratch not in namespaces(core)


def test_a_namespace_that_somebody_else_has_made_meanwhile_stays(disaster, scratch, core):
    plan, _ = disaster.plan(rehearsal=True)
    killed = Kill(step="make the rehearsal's namespace", phase=Phase.AFTER_INTENT)
    assert start_run(disaster.seat.environment, "guestbook", plan, killed) == KILLED
    core.create_namespace({"metadata": {"name": scratch}})
    try:
        assert resume_run(disaster.seat.environment, "guestbook", last_rehearsal(disaster), None) == 0

        assert disaster.databases() == []
        assert scratch in namespaces(core)
    finally:
        core.delete_namespace(scratch)
