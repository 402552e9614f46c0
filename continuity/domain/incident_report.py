"""The report of an incident: what its records, the journals of its runs and its alerts tell, put together by the system.

What no record can tell (the cause, the users, what was learned) is asked for, and stays "not said yet" until somebody says it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from continuity.domain.alerts import AcceptedAlert, Approved, Begun, CalledOff, HoldDone, Withdrawn
from continuity.domain.confirmation import Confirmation
from continuity.domain.incidents import Incident
from continuity.domain.live import CLOSE_NAME
from continuity.domain.plan import Plan
from continuity.domain.records import Unreadable
from continuity.domain.run import Entry, EntryKind, History, RunId

STOP_KIND, HEALTH_KIND = "stop a workload", "check health"


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One line of a report's timeline; `wrong` where something did not go as it should."""

    at: datetime
    by: str
    text: str
    wrong: bool = False


class Milestone(StrEnum):
    """The moments by which a response is judged."""

    NOTICED = "noticed"
    TOLD = "people told"
    TAKEN_ON = "taken on"
    MITIGATED = "mitigation begun"
    OVER = "over"


@dataclass(frozen=True, kw_only=True)
class RunPart:
    """A run that belongs to the incident, from its journal."""

    plan: Plan
    history: History
    confirmation: Confirmation | None = None
    rows_discarded: int | None = None
    """What was written since the point and went with the replaced database; None where it is not known."""

    @property
    def run(self) -> RunId:
        """Its id."""
        return self.history.entries[0].run


