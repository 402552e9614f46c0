"""Takes an expired recovery point out of the vault: tombstone first, then by explicit keys, so that a kill leaves no half of it.

Nothing is deleted by a prefix. What is not known stays, and is named.
"""

import logging
import re
from dataclasses import dataclass

from continuity.adapters.documents import write_document
from continuity.adapters.points import EXPIRED, VERSION, PointStore
from continuity.domain.recovery_point import Expired, RecoveryPointId
from continuity.errors import AlreadyStored, DamagedObject, UnsafeOperation

logger = logging.getLogger(__name__)

_KNOWN = re.compile(
    r"manifest\.json|distrust\.json|distrusted|pin\.json|drills/\d{8}T\d{12}Z\.(json|great-expectations\.zst)"
    r"|[0-9a-f]{8}(\.[0-9a-f]+){0,3}/(database\.dump|globals\.sql|media\.jsonl)\.zst(\.age)?"
)
"""Every name that this software gives in a point's folder, its tombstone apart."""


@dataclass(frozen=True, kw_only=True)
class Removed:
    """How many objects of an expired point went, and the keys that were left because nothing of ours has such names."""

    point: RecoveryPointId
    objects: int
    unknown: tuple[str, ...] = ()


def bury(store: PointStore, expired: Expired) -> bool:
    """Write a point's tombstone: from then on it is gone. Return false, with nothing changed, where somebody pinned it meanwhile.

    Running it twice keeps the first tombstone.
    """
    if store.pinned(expired.point):
        return False
    try:
        store.vault.create(store.tombstone(expired.point), write_document(expired, form=EXPIRED, version=VERSION))
    except AlreadyStored:
        return True
    if store.pinned(expired.point):
        store.vault.delete(store.tombstone(expired.point))
        return False
    logger.info("expired point=%s because=%r", expired.point, expired.because)
    return True


def remove(store: PointStore, point: RecoveryPointId) -> Removed:
    """Remove what is left of an expired point but its tombstone, the manifest first. Running it again finishes what was begun.

    Raises:
        UnsafeOperation: it has no tombstone.
        DamagedObject: the tombstone speaks of another point, or of keys outside of the point's folder.

    """
    expired = store.read_expired(point)
    if expired is None:
        raise UnsafeOperation(f"{point} has no tombstone, so nothing of it is removed")
    folder = store.folder(point)
    if expired.point != point or not all(key.startswith(folder) for key in expired.keys):
        raise DamagedObject(f"{store.tombstone(point)} speaks of other points than its own", hint="Nothing of it was removed.")
    listed = [each.key for each in store.vault.list(folder)]
    doomed = [f"{folder}manifest.json", *expired.keys]
    doomed += [key for key in listed if _KNOWN.fullmatch(key.removeprefix(folder)) and key not in doomed]
    for key in doomed:
        store.vault.delete(key)
    unknown = tuple(key for key in listed if key not in doomed and key != store.tombstone(point))
    logger.info("removed point=%s objects=%d unknown=%d", point, len(doomed), len(unknown))
    return Removed(point=point, objects=len(set(doomed) & set(listed)), unknown=unknown)
