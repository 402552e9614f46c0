"""The journal of a run: numbered objects, created once, hash-chained, in the vault.

Number N can be created once, so the log itself shuts out a stale process: what it writes meets another's entry, and it stops.
"""

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

from pydantic import TypeAdapter

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.processes import this_process
from continuity.adapters.spool import Spool
from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.plan import Facts, Plan
from continuity.domain.run import Entry, EntryKind, History, RunId, application_of_run
from continuity.errors import AlreadyStored, ConfigurationRefused, DamagedObject, Overtaken, VaultError

logger = logging.getLogger(__name__)

FORM, VERSION = "continuity/journal", 1
_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


class Journal:
    """One run's journal, read and appended to by the run that holds the application. Safe to use from two threads."""

    def __init__(self, vault: Vault, run: RunId, *, epoch: int, spool: Path | None = None) -> None:
        self.run = run
        self._vault = vault
        self._epoch = epoch
        self._nonce = uuid4().hex
        self._writing = Lock()
        self._spool = Spool(spool) if spool else None
        self._entries: list[Entry] = []
        self._previous = ""

    @property
    def history(self) -> History:
        """What the run has done so far."""
        return History(entries=tuple(self._entries))

    @property
    def plan(self) -> Plan:
        """The plan that the run carries out."""
        return plan_of(self.history)

    def load(self) -> None:
        """Read what there is, bringing spooled entries to the vault first.

        Raises:
            DamagedObject: the chain is broken; nothing may be built on it.

        """
        with self._writing:
            if self._spool:
                self._spool.bring_in(self._vault)
            self._entries, self._previous = [], ""
            for entry, digest in _read_chain(self._vault, self.run):
                self._entries.append(entry)
                self._previous = digest

    def append(self, kind: EntryKind, *, step: str = "", facts: Facts | None = None, may_spool: bool = False) -> Entry:
        """Write the next entry. A lost reply is settled by the entry's nonce: the vault compares the bytes.

        `may_spool`: past the pivot an entry that the vault does not take is kept on this machine, and brought in later.

        Raises:
            Overtaken: another process has written this number, so this one must stop.
            VaultError: the vault cannot be reached.

        """
        with self._writing:
            entry = Entry(
                run=self.run,
                number=len(self._entries) + 1,
                epoch=self._epoch,
                nonce=self._nonce,
                previous=self._previous,
                kind=kind,
                step=step,
                facts=facts or {},
                at=datetime.now(UTC),
                actor=this_process().actor,
            )
            data = write_document(entry, form=FORM, version=VERSION)
            self._store(entry_key(self.run, entry.number), data, may_spool=may_spool)
            self._entries.append(entry)
            self._previous = hashlib.sha256(data).hexdigest()
        logger.info("journal run=%s number=%d kind=%s step=%r", self.run, entry.number, kind.value, step)
        return entry

    def _store(self, key: str, data: bytes, *, may_spool: bool) -> None:
        try:
            if self._spool:
                self._spool.bring_in(self._vault)
            self._vault.create(key, data)
        except AlreadyStored as error:
            raise Overtaken(f"another process has written {key}", hint=f"Follow it: `continuity watch {self.run}`.") from error
        except VaultError:
            if not (may_spool and self._spool):
                raise
            self._spool.keep(key, data)


def entry_key(run: RunId, number: int) -> str:
    """Return where an entry stands in the vault."""
    return f"{runs_prefix(application_of_run(run))}{run}/{number:06}.json"


def runs_prefix(application: ApplicationName) -> str:
    """Return the prefix of an application's journals."""
    return f"{application}/runs/"


def list_runs(vault: Vault, application: ApplicationName) -> tuple[RunId, ...]:
    """List an application's runs, newest first."""
    prefix = runs_prefix(application)
    runs = {listed.key.removeprefix(prefix).split("/")[0] for listed in vault.list(prefix)}
    return tuple(RunId(run) for run in sorted(runs, key=lambda run: run.rsplit("-", 2)[1:], reverse=True))


def read_history(vault: Vault, run: RunId) -> History:
    """Read a run's journal.

    Raises:
        ConfigurationRefused: there is no such run.
        DamagedObject: an entry is missing, changed or out of its chain.

    """
    history = History(entries=tuple(entry for entry, _ in _read_chain(vault, run)))
    if not history.entries:
        raise ConfigurationRefused(f"no run {run!r}", hint="See `continuity status` for the runs there are.")
    return history


def plan_of(history: History) -> Plan:
    """Return the plan that a run carries out, from its first entry."""
    return _PLAN.validate_python(history.entries[0].facts["plan"])


def plan_facts(plan: Plan) -> Facts:
    """Return a plan as the facts of a journal's first entry."""
    return {"plan": _PLAN.dump_python(plan, mode="json"), "hash": plan.hash}


def _read_chain(vault: Vault, run: RunId) -> Iterator[tuple[Entry, str]]:
    """Read the entries in order with their SHA-256, each held against the one before it."""
    prefix = entry_key(run, 0).rsplit("/", 1)[0] + "/"
    previous = ""
    for number, listed in enumerate(vault.list(prefix), start=1):
        key = entry_key(run, number)
        if listed.key != key:
            raise DamagedObject(f"the journal of {run} lacks entry {number}: {listed.key} follows", hint=_BROKEN)
        data = vault.read(key)
        entry = read_document(data, Entry, form=FORM, version=VERSION, key=key)
        if (entry.run, entry.number, entry.previous) != (run, number, previous):
            raise DamagedObject(f"{key} is not the entry that was written there: its chain is broken", hint=_BROKEN)
        previous = hashlib.sha256(data).hexdigest()
        yield entry, previous


_BROKEN = "Find out who writes to the vault. Nothing is carried on from a broken journal; see docs/runbooks/rollback.md."