@dataclass(frozen=True, kw_only=True)
class AlertPart:
    """An alert that belongs to the incident, and what became of it."""

    alert: AcceptedAlert
    outcomes: tuple[Begun | HoldDone | Withdrawn | CalledOff | Approved, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IncidentReport:
    """An incident as its report tells it. `timeline` is oldest first."""

    incident: Incident
    runs: tuple[RunPart, ...]
    timeline: tuple[Happened, ...]
    milestones: tuple[tuple[Milestone, datetime], ...]
    not_served_seconds: float | None
    """From the first stopped workload to the last answer of the health check; None where the journals do not tell."""
    rows_lost: int | None
    """By the word of a person, else as the runs have counted."""
    rows_counted: bool
    """Whether `rows_lost` was counted by a run."""
    unreadable: tuple[Unreadable, ...]
    records: int
    written: datetime

    @property
    def lasted(self) -> timedelta:
        """For how long it has lasted: until its end, or until now."""
        return self.incident.lasted(self.written)


def report_incident(
    incident: Incident,
    *,
    runs: Sequence[RunPart] = (),
    alerts: Sequence[AlertPart] = (),
    unreadable: Sequence[Unreadable] = (),
    records: int = 0,
    now: datetime,
) -> IncidentReport:
    """Put a report together. `unreadable` names what belongs to it and could not be read, `records` counts what could."""
    lines = [
        *(Happened(at=line.at, by=line.by, text=line.text) for line in incident.timeline),
        *(line for part in runs for line in _of_run(part)),
        *(line for part in alerts for line in _of_alert(part)),
    ]
    said = incident.assessed.rows_lost
    counted = [part.rows_discarded for part in runs if part.rows_discarded is not None]
    return IncidentReport(
        incident=incident,
        runs=tuple(sorted(runs, key=lambda part: part.history.started)),
        timeline=tuple(sorted(lines, key=lambda line: line.at)),
        milestones=tuple(sorted(_milestones(incident, runs), key=lambda each: each[1])),
        not_served_seconds=_not_served(runs),
        rows_lost=said if said is not None else sum(counted) if counted else None,
        rows_counted=said is None and bool(counted),
        unreadable=tuple(unreadable),
        records=records,
        written=now,
    )


def _milestones(incident: Incident, runs: Iterable[RunPart]) -> Iterator[tuple[Milestone, datetime]]:
    yield Milestone.NOTICED, incident.opened.noticed
    if told := min((each.at for each in incident.told if each.delivered), default=None):
        yield Milestone.TOLD, told
    if incident.acknowledged:
        yield Milestone.TAKEN_ON, incident.acknowledged.at
    if begun := min((part.history.started for part in runs), default=None):
        yield Milestone.MITIGATED, begun
    if incident.resolved:
        yield Milestone.OVER, incident.resolved.ended


def _not_served(runs: Iterable[RunPart]) -> float | None:
    """Return how long nobody was served: of a hold and the rollback that took it over, from the stop of the first."""
    stopped: list[datetime] = []
    healthy: list[datetime] = []
    for part in runs:
        history = part.history
        for step in part.plan.steps:
            intent, done = history.intent(step.name), history.done(step.name)
            if intent and (step.kind == STOP_KIND or step.name == CLOSE_NAME):
                stopped.append(intent.at)
            if done and step.kind == HEALTH_KIND:
                healthy.append(done.at)
    if not stopped or not healthy or max(healthy) < min(stopped):
        return None
    return (max(healthy) - min(stopped)).total_seconds()


def _of_run(part: RunPart) -> Iterator[Happened]:
    """Tell what a run did. What a step was about to do is told only where nothing says what became of it."""
    settled = {entry.step for entry in part.history.entries if entry.kind in {EntryKind.DONE, EntryKind.FAILED, EntryKind.UNDONE}}
    for entry in part.history.entries:
        if entry.kind is EntryKind.INTENT and entry.step in settled:
            continue
        yield Happened(at=entry.at, by=entry.actor, text=_entry_text(part, entry), wrong=entry.kind is EntryKind.FAILED)
    if part.confirmation:
        said = f": {part.confirmation.because}" if part.confirmation.because else ""
        yield Happened(at=part.confirmation.at, by=part.confirmation.by, text=f"confirmed after `{part.run}` that it works{said}")


def _entry_text(part: RunPart, entry: Entry) -> str:
    because = str(entry.facts.get("because", ""))
    after = f": {because}" if because else ""
    said = {
        EntryKind.PLAN: _begun(part, entry),
        EntryKind.INTENT: f"{entry.step}: begun, and nothing says what became of it",
        EntryKind.DONE: entry.step,
        EntryKind.UNDONE: f"{entry.step}: taken back{after}",
        EntryKind.FAILED: f"{entry.step}: failed{after}",
        EntryKind.NOTE: because or f"{entry.step}: noted",
        EntryKind.END: f"{part.plan.verb.value} ended: {entry.facts.get('outcome', 'unknown')}{after}",
    }
    return said[entry.kind]


def _begun(part: RunPart, entry: Entry) -> str:
    approved = ", ".join(map(str, entry.facts.get("approved by", ())))
    to = f" to `{part.plan.point}`" if part.plan.point else ""
    return f"{part.plan.verb.value}{to} begun, `{part.run}`" + (f", approved by {approved}" if approved else "")


def _of_alert(part: AlertPart) -> Iterator[Happened]:
    alert = part.alert
    yield Happened(at=alert.started, by=alert.source.value, text=f"alert {alert.alert} began to fire")
    yield Happened(
        at=alert.accepted, by="receiver", text=f"alert {alert.alert} accepted for {alert.action.value}: {alert.because}"
    )
    for outcome in part.outcomes:
        match outcome:
            case Begun():
                text = f"flow run {outcome.flow_run} started" if outcome.flow_run else f"no flow run: {outcome.because}"
            case HoldDone():
                text = f"hold `{outcome.run}`" if outcome.run else f"no hold: {outcome.because}"
            case Withdrawn():
                text = f"alert {alert.alert} is over, says its sender"
            case CalledOff():
                text = f"called off: {outcome.because}"
            case Approved():
                text = f"the alert counts as the approval of plan {outcome.plan}"
        yield Happened(at=outcome.at, by="receiver", text=text)
