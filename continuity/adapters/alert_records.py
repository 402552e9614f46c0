"""Accepted alerts in the journals' vault: created once each, so that two receivers and any number of repeats make one.

APP/alerts/20261123/ID.json            what was accepted
APP/alerts/20261123/ID/begun.json      the flow run that it has led to       ┐
APP/alerts/20261123/ID/hold.json       what its immediate hold came to       ├ created once each, by whoever comes first
APP/alerts/20261123/ID/approved.json   the plan that it counts as an approval of │
APP/alerts/20261123/ID/withdrawn.json  its sender says that it is over       │
APP/alerts/20261123/ID/called-off.json what became of its run then           │
APP/alerts/20261123/ID/heard.json      the incident that it belongs to       ┘
APP/alerts/turns.json                  who had the last turn, by compare-and-set
APP/alerts/switch/MOMENT.json          a person has switched alerts off or on; the newest counts
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.vault import Vault
from continuity.domain.alerts import (
    AcceptedAlert,
    AlertId,
    Approved,
    Begun,
    CalledOff,
    Heard,
    HoldDone,
    Switch,
    Withdrawn,
    place_of,
)
from continuity.domain.application import ApplicationName
from continuity.domain.routing import Turns
from continuity.errors import AlreadyStored, NotStored, Overtaken

VERSION = 1
ACCEPTED, TURNS, SWITCH = "continuity/alert", "continuity/alert-turns", "continuity/alert-switch"

Outcome = Begun | HoldDone | Withdrawn | CalledOff | Approved | Heard
T = TypeVar("T", Begun, HoldDone, Withdrawn, CalledOff, Approved, Heard)

NAMES: dict[type[Outcome], str] = {
    Begun: "begun",
    HoldDone: "hold",
    Withdrawn: "withdrawn",
    CalledOff: "called-off",
    Approved: "approved",
    Heard: "heard",
}


@dataclass(frozen=True, kw_only=True)
class SeenTurns:
    """The turns as they were read; `version` is "" where there was none."""

    turns: Turns
    version: str


class AlertRecords:
    """The records of alerts in one vault. Safe to use from several threads."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def check_honest(self) -> None:
        """Make sure that the store creates a key once: all else here rests on it.

        Raises:
            UnsafeOperation: it does not.
            VaultError: it cannot be reached.

        """
        self._vault.check_honest()

    def find(self, alert: AlertId) -> AcceptedAlert | None:
        """Read an accepted alert, or None where there is none of that id."""
        key = _key(alert)
        try:
            data = self._vault.read(key)
        except NotStored:
            return None
        return read_document(data, AcceptedAlert, form=ACCEPTED, version=VERSION, key=key)

    def accept(self, alert: AcceptedAlert) -> bool:
        """Record an alert, and tell whether it was this call that did: another may have been first."""
        try:
            self._vault.create(_key(alert.id), write_document(alert, form=ACCEPTED, version=VERSION))
        except AlreadyStored:
            return False
        return True

    def note(self, outcome: Outcome) -> None:
        """Record what became of an alert. The first word stands: a second one changes nothing."""
        name = NAMES[type(outcome)]
        with suppress(AlreadyStored):
            self._vault.create(
                f"{_stem(outcome.alert)}/{name}.json",
                write_document(outcome, form=f"continuity/alert-{name}", version=VERSION),
            )

    def noted(self, alert: AlertId, kind: type[T]) -> T | None:
        """Read what became of an alert, as far as it is recorded."""
        name = NAMES[kind]
        key = f"{_stem(alert)}/{name}.json"
        try:
            data = self._vault.read(key)
        except NotStored:
            return None
        return read_document(data, kind, form=f"continuity/alert-{name}", version=VERSION, key=key)

    def turns(self, application: ApplicationName) -> SeenTurns:
        """Read who had the last turn of each action."""
        key = _turns_key(application)
        try:
            found = self._vault.read_versioned(key)
        except NotStored:
            return SeenTurns(turns=Turns(), version="")
        return SeenTurns(turns=read_document(found.data, Turns, form=TURNS, version=VERSION, key=key), version=found.version)

    def take_turn(self, application: ApplicationName, turns: Turns, *, seen: SeenTurns) -> None:
        """Put these turns in the place of exactly those that were seen.

        Raises:
            Overtaken: another alert has had its turn meanwhile: decide again.

        """
        key, data = _turns_key(application), write_document(turns, form=TURNS, version=VERSION)
        if seen.version:
            self._vault.replace(key, data, version=seen.version)
            return
        try:
            self._vault.create(key, data)
        except AlreadyStored as error:
            raise Overtaken(f"{key} has just been written", hint="Decide again.") from error

    def switch(self, application: ApplicationName) -> Switch | None:
        """Read a person's last word on whether alerts may start anything; None where nobody has spoken."""
        keys = [listed.key for listed in self._vault.list(f"{application}/alerts/switch/")]
        if not keys:
            return None
        return read_document(self._vault.read(keys[-1]), Switch, form=SWITCH, version=VERSION, key=keys[-1])

    def turn_switch(self, application: ApplicationName, switch: Switch) -> None:
        """Record a person's word."""
        key = f"{application}/alerts/switch/{switch.at:%Y%m%dT%H%M%S%fZ}.json"
        self._vault.create(key, write_document(switch, form=SWITCH, version=VERSION))

    def list_ids(self, application: ApplicationName, day: str = "") -> Iterator[tuple[AlertId, frozenset[str]]]:
        """Name the accepted alerts of an application, oldest outbreak first, each with what is noted of it.

        `day` as 20261123 lists those that began on it alone.
        """
        above = f"{application}/alerts/"
        names: dict[str, set[str]] = {}
        for listed in self._vault.list(f"{above}{day}/" if day else above):
            parts = listed.key.removeprefix(above).removesuffix(".json").split("/")
            if not parts[0].isdigit():
                continue
            names.setdefault(parts[1], set()).update(parts[2:])
        for name, noted in names.items():
            yield AlertId(name), frozenset(noted)


def _stem(alert: AlertId) -> str:
    application, day = place_of(alert)
    return f"{application}/alerts/{day}/{alert}"


def _key(alert: AlertId) -> str:
    return f"{_stem(alert)}.json"


def _turns_key(application: ApplicationName) -> str:
    return f"{application}/alerts/turns.json"
