"""What a run has done so far, read from its journal: the saga log, the lock's witness and the audit trail in one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType

from continuity.domain.application import ApplicationName
from continuity.domain.plan import Facts, Verb
from continuity.errors import ConfigurationRefused

RunId = NewType("RunId", str)  # "blottr-rollback-20261124T030000Z-1f2e"

_ID = re.compile(r"(?P<application>[a-z][a-z0-9-]*)-(?P<verb>[a-z]+)-(?P<moment>\d{8}T\d{6}Z)-[0-9a-f]{4}")


def run_id(application: ApplicationName, verb: Verb, started: datetime, *, nonce: str) -> RunId:
    """Name a run by its application, verb and moment; four digits of `nonce` tell two of one second apart."""
    return RunId(f"{application}-{verb.value}-{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{nonce[:4]}")


def application_of_run(run: str) -> ApplicationName:
    """Return the application that a run's id names.

    Raises:
        ConfigurationRefused: the text is no such id.

    """
    match = _ID.fullmatch(run)
    if match is None:
        raise ConfigurationRefused(
            f"{run!r} is not the id of a run",
            hint="Ids look like blottr-rollback-20261124T030000Z-1f2e; see `continuity status`.",
        )
    return ApplicationName(match["application"])


def verb_of_run(run: str) -> Verb:
    """Return what a run is for, by its id.

    Raises:
        ConfigurationRefused: the text is no such id.

    """
    application_of_run(run)
    return Verb(run.rsplit("-", 3)[1])


def moment_of_run(run: str) -> datetime:
    """Return when a run was begun, by its id, to the second.

    Raises:
        ConfigurationRefused: the text is no such id.

    """
    application_of_run(run)
    return datetime.strptime(run.rsplit("-", 2)[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


class EntryKind(StrEnum):
    """What a journal entry says."""

    PLAN = "plan"
    """The first entry: what is going to be done, and who has approved it."""
    INTENT = "intent"
    """A step is about to act on these facts."""
    DONE = "done"
    """A step has acted, and reality confirms it."""
    UNDONE = "undone"
    """What a step had done was taken back, or had not happened."""
    FAILED = "failed"
    """A step, or the undoing of one, did not succeed."""
    NOTE = "note"
    """What is worth knowing and changes nothing."""
    END = "end"
    """The last entry: what the run came to."""


class Outcome(StrEnum):
    """What a run came to."""

    DONE = "done"
    UNDONE = "undone"
    UNDO_INCOMPLETE = "undo incomplete"
    """Some of what was done could not be taken back; a person has to look."""
    INCOMPLETE = "incomplete"
    """Past the pivot and not finished: the data is the proven one, and `resume` goes on."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry. `previous` is the SHA-256 of the entry before it, so nothing can be changed or left out unseen."""

    run: RunId
    number: int
    epoch: int
    nonce: str
    previous: str
    kind: EntryKind
    at: datetime
    actor: str
    step: str = ""
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class History:
    """The entries of one run, in order."""

    entries: tuple[Entry, ...]

    @property
    def started(self) -> datetime:
        """When the run began."""
        return self.entries[0].at

    @property
    def end(self) -> Entry | None:
        """The last entry, where the run has ended."""
        return self.entries[-1] if self.entries and self.entries[-1].kind is EntryKind.END else None

    @property
    def outcome(self) -> Outcome | None:
        """What the run came to, or None while it is open."""
        return Outcome(self.end.facts["outcome"]) if self.end else None

    def intent(self, step: str) -> Entry | None:
        """Return the facts that a step recorded before it acted."""
        return self._last(step, EntryKind.INTENT)

    def done(self, step: str) -> Entry | None:
        """Return the entry that says that a step is done."""
        return self._last(step, EntryKind.DONE)

    def undone(self, step: str) -> bool:
        """Whether a step was taken back."""
        return self._last(step, EntryKind.UNDONE) is not None

    @property
    def undoing(self) -> bool:
        """Whether the run has turned back: from then on it only undoes."""
        return any(entry.kind is EntryKind.UNDONE or entry.facts.get("turned back") for entry in self.entries)

    def to_undo(self, steps: Sequence[str]) -> tuple[str, ...]:
        """Name the steps with an intent that are not undone, newest first: an intent may have acted, done or not."""
        return tuple(step for step in reversed(steps) if self.intent(step) and not self.undone(step))

    def _last(self, step: str, kind: EntryKind) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.step == step and entry.kind is kind), None)
