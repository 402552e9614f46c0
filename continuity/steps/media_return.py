"""The step that fills a bucket with what a point's map names, from the replica."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from continuity.adapters.media_copies import copy_left
from continuity.adapters.media_replica import hold_in_replica
from continuity.adapters.media_store import Item, MediaStore, is_hidden
from continuity.adapters.media_worklist import Listed, Wanted, Worklist, may_be_the_same
from continuity.domain.application import ApplicationName
from continuity.domain.media_replica import RETURN_MEDIA, replica_key
from continuity.domain.plan import Facts
from continuity.errors import ConfigurationRefused, MediaError, UnsafeOperation
from continuity.steps.media_replication import fetch_map, map_folder, worklist_in
from continuity.steps.operation import Retry
from continuity.steps.places import media_store_of, points_of, replica_of
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)

SHOWN = 5
_HINT = "Look at the replica (`continuity check`); then make a new plan, which shows what it lacks."


@dataclass(kw_only=True)
class _Seen:
    """What a bucket holds that a map does not name, and what it holds otherwise than the map says."""

    strangers: int = 0
    others: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, strangers: list[Listed], others: list[Wanted]) -> None:
        self.strangers += len(strangers)
        self.others += len(others)
        room = SHOWN - len(self.examples)
        self.examples += [*(wanted.media.key for wanted in others), *(listed.name for listed in strangers)][:room]


@dataclass(frozen=True, kw_only=True)
class _Return:
    """A bucket on its way to a point's map."""

    worklist: Worklist
    replica: MediaStore
    bucket: MediaStore
    prefix: str
    application: ApplicationName

    def look(self) -> _Seen:
        """Mark what is in the bucket as the map says; return what is not. Below the application's prefix alone."""
        seen = _Seen()
        self.worklist.forget()
        for page in self.bucket.pages(self.prefix):
            strangers, others = self.worklist.find(page)
            same = {wanted.name for listed, wanted in others if self._same(listed, wanted)}
            self.worklist.mark(same)
            seen.add(strangers, [wanted for _, wanted in others if wanted.name not in same])
        return seen

    def _same(self, listed: Listed, wanted: Wanted) -> bool:
        """Whether an object whose ETag is not the map's is it all the same, as far as its store can tell."""
        if listed.size_bytes != wanted.media.size_bytes:
            return False
        return may_be_the_same(listed, wanted) or is_hidden(listed.etag, self.bucket.look(listed.name))

    def ends(self, most_lost: int) -> bool:
        """Whether nothing is left that the replica holds, and no more than was said is lost."""
        return not self.worklist.left(held=True).objects and self.worklist.left().objects <= most_lost

    def from_replica(self, wanted: Wanted) -> Item:
        """Say how an object comes back: if the replica has exactly the bytes that were verified when it was copied there."""
        place = replica_key(self.application, wanted.media)
        return Item(key=place, version="", etag=wanted.expected, size_bytes=wanted.media.size_bytes, to=wanted.media.key)


@contextmanager
def _opened(world: World, facts: Facts) -> Iterator[_Return]:
    application, environment = world.application, world.environment
    bucket, replica = media_store_of(environment, application, facts["bucket"]), replica_of(environment)
    if bucket is None or replica is None or replica.bucket != facts["replica"]:
        raise ConfigurationRefused(
            f"the media was to come back from {facts['replica']}, and the replica is {replica.bucket if replica else 'none'}",
            hint="Set `[media] replica_bucket` as it was, or make a new plan.",
        )
    manifest = points_of(environment, application.name).read_manifest(facts["point"])
    if manifest.media is None or manifest.media.versions.content_sha256 != facts["map_sha256"]:
        raise UnsafeOperation(f"the map of {facts['point']} is not the one that was planned with", hint="Make a new plan.")
    with map_folder(environment) as folder:
        lines = fetch_map(manifest, environment, folder)
        with worklist_in(folder, lines, application, by_key=True) as worklist:
            hold_in_replica(worklist, replica, application.name)
            yield _Return(
                worklist=worklist,
                replica=replica,
                bucket=bucket,
                prefix=manifest.media.prefix,
                application=application.name,
            )


def _facts(world: World, arguments: Facts) -> Facts:
    """Record which bucket is filled: a plan that makes one first does not know its name."""
    opened = media_store_of(world.environment, world.application, arguments["bucket"])
    return {**arguments, "bucket": opened.bucket if opened else ""}


def _probe(world: World, facts: Facts) -> Probe:
    """Ask the bucket by its listing. A file that nobody has any more is not waited for, as far as the plan has said so."""
    with _opened(world, facts) as returning:
        others = returning.look().others
        return Probe.DONE if not others and returning.ends(facts["missing"]) else Probe.NOT_DONE


def _bring_back(world: World, facts: Facts) -> Facts:
    """Copy what the bucket lacks. Running it twice, or after a kill, goes on: what the bucket lists as the map says is there.

    Raises:
        UnsafeOperation: the bucket holds something else; nothing was changed.
        MediaError: the replica lacks more than was planned, or one of the buckets is in trouble; what was copied stays.

    """
    with _opened(world, facts) as returning:
        _refuse_others(returning, facts)
        whole = returning.worklist.left(held=True)
        copied = copy_left(
            returning.worklist,
            returning.from_replica,
            returning.replica,
            returning.bucket,
            held=True,
            parallel=world.environment.media.parallel,
            report=lambda done: world.report(f"{RETURN_MEDIA}, {whole.objects} files", done, whole.size_bytes),
        )
        # What the store lists in the end counts, not what it has answered.
        seen = returning.look()
        lost, ends = returning.worklist.left().objects, returning.ends(facts["missing"])
        examples = [wanted.media.key for wanted, _ in zip(returning.worklist.to_do(), range(SHOWN), strict=False)]
    logger.info("brought media back bucket=%s copied=%d bytes=%d", facts["bucket"], copied.objects, copied.size_bytes)
    if seen.others or not ends:
        raise MediaError(
            f"{lost:,} files were not brought back, {facts['missing']:,} were said to be missing:"
            f" {copied.because or 'the replica does not hold them as they were'}",
            detail=f"{', '.join(examples)}. What was copied stays; the same step goes on.",
            hint=_HINT,
            transient=copied.failed > copied.gone,
        )
    noted = [f"{lost:,} files could not be brought back: the replica does not have them"] if lost else []
    return {"copied": copied.objects, "bytes": copied.size_bytes, "lost": lost, "examples": examples, "noted": noted}


def _refuse_others(returning: _Return, facts: Facts) -> None:
    seen = returning.look()
    strangers = 0 if facts["beside"] else seen.strangers
    if strangers or seen.others:
        raise UnsafeOperation(
            f"bucket {facts['bucket']} is not empty: {strangers:,} objects are not the point's, {seen.others:,} differ from it",
            detail=f"{', '.join(seen.examples)}. Nothing was changed.",
            hint="Name an empty bucket in `[media] bucket`; or allow the others beside, and move away what differs.",
        )


def _leave(world: World, facts: Facts) -> None:
    """Leave what was brought back: nothing is deleted from a bucket. Running it twice leaves it twice."""
    logger.warning("media stays where it was brought run=%s bucket=%s", world.run, facts["bucket"])


BRING_BACK = Step(
    kind=RETURN_MEDIA,
    facts=_facts,
    probe=_probe,
    do=_bring_back,
    undo=_leave,
    retry=Retry(attempts=3, first_wait_seconds=5.0),
)
