"""What a person is told of alerts."""

from typing import Any

from continuity.domain.application import ApplicationName
from continuity.procedures.alert_switch import Alerts, Fate
from deployments.console import Terminal


def tell_alerts(terminal: Terminal, application: ApplicationName, alerts: Alerts) -> int:
    """Tell whether alerts may start anything, and what became of the newest ones."""
    switch = alerts.switch
    may = switch is None or switch.on
    lines = [f"alerts start {'what their routes say' if may else 'NOTHING'} for {application}"]
    if switch:
        lines.append(f"  {switch.by}, {switch.at:%Y-%m-%d %H:%M} UTC: {switch.because}")
    lines += [line for fate in alerts.fates for line in _lines(fate)] or ["no alert has been accepted yet"]
    document = {
        "on": may,
        "because": switch.because if switch else "",
        "alerts": [_document(fate) for fate in alerts.fates],
    }
    terminal.result(document, lines)
    return 0


def _lines(fate: Fate) -> list[str]:
    accepted = fate.accepted
    lines = [
        f"{accepted.accepted:%Y-%m-%d %H:%M:%S} UTC  {accepted.alert} ({accepted.level}, {accepted.source}): {accepted.action}",
        f"  {accepted.id}: {accepted.because}",
    ]
    if accepted.summary:
        lines.append(f"  it says: {accepted.summary}")
    if accepted.hold:
        lines.append(f"  hold: {_what_became(fate.hold.run, fate.hold.because) if fate.hold else 'outstanding'}")
    if fate.begun:
        lines.append(f"  flow run: {_what_became(fate.begun.flow_run, fate.begun.because)}")
    if fate.withdrawn:
        said = f": {fate.called_off.because}" if fate.called_off else ""
        lines.append(f"  over since {fate.withdrawn.at:%H:%M:%S} UTC{said}")
    return lines


def _what_became(run: str, because: str) -> str:
    return ", ".join(filter(None, [run or "none", because]))


def _document(fate: Fate) -> dict[str, Any]:
    accepted = fate.accepted
    return {
        "id": accepted.id,
        "alert": accepted.alert,
        "action": accepted.action.value,
        "severity": accepted.level.value,
        "accepted": accepted.accepted.isoformat(),
        "because": accepted.because,
        "flow_run": fate.begun.flow_run if fate.begun else None,
        "hold": fate.hold.run if fate.hold else None,
        "over": fate.withdrawn.at.isoformat() if fate.withdrawn else None,
    }
