"""What is told of incidents."""

from datetime import datetime
from typing import Any

from rich.text import Text

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incidents import Incident, State
from continuity.domain.neutral import neutral
from continuity.domain.reports import duration
from continuity.procedures.incidents import Incidents
from deployments.console import EXIT_DONE, EXIT_LOOK, Terminal

_STYLES = {Level.CRITICAL: "bold red", Level.HIGH: "red", Level.MEDIUM: "yellow", Level.LOW: ""}


def tell_incidents(terminal: Terminal, application: ApplicationName, found: Incidents) -> int:
    """Tell the incidents of an application, the open ones first. One that nobody has taken on is to be looked at."""
    lines: list[str | Text] = [_line(each) for each in found.incidents] or [f"{application} has had no incident"]
    lines += [Text(f"cannot be read: {each.key}: {each.because}", style="bold red") for each in found.unreadable]
    document = {
        "incidents": [incident_json(each) for each in found.incidents],
        "unreadable": [{"key": each.key, "because": each.because} for each in found.unreadable],
    }
    terminal.result(document, lines)
    unanswered = any(each.state is State.OPEN for each in found.incidents)
    return EXIT_LOOK if unanswered or found.unreadable else EXIT_DONE


def tell_incident(terminal: Terminal, incident: Incident, *, now: datetime) -> int:
    """Tell one incident: what it is now, what happened, what is still to be done, and what a person can say of it."""
    lines: list[str | Text] = [_line(incident)]
    if incident.opened.summary:
        lines.append(f"  it says: {neutral(incident.opened.summary)}")
    lines.append(f"  for {duration(incident.lasted(now))}, chain {incident.opened.chain}")
    if incident.assessed.root_cause:
        lines.append(f"  root cause: {incident.assessed.root_cause}")
    lines += [
        f"  {line.at:%Y-%m-%d %H:%M:%S} UTC  {neutral(line.text)}{f' ({line.by})' if line.by else ''}"
        for line in incident.timeline
    ]
    lines += [
        Text(f"  to do until {each.due}: {each.name}: {each.what} ({each.owner})", style="yellow")
        for each in incident.open_follow_ups
    ]
    if not incident.told and not incident.resolved:
        lines.append(Text("  nobody has been told: see `continuity notices`", style="yellow"))
    if step := _next_step(incident):
        lines.append(f"next: {step}")
    terminal.result(incident_json(incident), lines)
    return EXIT_DONE


def incident_json(incident: Incident) -> dict[str, Any]:
    """Return an incident as the command line's JSON shows it."""
    opened, said = incident.opened, incident.assessed
    resolved, acknowledged = incident.resolved, incident.acknowledged
    return {
        "id": incident.id,
        "title": opened.title,
        "state": incident.state.value,
        "level": incident.level.value,
        "chain": opened.chain.value,
        "origin": opened.origin.value,
        "refers": sorted(incident.refers),
        "began": opened.began.isoformat(),
        "noticed": opened.noticed.isoformat(),
        "acknowledged": acknowledged.at.isoformat() if acknowledged else None,
        "acknowledged_by": acknowledged.by if acknowledged else None,
        "ended": resolved.ended.isoformat() if resolved else None,
        "because": resolved.because if resolved else None,
        "exercise": opened.exercise,
        "root_cause": said.root_cause,
        "users_affected": said.users_affected,
        "told": [
            {"at": each.at.isoformat(), "message": each.message.value, "to": each.to, "channel": each.channel,
             "delivered": each.delivered, "because": each.because}
            for each in incident.told
        ],
        "timeline": [{"at": line.at.isoformat(), "by": line.by, "text": line.text} for line in incident.timeline],
        "follow_ups": [
            {"name": each.follow_up.name, "what": each.follow_up.what, "owner": each.follow_up.owner,
             "due": each.follow_up.due.isoformat(), "done": each.done.at.isoformat() if each.done else None}
            for each in incident.follow_ups
        ],
    }  # fmt: skip


def _line(incident: Incident) -> Text:
    opened = incident.opened
    style = "" if incident.resolved else _STYLES[incident.level]
    exercise = "exercise, " if opened.exercise else ""
    return Text.assemble(
        (f"{incident.state.value}, {exercise}{incident.level.value}", style),
        f"  {opened.began:%Y-%m-%d %H:%M} UTC  {neutral(opened.title)}  {incident.id}",
    )


def _next_step(incident: Incident) -> str:
    match incident.state:
        case State.OPEN:
            return f"take it on with `continuity acknowledge {incident.id} --as NAME`"
        case State.ACKNOWLEDGED:
            return f"when it is over: `continuity resolve {incident.id} --because TEXT`"
        case State.RESOLVED if not incident.assessed.root_cause:
            return f"say what it was: `continuity assess {incident.id} --root-cause TEXT`"
        case _:
            return ""
