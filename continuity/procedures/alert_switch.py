"""What a person does about alerts: switch off what they start, and see what became of the newest ones."""

from dataclasses import dataclass
from datetime import datetime

from continuity.adapters.alert_records import AlertRecords
from continuity.domain.alerts import AcceptedAlert, Begun, CalledOff, HoldDone, Switch, Withdrawn
from continuity.domain.application import ApplicationName
from continuity.errors import ConfigurationRefused
from continuity.settings import Environment
from continuity.steps.places import journals_of

SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Fate:
    """An accepted alert, and what has become of it so far."""

    accepted: AcceptedAlert
    begun: Begun | None
    hold: HoldDone | None
    withdrawn: Withdrawn | None
    called_off: CalledOff | None


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """A person's last word on alerts, and the newest accepted ones first."""

    switch: Switch | None
    fates: tuple[Fate, ...]


def switch_alerts(
    environment: Environment, application: ApplicationName, *, on: bool, by: str, because: str, now: datetime
) -> Switch:
    """Let alerts start something for an application, or nothing from now on, on every receiver at once.

    Raises:
        ConfigurationRefused: no reason is given.

    """
    if not because.strip():
        raise ConfigurationRefused("the switch needs a reason", hint="Say in --because why; others will read it at night.")
    switch = Switch(on=on, by=by, because=because.strip(), at=now)
    AlertRecords(journals_of(environment)).turn_switch(application, switch)
    return switch


def recent_alerts(environment: Environment, application: ApplicationName) -> Alerts:
    """Read the newest accepted alerts. Changes nothing."""
    records = AlertRecords(journals_of(environment))
    names = sorted((name for name, _ in records.list_ids(application)), key=lambda name: name.rsplit("-", 2)[1:], reverse=True)
    found = [accepted for name in names[:SHOWN] if (accepted := records.find(name))]
    return Alerts(
        switch=records.switch(application),
        fates=tuple(
            Fate(
                accepted=each,
                begun=records.noted(each.id, Begun),
                hold=records.noted(each.id, HoldDone),
                withdrawn=records.noted(each.id, Withdrawn),
                called_off=records.noted(each.id, CalledOff),
            )
            for each in found
        ),
    )
