"""Steps that bring a media bucket back to a moment, take that back, and account for it: part by part, several keys at once.

The list of a plan, or the parts of a former run, are streamed; what was done to each key is kept in parts of its own. Killed
anywhere, the next attempt goes on after the last part, and asks the bucket about the keys of the one that was under way.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from continuity.adapters.media import is_versioned
from continuity.adapters.media_lists import read_list, store_conflicts, verify_list
from continuity.adapters.media_versions import VersionedBucket
from continuity.domain.media_plan import ACCOUNT, ROLL_BACK, TAKE_BACK
from continuity.domain.media_rollback import Action, Came, Result, inverse
from continuity.domain.plan import Facts
from continuity.errors import UnsafeOperation
from continuity.steps.media_acting import act, settle
from continuity.steps.media_parts import Parts
from continuity.steps.operation import PATIENT, Retry
from continuity.steps.places import journals_of, media_of
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)

IN_FLIGHT = 10
"""Keys that are acted on at the same time, each by three round trips one after the other; the SDK keeps ten connections."""

NAMED = 100
"""Conflicts that the journal names; all of them are in an object of the vault."""

_PATIENT = Retry(attempts=6, first_wait_seconds=1.0, longest_wait_seconds=30.0)


def _facts(world: World, arguments: Facts) -> Facts:
    """Name the folder of this run's parts, by what is acted on."""
    what = str(arguments.get("sha256") or arguments["done in"])
    mark = hashlib.sha256(what.encode()).hexdigest()[:12]
    return {**arguments, "folder": f"{world.application.name}/media/{world.run}/{mark}/"}


def _probe(world: World, facts: Facts) -> Probe:
    return Probe.DONE if _parts(world, facts).ended else Probe.NOT_DONE


def _roll_back(world: World, facts: Facts) -> Facts:
    """Act on the list that was approved, once it is seen to be that."""
    bucket = _open(world, facts)
    verify_list(journals_of(world.environment), facts["list"], facts["sha256"])
    _carry(bucket, _parts(world, facts), _planned(world, facts), world, facts)
    return {}


def _take_back(world: World, facts: Facts) -> Facts:
    """Act on the inverse of what a former run has done to each key."""
    _carry(_open(world, facts), _parts(world, facts), _inverses(world, facts), world, facts)
    return {}


def _planned(world: World, facts: Facts) -> Iterator[Action]:
    entries = read_list(journals_of(world.environment), facts["list"])
    return (entry for entry in entries if isinstance(entry, Action))


def _inverses(world: World, facts: Facts) -> Iterator[Action]:
    former = Parts(vault=journals_of(world.environment), folder=facts["done in"])
    return filter(None, map(inverse, former.read()))


def _undoing(planned: Callable[[World, Facts], Iterator[Action]]) -> Callable[[World, Facts], None]:
    """Return what takes a step back within its own run, done or killed half-way; `planned` streams what it was to do."""

    def undo(world: World, facts: Facts) -> None:
        bucket, done = _open(world, facts), _parts(world, facts)
        back = Parts(vault=done.vault, folder=f"{done.folder}back/")
        if back.ended:
            return
        size, number = facts["part_actions"], done.count() + 1
        if done.begun(number):
            under_way = list(islice(planned(world, facts), (number - 1) * size, number * size))
            done.store(number, _each(lambda action: settle(bucket, action), under_way))
        _carry(bucket, back, filter(None, map(inverse, done.read())), world, facts)
        counted = account(back, world.application.name)
        if counted["conflicts"]:
            # Said once, so that a person looks; taking the run back again ends it, and leaves those keys as they are.
            raise UnsafeOperation(
                f"{counted['conflicts']:,} keys were changed by somebody else after the run had, and stay so",
                detail="\n".join(counted["named"]),
                hint=f"Look at {counted['list']}; then `continuity undo {world.run}` ends the run.",
            )

    return undo


