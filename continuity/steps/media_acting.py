"""Acts on one key of the media bucket: compare, act, and see that nothing has come in between; settled by reading, always."""

import logging
from collections.abc import Callable

from continuity.adapters.media_versions import VersionedBucket
from continuity.domain.media_rollback import Act, Action, Came, KeyHistory, Result, Version, brought_about, covers, ready
from continuity.errors import MediaError, MediaGone

logger = logging.getLogger(__name__)

SAME_INSTANT = "somebody else has changed it in the same instant; what they made is current"
MOST_GIVEN_BACK = 5
"""How often what somebody uploads in the same instant is put on top again, before a person is asked."""


def act(bucket: VersionedBucket, action: Action, *, begun: bool) -> Result:
    """Bring a key to what is wanted, unless somebody else has changed it since the list was made.

    `begun`: an earlier attempt may have acted and not told, so what looks like its doing is taken for it. Running it twice
    finds the first one's effect. An upload that meets it in the same instant stays on top.

    Raises:
        MediaError: the store refused or cannot be reached; what was done to the key is found by calling again, `begun`.

    """
    found = bucket.history(action.key)
    if begun and (before := _found_done(bucket, action, found)):
        return before
    if why := ready(action, found):
        return Result(action=action, came=Came.CONFLICT, because=why)
    try:
        made = _bring_about(bucket, action)
    except MediaGone as error:
        return Result(action=action, came=Came.CONFLICT, because=error.message)
    found = bucket.history(action.key)
    if after := _settled(bucket, action, found):
        return Result(action=action, came=Came.DONE, after=after)
    _give_way(bucket, action.key, made, found)
    return Result(action=action, came=Came.CONFLICT, because=SAME_INSTANT)


def settle(bucket: VersionedBucket, action: Action) -> Result:
    """Find out whether an attempt that was killed has acted on a key. Changes nothing but what that has left half-way.

    Raises:
        MediaError: the store refused or cannot be reached.

    """
    found = _found_done(bucket, action, bucket.history(action.key))
    return found or Result(action=action, came=Came.NOT_DONE)


def _found_done(bucket: VersionedBucket, action: Action, found: KeyHistory | None) -> Result | None:
    """Return what a killed attempt has come to, or None where it had not come to this key."""
    if after := _settled(bucket, action, found):
        return Result(action=action, came=Came.DONE, after=after)
    if found is None or not covers(action, found, _same(bucket, action)):
        return None
    _give_way(bucket, action.key, found.current.id, found)
    return Result(action=action, came=Came.CONFLICT, because=SAME_INSTANT)


def _bring_about(bucket: VersionedBucket, action: Action) -> str:
    """Act, and return the id of the entry that was made."""
    if action.act is Act.REMOVE_MARKER:
        bucket.remove_marker(action.key, action.current)
        return ""
    return bucket.add_marker(action.key) if action.wanted is None else bucket.copy_forward(action.key, action.wanted)


def _settled(bucket: VersionedBucket, action: Action, found: KeyHistory | None) -> Version | None:
    """Return the entry by which an action is done, or None. Of markers that were sent twice one stays."""
    ours = brought_about(action, found, _same(bucket, action))
    if action.act is Act.ADD_MARKER:
        for doubled in ours[1:]:
            bucket.remove_marker(action.key, doubled)
    return ours[0] if ours else None


def _same(bucket: VersionedBucket, action: Action) -> Callable[[Version], bool]:
    """Return what tells whether a version is a copy of the wanted one."""
    wanted = action.wanted
    return lambda version: wanted is not None and bucket.same_file(action.key, version, wanted)


def _give_way(bucket: VersionedBucket, key: str, made: str, found: KeyHistory | None) -> None:
    """Put on top again what somebody else has made in the instant between our look and our act, and we have covered.

    Raises:
        MediaError: they write faster than we give way.

    """
    for _ in range(MOST_GIVEN_BACK):
        if found is None or found.current.id != made or len(found.versions) == 1:
            return
        ours, theirs = found.versions[:2]
        logger.warning("giving way key=%r to=%s", key, theirs.id)
        if ours.marker:
            bucket.remove_marker(key, ours)
            return
        made = bucket.add_marker(key) if theirs.marker else bucket.copy_forward(key, theirs)
        found = bucket.history(key)
        if found is not None and ours.id in found.below(made):
            return
    raise MediaError(f"{key} is written to faster than it can be given back", hint="Stop what writes to it, then resume.")
