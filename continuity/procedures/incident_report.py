"""The report of an incident, read from everything in the vault that belongs to it, and kept there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from continuity.adapters.alert_records import AlertRecords
from continuity.adapters.confirmations import find_confirmation
from continuity.adapters.pages.files import keep_page
from continuity.adapters.records import Records
from continuity.adapters.vault import Vault
from continuity.domain.alerts import AlertId, Approved, Begun, CalledOff, HoldDone, Withdrawn
from continuity.domain.incident import IncidentId, Origin, application_of
from continuity.domain.incident_page import incident_page
from continuity.domain.incident_report import AlertPart, IncidentReport, RunPart, report_incident
from continuity.domain.incidents import Incident, fold
from continuity.domain.records import Unreadable
from continuity.domain.run import RunId
from continuity.errors import ConfigurationRefused, DamagedObject, NotStored
from continuity.journal import plan_of, read_history
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import journals_of

CLOCKS_DIFFER = timedelta(days=1)
"""The record of a run may be dated before the incident that it belongs to."""


@dataclass(frozen=True, kw_only=True)
class _Parts:
    runs: dict[RunId, RunPart] = field(default_factory=dict)
    alerts: list[AlertPart] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def read_incident_report(environment: Environment, incident: str, *, now: datetime) -> IncidentReport:
    """Put the report of an incident together. What belongs to it and cannot be read is named in it.

    Raises:
        ConfigurationRefused: there is no such incident.
        VaultError: the vault cannot be reached.

    """
    vault = journals_of(environment)
    application = application_of(incident)
    records = Records(vault)
    read = records.incident(IncidentId(incident))
    whole = fold(read.records)
    if whole is None:
        damaged = f": {read.unreadable[0].because}" if read.unreadable else ""
        raise ConfigurationRefused(f"no incident {incident!r}{damaged}", hint=f"See `continuity incidents {application}`.")
    parts = _Parts(unreadable=list(read.unreadable))
    _read_alerts(vault, whole, parts)
    _read_runs(vault, records, whole, parts, now=now)
    return report_incident(
        whole,
        runs=tuple(parts.runs.values()),
        alerts=tuple(parts.alerts),
        unreadable=tuple(parts.unreadable),
        records=len(read.records),
        now=now,
    )


def keep_incident_report(environment: Environment, report: IncidentReport) -> str:
    """Keep a report in the journals' vault, and return its key; each time that there is more to tell makes one more."""
    incident = report.incident.id
    told = report.records + sum(len(part.history.entries) for part in report.runs)
    return keep_page(journals_of(environment), f"{application_of(incident)}/reports/{incident}/{told:06}", incident_page(report))


def _referred(incident: Incident, origin: Origin) -> Iterator[str]:
    """Name what of an origin belongs to the incident, in the order in which it came."""
    named = [(incident.opened.origin, incident.opened.refers), *((each.origin, each.refers) for each in incident.linked)]
    yield from dict.fromkeys(refers for of, refers in named if of is origin and refers)


def _read_alerts(vault: Vault, incident: Incident, parts: _Parts) -> None:
    records = AlertRecords(vault)
    for name in _referred(incident, Origin.ALERT):
        alert = AlertId(name)
        try:
            accepted = records.find(alert)
            if accepted is None:
                # An alert that was only listened to is no accepted one: the incident's own record is all there is.
                continue
            outcomes = (
                records.noted(alert, Begun),
                records.noted(alert, HoldDone),
                records.noted(alert, Approved),
                records.noted(alert, Withdrawn),
                records.noted(alert, CalledOff),
            )
            parts.alerts.append(AlertPart(alert=accepted, outcomes=tuple(each for each in outcomes if each)))
        except ConfigurationRefused:
            # The same of one whose name is not made by the receiver.
            continue
        except DamagedObject as error:
            parts.unreadable.append(Unreadable(key=name, because=error.message))


def _read_runs(vault: Vault, records: Records, incident: Incident, parts: _Parts, *, now: datetime) -> None:
    holds = (each.run for part in parts.alerts for each in part.outcomes if isinstance(each, HoldDone) and each.run)
    names = list(dict.fromkeys([*holds, *_referred(incident, Origin.RUN)]))
    if not names:
        return
    began = incident.opened.began - CLOCKS_DIFFER
    history = records.history(incident.opened.application, since=began, until=max(now, began) + CLOCKS_DIFFER)
    discarded = {each.run: each.rows_discarded for each in history.runs}
    parts.unreadable.extend(each for each in history.unreadable if "/records/run/" in each.key)
    for run in map(RunId, names):
        try:
            read = read_history(vault, run)
            parts.runs[run] = RunPart(
                plan=plan_of(read),
                history=read,
                confirmation=find_confirmation(vault, run),
                rows_discarded=discarded.get(run),
            )
        except (DamagedObject, ConfigurationRefused, NotStored) as error:
            parts.unreadable.append(Unreadable(key=run, because=error.message))


KEEP_INCIDENT_REPORT = Operation(name="keep the report of the incident", run=keep_incident_report, retry=PATIENT)
"""Harmless when it is done again: what is kept already stays."""
