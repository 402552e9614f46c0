"""Decides, key by key, how a media bucket goes back to what it held at a moment, and how that is taken back. Pure.

Nothing here deletes a version of an object: an older one is copied forward, and delete markers come and go.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

INSTANT = timedelta(seconds=5)
"""Longer than between our look at a key and our act on it; a copy in parts has the moment at which it was begun."""

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects have to be restored before they can be copied (S3 API, RestoreObject)."""


class Change(StrEnum):
    """What has happened to a key since the moment."""

    DELETES = "deletes"
    OVERWRITES = "overwrites"
    ADDITIONS = "additions"


class Act(StrEnum):
    """What is done to a key."""

    COPY = "copy forward"
    """The wanted version is copied, and the copy becomes the current one."""
    REMOVE_MARKER = "remove the delete marker"
    ADD_MARKER = "add a delete marker"


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One entry in the history of a key: a version of the object, or a delete marker."""

    id: str
    modified: datetime
    marker: bool = False
    size_bytes: int = 0
    etag: str = ""
    storage: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHistory:
    """Everything that a bucket holds of a key, newest first. `ordered`: the store itself has told the order of all entries.

    Where it has not, versions and markers were put in order by their moments, and two of one moment say nothing.
    """

    key: str
    versions: tuple[Version, ...]
    ordered: bool = True

    @property
    def current(self) -> Version:
        """What a reader of the key meets."""
        return self.versions[0]

    def below(self, version: str) -> frozenset[str]:
        """Return the ids that may lie directly below an entry: one, or several of one moment where the order is not told."""
        place = next((number for number, each in enumerate(self.versions) if each.id == version), None)
        rest = self.versions[place + 1 :] if place is not None else ()
        if not rest:
            return frozenset()
        if self.ordered:
            return frozenset({rest[0].id})
        return frozenset(each.id for each in rest if each.modified == rest[0].modified)


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What is to be done to a key whose current entry is `current`, so that `wanted` is what a reader meets; None: nothing."""

    key: str
    act: Act
    change: Change
    current: Version
    wanted: Version | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A key that has changed since, and for which nothing can be decided or done."""

    key: str
    because: str


def decide(history: KeyHistory, moment: datetime, changes: Collection[Change]) -> Action | Left | None:
    """Decide what brings a key back to what it was at a moment; None where nothing is to be done.

    An entry of the moment itself was there: S3 tells whole seconds, and on doubt what is live stays.
    """
    action = change_since(history, moment)
    if isinstance(action, Action) and action.change not in changes:
        return None
    if isinstance(action, Action) and action.act is Act.COPY and action.wanted and action.wanted.storage in ARCHIVED:
        return Left(key=history.key, because=f"version {action.wanted.id} is archived ({action.wanted.storage})")
    return action


def change_since(history: KeyHistory, moment: datetime) -> Action | Left | None:
    """Say what would bring a key back, whatever was asked for."""
    then = next((each for each in history.versions if each.modified <= moment), None)
    now = history.current
    if then is now:
        return None
    if then is not None and not history.ordered and _tied(history, then):
        return Left(key=history.key, because="a version and a delete marker of the same moment, which the store does not order")
    wanted = None if then is None or then.marker else then
    if wanted is None:
        if now.marker:
            return None
        return Action(key=history.key, act=Act.ADD_MARKER, change=Change.ADDITIONS, current=now)
    if not now.marker:
        return Action(key=history.key, act=Act.COPY, change=Change.OVERWRITES, current=now, wanted=wanted)
    # Other entries in between would come to light if the marker alone went.
    act = Act.REMOVE_MARKER if history.below(now.id) == {wanted.id} else Act.COPY
    return Action(key=history.key, act=act, change=Change.DELETES, current=now, wanted=wanted)


def _tied(history: KeyHistory, then: Version) -> bool:
    return any(each.modified == then.modified and each.marker is not then.marker for each in history.versions)


class Came(StrEnum):
    """What acting on a key came to."""

    DONE = "done"
    CONFLICT = "conflict"
    """Somebody else has changed the key meanwhile: what they made is current."""
    NOT_DONE = "not done"
    """A killed attempt had not come to it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What was done to a key. `after` is the current entry that we have brought about."""

    action: Action
    came: Came
    after: Version | None = None
    because: str = ""


def inverse(result: Result) -> Action | None:
    """Return what takes a result back: the former current entry is what readers meet again. None where nothing was done."""
    if result.came is not Came.DONE or result.after is None:
        return None
    then = result.action
    back = Action(key=then.key, act=Act.COPY, change=then.change, current=result.after, wanted=then.current)
    if then.current.marker:
        return replace(back, act=Act.ADD_MARKER, wanted=None)
    return replace(back, act=Act.REMOVE_MARKER) if then.act is Act.ADD_MARKER else back


def ready(action: Action, history: KeyHistory | None) -> str:
    """Say why a key must not be acted upon: it is not as recorded; "" where it is."""
    if history is None:
        return "nothing of the key is left in the bucket"
    if history.current.id != action.current.id:
        what = "a delete marker" if history.current.marker else "a version"
        return f"{what} {history.current.id} of {history.current.modified:%Y-%m-%d %H:%M:%S} UTC is current"
    removes = action.act is Act.REMOVE_MARKER and action.wanted is not None
    if removes and action.wanted and action.wanted.id not in history.below(action.current.id):
        return f"version {action.wanted.id} is no longer below the delete marker"
    return ""


def brought_about(action: Action, history: KeyHistory | None, same: Callable[[Version], bool]) -> tuple[Version, ...]:
    """Return the entries on top of a key by which an action is done, newest first; none where it is not.

    Several are the same call, answered late and sent again. `same` tells whether a version is a copy of the wanted one.
    For a removed marker it is the version that came to light.
    """
    if history is None:
        return ()
    if action.act is Act.REMOVE_MARKER:
        gone = all(each.id != action.current.id for each in history.versions)
        return (history.current,) if gone and action.wanted and history.current.id == action.wanted.id else ()
    ours: list[Version] = []
    for each in history.versions:
        if each.id == action.current.id:
            return tuple(ours)
        mine = each.marker if action.act is Act.ADD_MARKER else not each.marker and same(each)
        if not mine:
            return ()
        ours.append(each)
    return ()


def covers(action: Action, history: KeyHistory | None, same: Callable[[Version], bool]) -> bool:
    """Whether an attempt that was killed has put its entry over what somebody else made in the same instant.

    Told by what is on top, which looks like ours, and by the time between the two: who uploads a file and then deletes it, or
    puts the former one back, takes longer.
    """
    if history is None or action.act is Act.REMOVE_MARKER or len(history.versions) == 1:
        return False
    ours, theirs = history.versions[:2]
    looks_ours = ours.marker if action.act is Act.ADD_MARKER else not ours.marker and same(ours)
    strange = action.current.id not in {ours.id, theirs.id}
    return strange and looks_ours and ours.modified - theirs.modified <= INSTANT
