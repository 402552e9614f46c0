"""Attempts at a recovery point: each stores its objects in a folder of its own, whose name tells which process made it."""

import logging
from datetime import datetime, timedelta

from continuity.adapters.points import PointStore
from continuity.adapters.processes import mark, marks_gone_process
from continuity.domain.application import Application
from continuity.domain.recovery_point import RecoveryPointId
from continuity.errors import ContinuityError
from continuity.settings import Environment
from continuity.steps.places import vault_of

logger = logging.getLogger(__name__)

_ATTEMPT = 3  # application / "points" / point / attempt / object


def new_attempt(store: PointStore, point: RecoveryPointId) -> str:
    """Return a prefix that no other attempt has: a doubled run can never replace what a manifest names."""
    return f"{store.folder(point)}{mark()}/"


def discard_attempt(environment: Environment, folder: str) -> None:
    """Remove what a failed attempt has stored. Leftovers do no harm: nothing without a manifest is a point."""
    try:
        vault = vault_of(environment)
        for listed in list(vault.list(folder)):
            vault.delete(listed.key)
    except ContinuityError as error:
        logger.warning("left behind folder=%s because=%s", folder, error.message)


def tidy_vault(application: Application, environment: Environment, now: datetime) -> int:
    """Remove what killed backups left: objects of points that have no manifest, and unfinished uploads.

    What a process of this machine made goes as soon as that process is gone. Of other machines nothing is known: theirs
    goes when it is older than any backup may run. Returns how many went. Running it twice removes nothing more.
    """
    vault = vault_of(environment)
    prefix = f"{application.name}/points/"
    before = now - timedelta(seconds=environment.database.snapshot_limit_seconds) - timedelta(hours=1)
    removed = vault.discard_unfinished(prefix, before=before, abandoned=_abandoned)
    listed = list(vault.list(prefix))
    # A folder with anything that only follows a manifest (drills, distrust) is never taken for a leftover.
    kept = {each.key.split("/")[2] for each in listed if each.key.endswith(".json")}
    for each in listed:
        if each.key.split("/")[2] not in kept and (each.modified < before or _abandoned(each.key)):
            vault.delete(each.key)
            removed += 1
    return removed


def _abandoned(key: str) -> bool:
    parts = key.split("/")
    return len(parts) > _ATTEMPT + 1 and marks_gone_process(parts[_ATTEMPT])
