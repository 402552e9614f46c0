"""The step that applies a wave of a directory of manifests: tried whole first, forced only where asked, told by names."""

import logging
from pathlib import Path

from continuity.adapters.cluster import cluster_uid, open_cluster
from continuity.adapters.cluster_apply import Applier, Found, Seen
from continuity.adapters.manifest_files import read_manifests
from continuity.domain.deployment import Adjustments, arranged
from continuity.domain.manifests import Manifest, Wave, fingerprint
from continuity.domain.plan import Facts
from continuity.domain.recovery_place import MEET_CLUSTER
from continuity.errors import ClusterError, UnsafeOperation
from continuity.steps.operation import Retry
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)

APPLY_MANIFESTS = "apply the manifests"
_PATIENT = Retry(attempts=6, first_wait_seconds=0.5, longest_wait_seconds=10.0)


def _facts(world: World, arguments: Facts) -> Facts:
    """Try this wave and all that come after it, and record how the wave's objects were found."""
    manifests = _manifests(arguments)
    with open_cluster(world.environment.cluster) as cluster:
        seen = Applier(cluster=cluster, force=arguments["force"]).try_all(_from_wave_on(manifests, arguments["wave"]))
        uid = cluster_uid(cluster)
        if met := world.done.get(MEET_CLUSTER):
            _same_cluster(uid, met["uid"])
    own = {str(each): seen[str(each)] for each in _of_wave(manifests, arguments["wave"])}
    found = {name: {"found": each.found.value, "uid": each.uid} for name, each in own.items()}
    return {**arguments, "cluster": uid, "found": found}


def _probe(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        applier = Applier(cluster=cluster, force=facts["force"])
        if cluster_uid(cluster) != facts["cluster"]:
            return Probe.FOREIGN
        now = {str(each): _look(applier, each) for each in _of_wave(_manifests(facts), facts["wave"])}
    if any(seen and _was_made_anew(seen, facts["found"][name]["uid"]) for name, seen in now.items()):
        return Probe.FOREIGN
    return Probe.DONE if all(seen and seen.found is Found.SAME for seen in now.values()) else Probe.NOT_DONE


def _was_made_anew(seen: Seen, recorded: str) -> bool:
    return bool(recorded) and seen.uid != recorded


def _look(applier: Applier, manifest: Manifest) -> Seen | None:
    try:
        return applier.look(manifest)
    except ClusterError as error:
        if error.transient:
            raise
        # Acting will say why.
        return None


def _apply(world: World, facts: Facts) -> Facts:
    manifests = _of_wave(_manifests(facts), facts["wave"])
    with open_cluster(world.environment.cluster) as cluster:
        _same_cluster(cluster_uid(cluster), facts["cluster"])
        applier = Applier(cluster=cluster, force=facts["force"])
        applier.try_all(manifests)
        for number, manifest in enumerate(manifests, start=1):
            uid = applier.apply(manifest)
            logger.info("applied object=%s uid=%s number=%d of=%d", manifest, uid, number, len(manifests))
    return {}


def _take_away(world: World, facts: Facts) -> None:
    """Delete what this step has made, last first. Namespaces, definitions and volumes stay.

    Raises:
        UnsafeOperation: objects that were there before were changed, and stay so: what they were may be secret, and was
            therefore not recorded. They are named, after all else was taken away.

    """
    with open_cluster(world.environment.cluster) as cluster:
        _same_cluster(cluster_uid(cluster), facts["cluster"])
        applier = Applier(cluster=cluster)
        manifests = _of_wave(_manifests(facts), facts["wave"])
        made = [each for each in manifests if facts["found"][str(each)]["found"] == Found.ABSENT.value]
        for manifest in reversed(made):
            gone = applier.remove(manifest)
            logger.info("taken away object=%s gone=%s", manifest, gone)
        over = [each for each in manifests if facts["found"][str(each)]["found"] == Found.OTHER.value]
        changed = [str(each) for each in over if (seen := _look(applier, each)) and seen.found is Found.SAME]
    if changed:
        raise UnsafeOperation(
            f"{changed[0]} was there before, was changed, and stays so",
            detail="\n".join(changed),
            hint="Apply what they were from where they are kept.",
        )


def _manifests(facts: Facts) -> tuple[Manifest, ...]:
    """Read the manifests that were planned, in their order.

    Raises:
        UnsafeOperation: the directory holds something else by now.

    """
    read = read_manifests(Path(facts["directory"]))
    if fingerprint(read) != facts["sha256"]:
        raise UnsafeOperation(
            f"the manifests in {facts['directory']} are others than the plan was made for",
            hint="Put them back, or make a new plan.",
        )
    return arranged(read, Adjustments(**facts["adjustments"]))


def _of_wave(manifests: tuple[Manifest, ...], wave: str) -> tuple[Manifest, ...]:
    return tuple(each for each in manifests if each.wave is Wave(wave))


def _from_wave_on(manifests: tuple[Manifest, ...], wave: str) -> tuple[Manifest, ...]:
    waves = list(Wave)
    return tuple(each for each in manifests if waves.index(each.wave) >= waves.index(Wave(wave)))


def _same_cluster(uid: str, begun_on: str) -> None:
    if uid != begun_on:
        raise UnsafeOperation(
            f"the cluster has uid {uid}, the run began on {begun_on}", hint="Check `[cluster] kubeconfig` and `context`."
        )


APPLY_WAVE = Step(kind=APPLY_MANIFESTS, facts=_facts, probe=_probe, do=_apply, undo=_take_away, retry=_PATIENT)
