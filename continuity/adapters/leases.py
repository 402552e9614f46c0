"""Holds an application against other runs, by one object of the vault that is replaced by compare-and-set.

A lease is no fence (client-go, "leaderelection"): every effect is also bound to recorded facts. What it gives: a second run
leaves at once and names the first, and a holder that is gone is succeeded without a person.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

from continuity.adapters import processes
from continuity.adapters.documents import read_document, write_document
from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.lease import Lease, Purpose
from continuity.errors import AlreadyStored, Busy, NotStored, Overtaken, VaultError

logger = logging.getLogger(__name__)

FORM, VERSION = "continuity/lease", 1
LEASE_SECONDS = 60.0
"""How long a lease must stand unchanged, on the taker's own clock, before it is taken over."""
RENEW_SECONDS = 15.0
MARGIN_SECONDS = 10.0
"""A holder stops trusting its lease this long before another may take it."""
WATCH_SECONDS = 1.0
ATTEMPTS = 5


class HeldLease:
    """A lease that this process holds. `check` before each effect; the renewing thread ends with the context."""

    def __init__(self, vault: Vault, lease: Lease, version: str) -> None:
        self.lease = lease
        self._vault = vault
        self._version = version
        self._renewed = time.monotonic()
        self._overtaken = False
        self._writing = Lock()
        self._ended = Event()

    def check(self, *, vault_may_be_gone: bool = False) -> None:
        """Make sure that the application is still ours, asking the vault where our last word is old.

        `vault_may_be_gone`: past the pivot a run goes on without the vault, since its effects are bound to facts anyway.

        Raises:
            Overtaken: another run has taken the application, or may have, and this process must do nothing more.

        """
        if self._overtaken:
            raise self._lost("another run has taken it over")
        if time.monotonic() - self._renewed < LEASE_SECONDS - MARGIN_SECONDS:
            return
        try:
            self._write()
        except VaultError as error:
            if isinstance(error, Overtaken):
                raise self._lost("another run has taken it over") from error
            if not vault_may_be_gone:
                raise self._lost(f"the vault cannot confirm it: {error.message}") from error

    def keep(self) -> None:
        """Renew until the context ends; what fails is tried again at the next turn."""
        while not self._ended.wait(RENEW_SECONDS):
            try:
                self._write()
            except VaultError as error:
                logger.warning("lease not renewed run=%s because=%s", self.lease.run, error.message)
                if self._overtaken:
                    return

    def announce(self, *, journal: str, hold: str) -> None:
        """Record which run is about to write a journal, and which hold is in force.

        Raises:
            Overtaken, VaultError: it could not be recorded, so nothing must be begun.

        """
        self._write(journal=journal, hold=hold)

    def release(self) -> None:
        """Give the application free. A release that does not arrive is made up for by the lease's end."""
        self._ended.set()
        try:
            self._write(released=datetime.now(UTC))
        except VaultError as error:
            logger.warning("lease not released run=%s because=%s", self.lease.run, error.message)

    def _write(self, **changes: Any) -> None:
        with self._writing:  # the thread that renews and the run that checks
            lease = replace(self.lease, beat=self.lease.beat + 1, **changes)
            asked = time.monotonic()
            try:
                self._version = self._vault.replace(lease_key(lease), _written(lease), version=self._version)
            except (Overtaken, NotStored):
                self._overtaken = True
                raise
            self.lease = lease
            # From before the request: another's watch may have begun as it arrived.
            self._renewed = asked

    def _lost(self, why: str) -> Overtaken:
        return Overtaken(
            f"{self.lease.run} no longer holds {self.lease.application}: {why}",
            detail="This process does nothing more.",
            hint=f"See who holds it: `continuity status {self.lease.application}`.",
        )


@contextmanager
def holding(vault: Vault, application: ApplicationName, purpose: Purpose, *, run: str) -> Iterator[HeldLease]:
    """Hold an application for the duration of a block.

    A holder on this machine whose process is gone is succeeded at once. Any other is watched: a sign of life means Busy, a
    whole lease without one means that it is succeeded (client-go's rule: only change seen on one's own clock counts).

    Raises:
        Busy: another run holds it; the message names it.
        VaultError: the vault cannot be reached.

    """
    held = _acquire(vault, application, purpose, run)
    keeper = Thread(target=held.keep, name=f"lease of {run}", daemon=True)
    keeper.start()
    logger.info("holding application=%s purpose=%s run=%s epoch=%d", application, purpose, run, held.lease.epoch)
    try:
        yield held
    finally:
        held.release()


def last_lease(vault: Vault, application: ApplicationName, purpose: Purpose) -> Lease | None:
    """Return the lease as it stands, released or not; None where the application was never held."""
    try:
        key = _key(application, purpose)
        return _read(vault.read(key), key)
    except NotStored:
        return None


def read_lease(vault: Vault, application: ApplicationName, purpose: Purpose) -> Lease | None:
    """Return who holds an application, or None where nobody does: never held, released, or the process is gone."""
    lease = last_lease(vault, application, purpose)
    return None if lease is None or lease.released or processes.is_gone(lease.holder) else lease


def lease_key(lease: Lease) -> str:
    """Return where a lease stands in the vault."""
    return _key(lease.application, lease.purpose)


def _key(application: ApplicationName, purpose: Purpose) -> str:
    return f"{application}/leases/{purpose.value}.json"


def _acquire(vault: Vault, application: ApplicationName, purpose: Purpose, run: str) -> HeldLease:
    key = _key(application, purpose)
    wanted = Lease(
        application=application,
        purpose=purpose,
        epoch=1,
        beat=0,
        nonce=uuid4().hex,
        run=run,
        holder=processes.this_process(),
        since=datetime.now(UTC),
    )
    for _ in range(ATTEMPTS):
        try:
            found = vault.read_versioned(key)
        except NotStored:
            # Another process may create it first: then it is looked at like any other.
            with suppress(AlreadyStored):
                vault.create(key, _written(wanted))
            if (found := vault.read_versioned(key)).data == _written(wanted):
                return HeldLease(vault, wanted, found.version)
        lease = _read(found.data, key)
        if not lease.released and not processes.is_gone(lease.holder):
            _watch(vault, key, lease, found.version)
            logger.warning("taking over run=%s holder=%s", lease.run, lease.holder)
        taken = replace(wanted, epoch=lease.epoch + 1, journal=lease.journal, hold=lease.hold)
        try:
            return HeldLease(vault, taken, vault.replace(key, _written(taken), version=found.version))
        except Overtaken:
            continue
    raise _busy(_read(vault.read(key), key))


def _watch(vault: Vault, key: str, lease: Lease, version: str) -> None:
    """Return when a lease has stood still for its whole length.

    Raises:
        Busy: its holder lives.

    """
    if processes.is_at_work(lease.holder):
        raise _busy(lease)
    seen_until = time.monotonic() + LEASE_SECONDS
    while time.monotonic() < seen_until:
        time.sleep(WATCH_SECONDS)
        found = vault.read_versioned(key)
        if found.version != version:
            now = _read(found.data, key)
            if now.released:
                return
            raise _busy(now)


def _busy(lease: Lease) -> Busy:
    return Busy(
        f"{lease.application} is busy with {lease}",
        detail="Nothing was changed.",
        hint=f"Follow it: `continuity watch {lease.run}`." if lease.purpose is Purpose.CHANGE else "Wait for it to end.",
    )


def _written(lease: Lease) -> bytes:
    return write_document(lease, form=FORM, version=VERSION)


def _read(data: bytes, key: str) -> Lease:
    return read_document(data, Lease, form=FORM, version=VERSION, key=key)
