"""The step that brings recorded ConfigMaps back, before the workloads that read them are made."""

from pydantic import TypeAdapter

from continuity.adapters.cluster import open_cluster
from continuity.adapters.cluster_config import holds, restore_config
from continuity.domain.plan import Facts
from continuity.domain.redeployment import SET_CONFIGURATION
from continuity.domain.workloads import ReferencedConfig
from continuity.steps.operation import PATIENT
from continuity.steps.step import Probe, Step, World

_CONFIG: TypeAdapter[tuple[ReferencedConfig, ...]] = TypeAdapter(tuple[ReferencedConfig, ...])


def _recorded(facts: Facts) -> tuple[ReferencedConfig, ...]:
    return _CONFIG.validate_python(facts["config"])


def _probe(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        there = all(holds(cluster, facts["namespace"], each) for each in _recorded(facts))
    return Probe.DONE if there else Probe.NOT_DONE


def _set(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        for each in _recorded(facts):
            restore_config(cluster, facts["namespace"], each)
    return {}


SET_THE_CONFIGURATION = Step(kind=SET_CONFIGURATION, probe=_probe, do=_set, retry=PATIENT)
