"""Steps that put a release back: images by digest, the configuration and the flags that belong to it."""

from typing import Any

from pydantic import TypeAdapter

from continuity.adapters.cluster import open_cluster
from continuity.adapters.cluster_config import restore_config
from continuity.adapters.cluster_flags import read_flags, write_flags
from continuity.adapters.cluster_jobs import run_job
from continuity.adapters.cluster_workloads import set_release
from continuity.domain.application import FlagSource
from continuity.domain.plan import Facts
from continuity.domain.workloads import FieldValue, FlagsState, ReferencedConfig, WorkloadState
from continuity.errors import UnsafeOperation
from continuity.steps.building import built_commit, built_image
from continuity.steps.operation import Retry
from continuity.steps.step import Probe, Step, World
from continuity.steps.traffic import read_planned, ref_of

PULL, SET_RELEASE, SET_FLAGS = "pull the image", "set the release", "set the flags"
PULL_SECONDS = 300
_CONFIG: TypeAdapter[tuple[ReferencedConfig, ...]] = TypeAdapter(tuple[ReferencedConfig, ...])
_MARKS: TypeAdapter[tuple[FieldValue, ...]] = TypeAdapter(tuple[FieldValue, ...])
_PATIENT = Retry(attempts=6, first_wait_seconds=0.5, longest_wait_seconds=10.0)


def _pull_facts(world: World, arguments: Facts) -> Facts:
    """Name the image, which an earlier step of this run may have built."""
    return {**arguments, "image": built_image(world, arguments["built by"])} if "built by" in arguments else arguments


def _pull(world: World, facts: Facts) -> Facts:
    """Run nothing in the image, on the cluster: an image that cannot be pulled is found before anything is stopped."""
    with open_cluster(world.environment.cluster) as cluster:
        result = run_job(
            cluster,
            ref_of(facts),
            name=f"continuity-pull-{world.run[-4:]}",
            command=["true"],
            deadline_seconds=PULL_SECONDS,
            image=facts["image"],
        )
    if not result.succeeded:
        raise UnsafeOperation(
            f"{facts['image']} cannot be run on the cluster: {result.because}",
            detail=result.output[-500:],
            hint="Choose another point or --image; nothing was stopped.",
        )
    return {"seconds": result.seconds}


def _facts(world: World, arguments: Facts) -> Facts:
    """Record what runs now, so that it can be put back exactly."""
    with open_cluster(world.environment.cluster) as cluster:
        found = read_planned(cluster, arguments)
    images = dict(arguments["images"])
    if "built by" in arguments:
        images |= dict.fromkeys(arguments["built containers"], built_image(world, arguments["built by"]))
    marks = list(arguments["marks"])
    if "revision at" in arguments:
        commit = built_commit(world, arguments["built by"])
        marks += [{"path": path, "value": commit} for path in arguments["revision at"]]
    former = {image.container: image.pinned or image.reference for image in found.images}
    config = [each for each in found.config if each.name in {one["name"] for one in arguments["config"]}]
    return {
        **arguments,
        "images": images,
        "marks": marks,
        "former images": {name: former[name] for name in images},
        "former marks": _MARKS.dump_python(found.marks, mode="json"),
        "former config": _CONFIG.dump_python(tuple(config), mode="json"),
    }


def _probe(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        found = read_planned(cluster, facts)
    there = _runs(found, facts["images"], _read(facts["config"])) and set(_MARKS.validate_python(facts["marks"])) <= set(
        found.marks
    )
    return Probe.DONE if there else Probe.NOT_DONE


def _runs(found: WorkloadState, images: Facts, config: tuple[ReferencedConfig, ...]) -> bool:
    present = {image.container: image.reference for image in found.images}
    held = {each.name: each.sha256 for each in found.config}
    same = all(held.get(each.name, each.sha256) == each.sha256 for each in config if each.data is not None)
    return same and all(present.get(name) == image for name, image in images.items())


def _set(world: World, facts: Facts) -> Facts:
    _put(world, facts, images=facts["images"], config=facts["config"], marks=facts["marks"])
    return {}


def _put_back(world: World, facts: Facts) -> None:
    _put(world, facts, images=facts["former images"], config=facts["former config"], marks=facts["former marks"])


def _put(world: World, facts: Facts, *, images: Facts, config: Any, marks: Any) -> None:
    with open_cluster(world.environment.cluster) as cluster:
        read_planned(cluster, facts)
        for each in _read(config):
            restore_config(cluster, facts["namespace"], each)
        set_release(cluster, ref_of(facts), uid=facts["uid"], images=images, marks=_MARKS.validate_python(marks))


def _flags_facts(world: World, arguments: Facts) -> Facts:
    return {**arguments, "former": _flags(world, arguments).document}


def _flags_probe(world: World, facts: Facts) -> Probe:
    return Probe.DONE if _flags(world, facts).document == facts["document"] else Probe.NOT_DONE


def _flags(world: World, facts: Facts) -> FlagsState:
    with open_cluster(world.environment.cluster) as cluster:
        return read_flags(cluster, _source(facts))


def _source(facts: Facts) -> FlagSource:
    return FlagSource(namespace=facts["namespace"], config_map=facts["config map"], key=facts["key"])


def _set_flags(world: World, facts: Facts) -> Facts:
    _put_flags(world, facts, facts["document"])
    return {}


def _put_flags_back(world: World, facts: Facts) -> None:
    _put_flags(world, facts, facts["former"])


def _put_flags(world: World, facts: Facts, document: str) -> None:
    with open_cluster(world.environment.cluster) as cluster:
        write_flags(cluster, _source(facts), document)


def _read(config: Any) -> tuple[ReferencedConfig, ...]:
    return _CONFIG.validate_python(config)


PULL_IMAGE = Step(kind=PULL, facts=_pull_facts, do=_pull, observes=True, retry=_PATIENT)
SET_THE_RELEASE = Step(kind=SET_RELEASE, facts=_facts, probe=_probe, do=_set, undo=_put_back, retry=_PATIENT)
SET_THE_FLAGS = Step(kind=SET_FLAGS, facts=_flags_facts, probe=_flags_probe, do=_set_flags, undo=_put_flags_back, retry=_PATIENT)
