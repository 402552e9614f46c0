"""Steps that stop an application and start it again exactly as it was: what would scale it back, replicas, sessions."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from continuity.adapters.cluster import Cluster, open_cluster
from continuity.adapters.cluster_pods import list_pods, wait_until_ready
from continuity.adapters.cluster_scalers import is_paused, is_resumed, pause, resume
from continuity.adapters.cluster_workloads import read_workload, scale
from continuity.adapters.postgres import Connection, connect
from continuity.adapters.swap import MAINTENANCE, Session, allow_connections, close_sessions, find_database, sessions_on
from continuity.domain.application import WorkloadRef
from continuity.domain.plan import Facts
from continuity.domain.workloads import ScalerState, WorkloadState
from continuity.errors import UnsafeOperation
from continuity.steps.operation import Retry
from continuity.steps.step import Probe, Step, World

PAUSE, STOP, START, RESUME = "pause what scales back", "stop a workload", "start a workload", "resume what scales back"
WAIT, END, CLOSE, OPEN = "wait for sessions", "end sessions", "close the database", "open the database"
ROLL_OUT, PIN, UNPIN = "wait for the rollout", "pin what scales", "unpin what scales"
READY_SECONDS = 240
POLL_SECONDS = 0.2
MOST_REVERSIONS = 2
END_SECONDS, QUIET_SECONDS = 4.0, 0.5
CALM_SECONDS = 2.0
OURS = "continuity"
"""The application name of our own sessions: a backup that runs meanwhile is ended by the swap, and is no application."""

_SCALERS: TypeAdapter[tuple[ScalerState, ...]] = TypeAdapter(tuple[ScalerState, ...])
_TWICE = Retry(attempts=2, first_wait_seconds=1.0)
"""For what has waited long by itself: pods that do not come up twice are for a person."""
_PATIENT = Retry(attempts=6, first_wait_seconds=0.5, longest_wait_seconds=10.0)


def ref_of(facts: Facts) -> WorkloadRef:
    """Return the workload that facts name."""
    return WorkloadRef(namespace=facts["namespace"], name=facts["workload"], containers=tuple(facts["containers"]))


def read_planned(cluster: Cluster, facts: Facts) -> WorkloadState:
    """Read a workload, and make sure that it is the object that was planned for.

    Raises:
        UnsafeOperation: another object has its name now.

    """
    found = read_workload(cluster, ref_of(facts))
    if found.uid != facts["uid"]:
        raise UnsafeOperation(
            f"deployment {found.ref} has uid {found.uid}, the plan is for {facts['uid']}",
            hint="It was made anew, or this is another cluster: make a new plan.",
        )
    return found


def _pause_facts(world: World, arguments: Facts) -> Facts:
    """Record the scalers as they are now, and as they were before a hold that the plan takes over."""
    with open_cluster(world.environment.cluster) as cluster:
        found = _SCALERS.dump_python(read_planned(cluster, arguments).scalers, mode="json")
    return {**arguments, "found": found, "scalers": arguments.get("scalers", found)}


def _paused(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        return (
            Probe.DONE
            if all(is_paused(cluster, each, replicas=facts.get("pinned to", 0)) for each in _read(facts["found"]))
            else Probe.NOT_DONE
        )


def _pause(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        for scaler in _read(facts["found"]):
            pause(cluster, scaler, replicas=facts.get("pinned to", 0))
    return {}


def _unpause(world: World, facts: Facts) -> None:
    with open_cluster(world.environment.cluster) as cluster:
        for scaler in _read(facts["found"]):
            resume(cluster, scaler)


def _resume_facts(world: World, arguments: Facts) -> Facts:
    return {**arguments, "scalers": arguments.get("scalers") or world.done[arguments["paused by"]]["scalers"]}


def _resumed(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        return Probe.DONE if all(is_resumed(cluster, each) for each in _read(facts["scalers"])) else Probe.NOT_DONE


def _resume(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        for scaler in _read(facts["scalers"]):
            resume(cluster, scaler)
    return {}


def _pin_again(world: World, facts: Facts) -> None:
    with open_cluster(world.environment.cluster) as cluster:
        for scaler in _read(facts["scalers"]):
            pause(cluster, scaler, replicas=facts["pinned to"])


def _stop_facts(world: World, arguments: Facts) -> Facts:
    """Record the replicas as they are now, and the ones to come back to, which a hold may have recorded before."""
    with open_cluster(world.environment.cluster) as cluster:
        found = read_planned(cluster, arguments).replicas
    return {**arguments, "found": found, "replicas": arguments.get("replicas", found)}


def _stopped(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        return Probe.NOT_DONE if read_planned(cluster, facts).replicas else Probe.DONE


def _stop(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        scale(cluster, ref_of(facts), uid=facts["uid"], replicas=0)
    return {}


def _unstop(world: World, facts: Facts) -> None:
    with open_cluster(world.environment.cluster) as cluster:
        scale(cluster, ref_of(facts), uid=facts["uid"], replicas=facts["found"])


def _start_facts(world: World, arguments: Facts) -> Facts:
    return {
        **arguments,
        "replicas": arguments.get("replicas", world.done.get(arguments.get("stopped by", ""), {}).get("replicas")),
    }


def _started(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        if read_planned(cluster, facts).replicas != facts["replicas"]:
            return Probe.NOT_DONE
        ready = sum(pod.ready and not pod.terminating for pod in list_pods(cluster, ref_of(facts)))
    return Probe.DONE if ready >= facts["replicas"] else Probe.NOT_DONE


def _start(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        scale(cluster, ref_of(facts), uid=facts["uid"], replicas=facts["replicas"])
        wait_until_ready(cluster, ref_of(facts), replicas=facts["replicas"], deadline_seconds=READY_SECONDS)
    return {}


def _roll_out_facts(world: World, arguments: Facts) -> Facts:
    """Name the object that is waited for: a plan knows no uid of what its own run applies."""
    if "uid" in arguments:
        return arguments
    with open_cluster(world.environment.cluster) as cluster:
        return {**arguments, "uid": read_workload(cluster, ref_of(arguments)).uid}


def _roll_out(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        replicas = read_planned(cluster, facts).replicas
        wait_until_ready(cluster, ref_of(facts), replicas=replicas, deadline_seconds=READY_SECONDS)
    return {"rolled out": replicas}


def _wait(world: World, facts: Facts) -> Facts:
    """Wait until nobody but us is on the database, and no pod is left: one that still terminates may write, and counts.

    A workload that something scales back meanwhile is stopped once more, and must then stay so for a while; the second time
    it is said who has to be paused.
    """
    rules = world.environment.rollback
    deadline = time.monotonic() + rules.drain_seconds
    reversions, calm_from = 0, 0.0
    while True:
        again, pods = _stop_again(world, facts["workloads"], reversions)
        if again:
            reversions, calm_from = reversions + again, time.monotonic() + CALM_SECONDS
        with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
            left = [*pods, *map(str, foreign_sessions(connection, facts["live_oid"]))]
            if not left and time.monotonic() >= calm_from:
                return {"reversions": reversions}
            if left and time.monotonic() > deadline:
                return {"ended": _end_or_refuse(connection, facts["live_oid"], left, world), "reversions": reversions}
        time.sleep(POLL_SECONDS)


def foreign_sessions(connection: Connection, oid: int) -> tuple[Session, ...]:
    """Tell who is on a database, apart from this software."""
    return tuple(each for each in sessions_on(connection, oid) if each.application != OURS)


def _stop_again(world: World, workloads: Sequence[Facts], reversions: int) -> tuple[int, list[str]]:
    """Stop what was scaled back; return how many workloads were, and the pods that are still there."""
    if not workloads:
        return 0, []
    again, pods = 0, []
    with open_cluster(world.environment.cluster) as cluster:
        for facts in workloads:
            found = read_planned(cluster, facts)
            if found.replicas:
                again += 1
                if reversions + again >= MOST_REVERSIONS:
                    raise UnsafeOperation(
                        f"something scales deployment {found.ref} back to {found.replicas}, twice by now",
                        hint="Find out what (its managedFields tell) and pause it; then start again.",
                    )
                scale(cluster, found.ref, uid=found.uid, replicas=0)
            pods += [f"pod {pod.name} of {found.ref}" for pod in list_pods(cluster, found.ref)]
    return again, pods


def _end_or_refuse(connection: Connection, oid: int, left: Sequence[str], world: World) -> list[str]:
    if world.environment.rollback.foreign_sessions == "refuse":
        raise UnsafeOperation(
            f"after {world.environment.rollback.drain_seconds} s somebody can still write to the database: {left[0]}",
            detail="\n".join(left[:20]),
            hint='Stop them, or set `[rollback] foreign_sessions = "end"`.',
        )
    close_sessions(connection, oid)
    return list(left)


def _end(world: World, facts: Facts) -> Facts:
    """End every session, again and again while pods that terminate come back; who is left after that is named."""
    deadline, quiet_since, ended = time.monotonic() + END_SECONDS, time.monotonic(), 0
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        while time.monotonic() < deadline:
            if closed := close_sessions(connection, facts["live_oid"]):
                ended, quiet_since = ended + closed, time.monotonic()
            elif time.monotonic() - quiet_since > QUIET_SECONDS:
                break
            time.sleep(POLL_SECONDS)
        left = [str(each) for each in foreign_sessions(connection, facts["live_oid"])]
    return {"ended": ended, "left": left}


def look_whether_closed(connection: Connection, facts: Facts) -> Probe:
    """Tell whether nobody gets into the recorded database, and nobody is left in it."""
    state = find_database(connection, facts["live"])
    if state is None or state.oid != facts["live_oid"]:
        return Probe.FOREIGN
    return Probe.NOT_DONE if state.allows_connections or foreign_sessions(connection, state.oid) else Probe.DONE


def close_to_all(connection: Connection, facts: Facts) -> Facts:
    """Let nobody in, and end who is there; it lasts over a restart of the server."""
    allow_connections(connection, facts["live"], allowed=False)
    return {"ended": close_sessions(connection, facts["live_oid"])}


def _closed(world: World, facts: Facts) -> Probe:
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        return look_whether_closed(connection, facts)


def _close(world: World, facts: Facts) -> Facts:
    """Close the database: what a hold does where no workload is known that could be stopped."""
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        return close_to_all(connection, facts)


def _opened(world: World, facts: Facts) -> Probe:
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        state = find_database(connection, facts["live"])
    if state is None or state.oid != facts["live_oid"]:
        return Probe.FOREIGN
    return Probe.DONE if state.allows_connections else Probe.NOT_DONE


def _open(world: World, facts: Facts) -> Facts:
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        allow_connections(connection, facts["live"], allowed=True)
    return {}


def _reopen(world: World, facts: Facts) -> None:
    _open(world, facts)


def _read(scalers: Any) -> tuple[ScalerState, ...]:
    return _SCALERS.validate_python(scalers)


PAUSE_SCALERS = Step(kind=PAUSE, facts=_pause_facts, probe=_paused, do=_pause, undo=_unpause, retry=_PATIENT)
PIN_SCALERS = replace(PAUSE_SCALERS, kind=PIN)
RESUME_SCALERS = Step(kind=RESUME, facts=_resume_facts, probe=_resumed, do=_resume, retry=_PATIENT)
UNPIN_SCALERS = Step(kind=UNPIN, probe=_resumed, do=_resume, undo=_pin_again, retry=_PATIENT)
STOP_WORKLOAD = Step(kind=STOP, facts=_stop_facts, probe=_stopped, do=_stop, undo=_unstop, retry=_PATIENT)
START_WORKLOAD = Step(kind=START, facts=_start_facts, probe=_started, do=_start, retry=_TWICE)
WAIT_FOR_ROLLOUT = Step(kind=ROLL_OUT, facts=_roll_out_facts, do=_roll_out, observes=True, retry=_TWICE)
WAIT_FOR_SESSIONS = Step(kind=WAIT, do=_wait, observes=True, retry=_PATIENT)
END_SESSIONS = Step(kind=END, do=_end, observes=True, retry=_PATIENT)
CLOSE_DATABASE = Step(kind=CLOSE, probe=_closed, do=_close, undo=_reopen, retry=_PATIENT)
OPEN_DATABASE = Step(kind=OPEN, probe=_opened, do=_open, retry=_PATIENT)
