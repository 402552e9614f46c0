"""What a message about an incident says: the facts of it as it is, before anybody's words."""

from datetime import datetime

from continuity.domain.escalation import Timetable, Turn
from continuity.domain.incident import MessageKind, Origin
from continuity.domain.incidents import Incident, State
from continuity.domain.notice import Notice

LINES_TOLD = 10
"""So much of the timeline is in a message; all of it is in the report."""


def notice_of(incident: Incident, turn: Turn, timetable: Timetable, *, now: datetime) -> Notice:
    """Return what is told of an incident at a turn."""
    opened, resolved = incident.opened, incident.resolved
    updates = timetable.updates if turn.message in {MessageKind.OPENED, MessageKind.UPDATE} else None
    runs = [each.refers for each in incident.linked if each.origin is Origin.RUN]
    return Notice(
        incident=incident.id,
        application=opened.application,
        message=turn.message,
        level=incident.level,
        chain=opened.chain,
        title=opened.title,
        began=opened.began,
        at=now,
        summary=opened.summary,
        step=turn.step,
        run=runs[-1] if runs else opened.refers if opened.origin is Origin.RUN else "",
        done=_done(incident),
        next_step="" if incident.state is not State.OPEN else f"`continuity acknowledge {incident.id} --as NAME` takes it on",
        impact=_impact(incident),
        next_update=now + updates if updates else None,
        because=_because(incident, turn),
        by=resolved.by if resolved else incident.acknowledged.by if incident.acknowledged else "",
        ended=resolved.ended if resolved else None,
        exercise=opened.exercise,
    )


def _done(incident: Incident) -> tuple[str, ...]:
    """Return the end of the timeline without the messages: whoever reads one knows of it."""
    told = {each.at for each in incident.told}
    lines = [f"{line.at:%H:%M:%S} UTC {line.text}" for line in incident.timeline if line.at not in told]
    return tuple(lines[-LINES_TOLD:])


def _impact(incident: Incident) -> str:
    said = incident.assessed
    parts = []
    if said.users_affected is not None:
        of = f" of {said.users_total}" if said.users_total is not None else ""
        parts.append(f"{said.users_affected}{of} users are affected")
    if said.rows_lost:
        parts.append(f"{said.rows_lost} rows are lost")
    return ", ".join(parts)


def _because(incident: Incident, turn: Turn) -> str:
    if incident.resolved:
        return incident.resolved.because
    if turn.message is MessageKind.ESCALATED and turn.step:
        asked = dict.fromkeys(each.to for each in incident.told if each.message is MessageKind.ESCALATED)
        return f"nobody has answered since {incident.opened.noticed:%H:%M} UTC; asked so far: {', '.join(asked) or 'nobody'}"
    if turn.message is MessageKind.UPDATE:
        said = incident.acknowledged
        return f"{said.by} has taken it on" if said else "nobody has taken it on yet"
    return ""