def _carry(bucket: VersionedBucket, parts: Parts, actions: Iterator[Action], world: World, facts: Facts) -> None:
    """Act part by part, after the last part that is stored."""
    size, stored, done_bytes = facts["part_actions"], parts.count(), 0
    rest = islice(actions, stored * size, None)
    for number in range(stored + 1, 1_000_000):
        part = list(islice(rest, size))
        if not part:
            break
        begun = parts.begun(number)
        parts.begin(number)
        results = _each(lambda action, begun=begun: act(bucket, action, begun=begun), part)  # type: ignore[misc]
        parts.store(number, results)
        done = (number - 1) * size + len(part)
        done_bytes += sum((each.wanted or each.current).size_bytes for each in part)
        logger.info("media part=%d keys=%d of=%d", number, done, facts["actions"])
        world.report(f"media, {done:,} of {facts['actions']:,} keys", done_bytes, facts["bytes"])
    parts.end()


def _each(work: Callable[[Action], Result], actions: Sequence[Action]) -> list[Result]:
    """Do several at once. After a failure none is begun any more, and those that were are waited for."""
    pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="media")
    try:
        return list(pool.map(work, actions))
    finally:
        pool.shutdown(cancel_futures=True)


def _open(world: World, facts: Facts) -> VersionedBucket:
    """Open the bucket of the plan.

    Raises:
        UnsafeOperation: the environment names another one, or it keeps no versions.

    """
    client, media = media_of(world.environment, world.application) or (None, None)
    if client is None or media is None or media.bucket != facts["bucket"]:
        raise UnsafeOperation(
            f"the plan is for bucket {facts['bucket']}, the environment names {media.bucket if media else 'none'}",
            hint="Make a new plan.",
        )
    if not is_versioned(client, media.bucket):
        raise UnsafeOperation(
            f"bucket {media.bucket} keeps no versions any more",
            detail="A copy or a delete marker could take the place of what is there.",
            hint="Switch versioning on again, then resume.",
        )
    return VersionedBucket(client, media.bucket)


def _parts(world: World, facts: Facts) -> Parts:
    return Parts(vault=journals_of(world.environment), folder=facts["folder"])


def _account(world: World, facts: Facts) -> Facts:
    """Count what a step has done, and note every key that it has left to somebody else. Changes nothing in the bucket."""
    of = world.done[facts["step"]]
    counted = account(_parts(world, of), world.application.name)
    noted = list(counted["named"])
    if counted["conflicts"]:
        noted.insert(0, f"{counted['conflicts']:,} keys were changed meanwhile, and were left: {counted['list']}")
    if left := of.get("left"):
        noted.append(f"{left:,} keys were left alone by the plan: {of['list']}")
    return {**counted, "noted": noted}


def account(parts: Parts, application: str) -> Facts:
    """Count what was done, and keep the list of all conflicts in the vault. Doing it again changes nothing."""
    counts: Counter[str] = Counter()
    named: list[str] = []
    for result in parts.read():
        counts[result.action.act.value if result.came is Came.DONE else result.came.value] += 1
        if result.came is Came.CONFLICT and len(named) < NAMED:
            named.append(f"{result.action.key}: {result.because}")
    conflicts = counts[Came.CONFLICT.value]
    kept = f"{parts.folder}conflicts.jsonl.zst" if conflicts else ""
    if conflicts:
        store_conflicts(parts.vault, kept, (each for each in parts.read() if each.came is Came.CONFLICT))
    logger.info("accounted media application=%s folder=%s %s", application, parts.folder, dict(counts))
    return {"counts": dict(counts), "conflicts": conflicts, "named": named, "list": kept}


ROLL_BACK_MEDIA = Step(kind=ROLL_BACK, facts=_facts, probe=_probe, do=_roll_back, undo=_undoing(_planned), retry=_PATIENT)
TAKE_MEDIA_BACK = Step(kind=TAKE_BACK, facts=_facts, probe=_probe, do=_take_back, undo=_undoing(_inverses), retry=_PATIENT)
ACCOUNT_FOR_MEDIA = Step(kind=ACCOUNT, do=_account, observes=True, retry=PATIENT)
