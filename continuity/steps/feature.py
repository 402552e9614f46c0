"""Steps that switch a feature: set exactly one flag, start anew what has read the flags already, and see who has it."""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from continuity.adapters.cluster import Cluster, open_cluster
from continuity.adapters.cluster_pods import list_pods, wait_until_ready
from continuity.adapters.cluster_workloads import restarted_at, set_restarted_at
from continuity.domain.feature import LOOK, RESTART, SET, FlagUse
from continuity.domain.flags import same, says
from continuity.domain.live import workload_of
from continuity.domain.plan import Facts
from continuity.domain.workloads import PodState
from continuity.steps.flag_places import read_flag, write_flag
from continuity.steps.operation import PATIENT, Retry
from continuity.steps.step import Probe, Step, World
from continuity.steps.traffic import READY_SECONDS, read_planned, ref_of

logger = logging.getLogger(__name__)

_PATIENT = Retry(attempts=6, first_wait_seconds=0.5, longest_wait_seconds=10.0)


def _facts(world: World, arguments: Facts) -> Facts:
    """Record the flag as it is now, and who had read it: which containers, and by which word they were started."""
    present = read_flag(world, arguments)
    return {
        **arguments,
        "former": present.definition,
        "version": present.version,
        "pods": _read_by(world, arguments["readers"]),
        "restarted at": _restarted_at(world, arguments["readers"]),
    }


def _probe(world: World, facts: Facts) -> Probe:
    present = read_flag(world, facts).definition
    if same(present, facts["wanted"]):
        return Probe.DONE
    as_planned = same(present, facts["former"]) and same(facts["former"], facts["found"])
    return Probe.NOT_DONE if as_planned else Probe.FOREIGN


def _set(world: World, facts: Facts) -> Facts:
    """Set the flag, and record the containers that run right after it: they may have read the former value."""
    write_flag(world, facts, expected=facts["found"], wanted=facts["wanted"])
    logger.info("set flag=%s to=%s", facts["flag"], says(facts["wanted"]).value)
    return {"pods": _read_by(world, facts["readers"])}


def _put_back(world: World, facts: Facts) -> None:
    """Put the former definition back, and then start anew what may have read the other one.

    A flag that somebody else has changed meanwhile is theirs, and stays; to refuse would leave the run open for ever.
    """
    present = read_flag(world, facts).definition
    if same(present, facts["wanted"]):
        write_flag(world, facts, expected=facts["wanted"], wanted=facts["former"])
    elif not same(present, facts["former"]):
        logger.warning("left as somebody else has changed it flag=%s says=%s", facts["flag"], says(present).value)
    restarts = [each for each in facts["readers"] if each["restart"]]
    if not restarts:
        return
    with open_cluster(world.environment.cluster) as cluster:
        for each in restarts:
            _start_anew(cluster, each, former=facts["restarted at"][workload_of(each)], known=facts["pods"][workload_of(each)])


def _start_anew(cluster: Cluster, reader: Facts, *, former: str | None, known: Sequence[str]) -> None:
    """Bring the pods of a workload back to its former template, or, where that has stayed, replace those that are new."""
    ref = ref_of(reader)
    replicas = read_planned(cluster, reader).replicas
    if restarted_at(cluster, ref) != former:
        set_restarted_at(cluster, ref, uid=reader["uid"], moment=former)
    elif not set(_starts(list_pods(cluster, ref))) <= set(known):
        # A container has started in between, by itself: which value it has read is not known.
        set_restarted_at(cluster, ref, uid=reader["uid"], moment=_now())
    else:
        return
    wait_until_ready(cluster, ref, replicas=replicas, deadline_seconds=READY_SECONDS)


def _read_by(world: World, readers: Sequence[Facts]) -> dict[str, list[str]]:
    """Name the starts of containers by workload, of those that read the flags when they start."""
    reading = [each for each in readers if each["use"] == FlagUse.START]
    if not reading:
        return {}
    with open_cluster(world.environment.cluster) as cluster:
        return {workload_of(each): _starts(list_pods(cluster, ref_of(each))) for each in reading}


def _restarted_at(world: World, readers: Sequence[Facts]) -> dict[str, str | None]:
    restarts = [each for each in readers if each["restart"]]
    if not restarts:
        return {}
    with open_cluster(world.environment.cluster) as cluster:
        return {workload_of(each): restarted_at(cluster, ref_of(each)) for each in restarts}


def _starts(pods: Iterable[PodState]) -> list[str]:
    return [_start_of(pod) for pod in pods if not pod.terminating]


def _start_of(pod: PodState) -> str:
    """Name the latest start of a pod's containers. A container that is restarted reads its environment anew."""
    return f"{pod.uid}/{pod.restarts}"


def _restart_facts(world: World, arguments: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        read_planned(cluster, arguments)
    return {**arguments, "at": _now()}


def _restarted(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        read_planned(cluster, facts)
        return Probe.DONE if restarted_at(cluster, ref_of(facts)) == facts["at"] else Probe.NOT_DONE


def _restart(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        set_restarted_at(cluster, ref_of(facts), uid=facts["uid"], moment=facts["at"])
    return {}


def _look(world: World, facts: Facts) -> Facts:
    """Tell of each pod whether it has the flag as it is now; note those that have it not."""
    setting = world.done[facts["set by"]]
    flag = f"{facts['flag']} {says(setting['wanted'])}"
    if not facts["readers"]:
        return {"seen": [f"every pod has {flag} with its next look into the table; one that remembers flags, when it forgets"]}
    seen: list[str] = []
    noted: list[str] = []
    with open_cluster(world.environment.cluster) as cluster:
        for each in facts["readers"]:
            workload = workload_of(each)
            before: Sequence[str] = setting["pods"].get(workload, ())
            for pod in list_pods(cluster, ref_of(each)):
                if pod.terminating:
                    continue
                lacks = _start_of(pod) in before
                line = f"pod {pod.name} of {workload}: {_told(flag, FlagUse(each['use']), lacks=lacks)}"
                seen.append(line)
                noted += [line] if lacks else []
    logger.info("seen flag=%s pods=%d without=%d", facts["flag"], len(seen), len(noted))
    return {"seen": seen, "noted": noted}


def _told(flag: str, use: FlagUse, *, lacks: bool) -> str:
    match use:
        case FlagUse.FILE:
            return f"reads a mounted file, and has {flag} within two minutes of {datetime.now(UTC):%H:%M:%S} UTC"
        case FlagUse.NONE:
            return f"has {flag} as soon as flagd, or the client of its own that brings the flags"
        case FlagUse.START:
            return (
                f"still has what was before {flag}, until it is restarted" if lacks else f"has {flag}, started after the change"
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


SET_FLAG = Step(kind=SET, facts=_facts, probe=_probe, do=_set, undo=_put_back, retry=_PATIENT)
RESTART_WORKLOAD = Step(kind=RESTART, facts=_restart_facts, probe=_restarted, do=_restart, retry=_PATIENT)
"""Taken back with the flag that it makes known, and not before: its pods would read that flag again."""
SEE_WHO_HAS_IT = Step(kind=LOOK, do=_look, observes=True, retry=PATIENT)
