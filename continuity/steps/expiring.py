"""Observes what retention decides on, and takes points out of the vault."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from continuity.adapters.points import Listing
from continuity.adapters.removal import Removed, bury, remove
from continuity.adapters.vault import Vault
from continuity.domain.application import Application
from continuity.domain.recovery_point import Expired, RecoveryPointId
from continuity.errors import VaultError
from continuity.settings import Environment
from continuity.steps.open_runs import points_in_use
from continuity.steps.places import points_of, vault_of


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What retention decides on: the points, who relies on them, and what time the store has."""

    listing: Listing
    in_use: Mapping[RecoveryPointId, str]
    store_time: datetime


def observe_points(application: Application, environment: Environment) -> Observed:
    """List the points and the open runs, and ask the store for its time. Changes nothing that outlives the call."""
    vault = vault_of(environment)
    return Observed(
        listing=points_of(environment, application.name).listing(catalogs=False),
        in_use=points_in_use(application, environment),
        store_time=read_store_time(vault, application),
    )


def read_store_time(vault: Vault, application: Application) -> datetime:
    """Return the store's own time: that of an object written just now, and removed again. Running it twice is harmless.

    Raises:
        VaultError: the object cannot be written, seen or removed.

    """
    key = f"probe/clock-{application.name}"
    vault.delete(key)
    vault.create(key, b"what time is it\n")
    written = [listed.modified for listed in vault.list(key) if listed.key == key]
    vault.delete(key)
    if not written:
        raise VaultError(f"{vault.url} does not list {key}, written just now", hint="Try again.", transient=True)
    return written[0]


def expire_point(application: Application, environment: Environment, expired: Expired) -> Removed | str:
    """Write a point's tombstone and remove it, or return why it stays after all: the world is looked at once more.

    Running it twice finishes the deletion.
    """
    if run := points_in_use(application, environment).get(expired.point):
        return f"the open run {run} relies on it"
    store = points_of(environment, application.name)
    if not bury(store, expired):
        return "pinned meanwhile"
    return remove(store, expired.point)


def finish_expiry(application: Application, environment: Environment, point: RecoveryPointId) -> Removed:
    """Remove what a killed expiry left of a point. Running it twice removes nothing more."""
    return remove(points_of(environment, application.name), point)
