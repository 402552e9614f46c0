"""The step that gives a workload another number of replicas, and knows the former one."""

from continuity.adapters.cluster import open_cluster
from continuity.adapters.cluster_workloads import scale
from continuity.domain.plan import Facts
from continuity.steps.operation import Retry
from continuity.steps.step import Probe, Step, World
from continuity.steps.traffic import read_planned, ref_of

SCALE = "scale a workload"
_PATIENT = Retry(attempts=6, first_wait_seconds=0.5, longest_wait_seconds=10.0)


def _facts(world: World, arguments: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        return {**arguments, "former": read_planned(cluster, arguments).replicas}


def _probe(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        found = read_planned(cluster, facts).replicas
    return Probe.DONE if found == facts["replicas"] else Probe.NOT_DONE


def _scale(world: World, facts: Facts) -> Facts:
    _put(world, facts, facts["replicas"])
    return {}


def _scale_back(world: World, facts: Facts) -> None:
    _put(world, facts, facts["former"])


def _put(world: World, facts: Facts, replicas: int) -> None:
    with open_cluster(world.environment.cluster) as cluster:
        scale(cluster, ref_of(facts), uid=facts["uid"], replicas=replicas)


SCALE_WORKLOAD = Step(kind=SCALE, facts=_facts, probe=_probe, do=_scale, undo=_scale_back, retry=_PATIENT)
