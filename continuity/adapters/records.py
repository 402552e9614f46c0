"""Records in the journals' vault: created once, never changed, so that they survive what they describe.

APP/incidents/ID/opened.json               created once, whoever hears of it first
APP/incidents/ID/MOMENT-KIND-DIGEST.json   what came of it; an incident that has a record of the kind resolved is over
APP/incidents/ID/turns-taken-….json        who sends which message, created once an attempt
APP/records/KIND/MOMENT-DIGEST.json        drills, runs, reviews

The digest is of the record's content, so that one that is written twice is there once. This is the only module that reads
them; everything that is told of incidents, drills and measures is derived from what it returns.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.incident import (
    Acknowledged,
    Assessed,
    Closed,
    Development,
    Due,
    FollowUp,
    FollowUpDone,
    IncidentId,
    IncidentRecord,
    LevelChanged,
    Linked,
    Opened,
    Remark,
    Resolved,
    Sent,
    Taken,
    Told,
    application_of,
)
from continuity.domain.records import DrillDone, HistoryRecord, Review, RunEnded, Unreadable
from continuity.errors import AlreadyStored, ConfigurationRefused, DamagedObject

VERSION = 1
TURNS = "turns"
"""What a record's file begins with that is created once for what it takes, instead of its moment."""
READERS = 16
"""Objects read at the same time: a record is a round trip, and there are hundreds."""

_INCIDENT: Mapping[str, type[Any]] = {
    "opened": Opened,
    "level": LevelChanged,
    "remark": Remark,
    "linked": Linked,
    "told": Told,
    "due": Due,
    "taken": Taken,
    "sent": Sent,
    "acknowledged": Acknowledged,
    "assessed": Assessed,
    "resolved": Resolved,
    "closed": Closed,
    "follow-up": FollowUp,
    "follow-up-done": FollowUpDone,
}
_HISTORY: Mapping[str, tuple[type[Any], Callable[[Any], datetime]]] = {
    "drill": (DrillDone, lambda record: record.finished),
    "run": (RunEnded, lambda record: record.ended),
    "review": (Review, lambda record: record.held),
}
_KINDS = {kind: name for name, kind in _INCIDENT.items()} | {kind: name for name, (kind, _) in _HISTORY.items()}


