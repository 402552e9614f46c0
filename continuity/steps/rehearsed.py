"""Steps of a rehearsal: a namespace of its own, made and cleared away; and the replica of the media, held against the map."""

import logging
from collections.abc import Iterator
from random import Random

from continuity.adapters.cluster import open_cluster
from continuity.adapters.cluster_namespaces import delete_namespace, find_namespace, is_of_run, make_namespace
from continuity.adapters.media_replica import find_in_replica
from continuity.adapters.media_store import Item, MediaStore, read_through
from continuity.adapters.media_worklist import Wanted
from continuity.domain.media_replica import lacking
from continuity.domain.plan import Facts
from continuity.domain.rehearsal import CHECK_REPLICA, CLEAR_NAMESPACE, MAKE_NAMESPACE, SAMPLED_FILES
from continuity.errors import CheckFailed, ConfigurationRefused, MediaError, MediaGone, UnsafeOperation
from continuity.settings import Environment
from continuity.steps.media_replication import fetch_map, map_folder, worklist_in
from continuity.steps.operation import PATIENT, Retry
from continuity.steps.places import points_of, replica_of
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)


def namespace_is_there(environment: Environment, name: str) -> bool:
    """Whether a namespace of that name is there, being deleted included. Changes nothing."""
    with open_cluster(environment.cluster) as cluster:
        return find_namespace(cluster, name) is not None


def _look(world: World, facts: Facts, *, absent: Probe, ours: Probe) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        found = find_namespace(cluster, facts["namespace"])
    if found is None:
        return absent
    return ours if is_of_run(found, world.run) else Probe.FOREIGN


def _made(world: World, facts: Facts) -> Probe:
    return _look(world, facts, absent=Probe.NOT_DONE, ours=Probe.DONE)


def _cleared(world: World, facts: Facts) -> Probe:
    return _look(world, facts, absent=Probe.DONE, ours=Probe.NOT_DONE)


def _make(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        make_namespace(cluster, facts["namespace"], world.run)
    return {}


def _clear(world: World, facts: Facts) -> Facts:
    """Delete the namespace of this run. Running it twice deletes once."""
    _delete(world, facts)
    return {}


def _delete(world: World, facts: Facts) -> None:
    with open_cluster(world.environment.cluster) as cluster:
        gone = delete_namespace(cluster, facts["namespace"], world.run)
    logger.info("cleared namespace=%s was_there=%s", facts["namespace"], gone)


def _check_replica(world: World, facts: Facts) -> Facts:
    """Compare the map with the replica's listing, and read some files to their last byte: which ones, the run's id draws.

    Raises:
        CheckFailed: it holds less than the backup has said, or other bytes.

    """
    environment, name = world.environment, world.application.name
    replica = replica_of(environment)
    if replica is None or replica.bucket != facts["replica"]:
        raise ConfigurationRefused(f"the replica is not {facts['replica']} any more", hint="Set `[media] replica_bucket`.")
    manifest = points_of(environment, name).read_manifest(facts["point"])
    media = manifest.media
    if media is None or media.versions.content_sha256 != facts["map_sha256"]:
        raise UnsafeOperation(f"the map of {facts['point']} is not the one that was planned with", hint="Make a new plan.")
    with map_folder(environment) as folder:
        lines = fetch_map(manifest, environment, folder)
        with worklist_in(folder, lines, world.application) as worklist:
            sample = _drawn(worklist.to_do(), Random(world.run))  # noqa: S311 -- a sample, no secret
            left, damaged = find_in_replica(worklist, replica, name)
            examples = [wanted.media.key for wanted, _ in zip(worklist.to_do(), range(5), strict=False)]
    known = media.replica.missing if media.replica else media.objects
    if left.objects > known or damaged:
        raise CheckFailed(
            f"the replica lacks {left.objects:,} of {media.objects:,} files, {damaged:,} of them are there with other bytes",
            detail=f"{', '.join(examples)}. When the point was made it lacked {known:,}.",
            hint="A backup copies what is missing, as long as the bucket still has it.",
        )
    read = sum(_read(wanted, replica) for wanted in sample)
    noted = [said] if (said := lacking(media)) else []
    return {"files": media.objects, "missing": left.objects, "read to the last byte": read, "noted": noted}


def _read(wanted: Wanted, replica: MediaStore) -> bool:
    item = Item(key=wanted.name, version="", etag=wanted.expected, size_bytes=wanted.media.size_bytes, to=wanted.name)
    try:
        read_through(item, replica)
    except MediaGone:
        # Counted as missing already.
        return False
    except MediaError as error:
        if error.transient:
            raise
        raise CheckFailed(f"the replica's copy of {wanted.media.key} cannot be used: {error.message}", hint=error.hint) from error
    return True


def _drawn(wanted: Iterator[Wanted], random: Random) -> list[Wanted]:
    """Draw some of very many, each as likely as another, in one pass (Vitter, "Random Sampling with a Reservoir", 1985)."""
    drawn: list[Wanted] = []
    for number, each in enumerate(wanted):
        if number < SAMPLED_FILES:
            drawn.append(each)
        elif (place := random.randrange(number + 1)) < SAMPLED_FILES:
            drawn[place] = each
    return drawn


MAKE_THE_NAMESPACE = Step(kind=MAKE_NAMESPACE, probe=_made, do=_make, undo=_delete, retry=PATIENT)
CLEAR_THE_NAMESPACE = Step(kind=CLEAR_NAMESPACE, probe=_cleared, do=_clear, retry=PATIENT)
CHECK_THE_REPLICA = Step(kind=CHECK_REPLICA, do=_check_replica, observes=True, retry=Retry(attempts=3, first_wait_seconds=5.0))