@dataclass(frozen=True, kw_only=True)
class History:
    """The records of an application between two moments, oldest first, and those that could not be read."""

    drills: tuple[DrillDone, ...] = ()
    runs: tuple[RunEnded, ...] = ()
    reviews: tuple[Review, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IncidentRecords:
    """All records of one incident in their order, and those that could not be read."""

    incident: IncidentId
    records: tuple[IncidentRecord, ...]
    unreadable: tuple[Unreadable, ...] = ()


class Records:
    """The records in one vault. Safe to use from several threads."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def note(self, record: Development) -> None:
        """Record what has come of an incident. The same record a second time changes nothing."""
        name = _KINDS[type(record)]
        above = f"{application_of(record.incident)}/incidents/{record.incident}"
        self._create(f"{above}/{_moment(record.at)}-{name}", record, name)

    def open(self, record: Opened) -> bool:
        """Record that an incident has begun, and tell whether it was this call that did: another may have heard of it first."""
        # One key an incident, whatever the moment and the wording: two that hear of the same cause open one.
        key = f"{application_of(record.incident)}/incidents/{record.incident}/opened.json"
        try:
            self._vault.create(key, write_document(record, form="continuity/record-opened", version=VERSION))
        except AlreadyStored:
            return False
        return True

    def take(self, record: Taken) -> bool:
        """Record that a message is about to be sent, and tell whether it was this call that did: of several one sends."""
        above = f"{application_of(record.incident)}/incidents/{record.incident}"
        # One key an attempt, without the moment: the clocks of two that take the same message differ.
        key = f"{above}/{TURNS}-taken-{record.message}.{record.step}.{record.attempt}.json"
        try:
            self._vault.create(key, write_document(record, form="continuity/record-taken", version=VERSION))
        except AlreadyStored:
            return False
        return True

    def keep(self, record: HistoryRecord) -> None:
        """Record a drill, a run or a review. The same record a second time changes nothing."""
        name = _KINDS[type(record)]
        _, moment_of = _HISTORY[name]
        self._create(f"{record.application}/records/{name}/{_moment(moment_of(record))}", record, name)

    def incidents(self, application: ApplicationName, day: str = "") -> Iterator[tuple[IncidentId, frozenset[str]]]:
        """Name the incidents of an application, oldest first, each with the kinds of records there are of it: one listing.

        `day` as 20261123 lists those that began on it alone.
        """
        for incident, names in self.names(application, day):
            yield incident, frozenset(map(_kind_of, names))

    def names(self, application: ApplicationName, day: str = "") -> Iterator[tuple[IncidentId, frozenset[str]]]:
        """Name the incidents as `incidents` does, each with the names of its records: another name is news of it."""
        above = f"{application}/incidents/"
        names: dict[str, set[str]] = {}
        for listed in self._vault.list(f"{above}{application}-incident-{day}" if day else above):
            incident, name = listed.key.removeprefix(above).split("/", 1)
            names.setdefault(incident, set()).add(name)
        for incident, found in names.items():
            yield IncidentId(incident), frozenset(found)

    def incident(self, incident: IncidentId) -> IncidentRecords:
        """Read everything that is recorded of one incident; `records` is empty where there is none of that id."""
        above = f"{application_of(incident)}/incidents/{incident}/"
        keys = sorted((listed.key for listed in self._vault.list(above)), key=lambda key: (not key.endswith("/opened.json"), key))
        read, unreadable = self._read(keys, lambda key: (_kind_of(key.rsplit("/", 1)[1]), _INCIDENT))
        return IncidentRecords(incident=incident, records=tuple(read), unreadable=unreadable)

    def history(self, application: ApplicationName, *, since: datetime, until: datetime) -> History:
        """Read the drills, runs and reviews that ended from `since` on and before `until`."""
        above = f"{application}/records/"
        first, last = _moment(since), _moment(until)
        keys = [listed.key for listed in self._vault.list(above) if first <= listed.key.rsplit("/", 1)[1].split("-", 1)[0] < last]
        kinds = {name: kind for name, (kind, _) in _HISTORY.items()}
        read, unreadable = self._read(keys, lambda key: (key.removeprefix(above).split("/", 1)[0], kinds))
        return History(
            drills=tuple(each for each in read if isinstance(each, DrillDone)),
            runs=tuple(each for each in read if isinstance(each, RunEnded)),
            reviews=tuple(each for each in read if isinstance(each, Review)),
            unreadable=unreadable,
        )

    def _create(self, stem: str, record: object, name: str) -> None:
        data = write_document(record, form=f"continuity/record-{name}", version=VERSION)
        # The content is in the key: a second writing of the same record finds itself.
        self._vault.create(f"{stem}-{hashlib.sha256(data).hexdigest()[:16]}.json", data)

    def _read(
        self, keys: list[str], kind_of: Callable[[str], tuple[str, Mapping[str, type[Any]]]]
    ) -> tuple[list[Any], tuple[Unreadable, ...]]:
        def read(key: str) -> object:
            name, kinds = kind_of(key)
            if name not in kinds:
                return Unreadable(key=key, because=f"this release knows no record of the kind {name!r}")
            try:
                data = self._vault.read(key)
                return read_document(data, kinds[name], form=f"continuity/record-{name}", version=VERSION, key=key)
            except (DamagedObject, ConfigurationRefused) as error:
                return Unreadable(key=key, because=error.message)

        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(read, keys))
        unreadable = tuple(each for each in found if isinstance(each, Unreadable))
        return [each for each in found if not isinstance(each, Unreadable)], unreadable


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"


def _kind_of(name: str) -> str:
    """Return the kind that a record's file name tells: opened.json, 20261123T191515.000000Z-follow-up-done-3f2a….json."""
    stem = name.removesuffix(".json")
    return stem if stem == "opened" else "-".join(stem.split("-")[1:-1])
