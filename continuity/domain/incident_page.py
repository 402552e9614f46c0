"""The report of an incident as a page: what it was and what it cost first, then how it went, then what follows from it."""

from datetime import UTC, datetime, timedelta

from continuity.domain.follow_ups import follow_up_table
from continuity.domain.incident import Told
from continuity.domain.incident_report import Happened, IncidentReport, RunPart
from continuity.domain.incidents import State
from continuity.domain.page import Block, Bullets, Facts, Page, Paragraph, Said, Section, Table, Text, Tile, Tone, count, moment
from continuity.domain.reports import duration
from continuity.domain.risks import risk_of
from continuity.domain.run import EntryKind, Outcome
from continuity.domain.run_report import StepTaken, summarize

_STATES = {State.OPEN: Tone.BAD, State.ACKNOWLEDGED: Tone.LOOK, State.RESOLVED: Tone.GOOD}
_STEP_TONES = {"done": Tone.GOOD, "failed": Tone.BAD, "failed, taken back": Tone.BAD, "taken back": Tone.LOOK}


def incident_page(report: IncidentReport) -> Page:
    """Lay a report out."""
    incident = report.incident
    tags = [Said(text=incident.level.value), Said(text=incident.state.value, tone=_STATES[incident.state])]
    if incident.opened.exercise:
        tags.append(Said(text="exercise", tone=Tone.LOOK))
    return Page(
        title=f"Incident report: {incident.opened.title}",
        tags=tuple(tags),
        lead=_lead(report),
        tiles=_tiles(report),
        sections=(
            Section(title="Summary", blocks=(Facts(items=_summary(report)),)),
            Section(title="Timeline (UTC)", blocks=(_timeline(report.timeline),)),
            Section(title="Actions taken", blocks=_actions(report)),
            Section(title="Who was told", blocks=(_told(incident.told),)),
            Section(title="Lessons learned", blocks=_lessons(report)),
            Section(title="Follow-up actions", blocks=(_follow_ups(report),)),
            *_not_read(report),
        ),
        written=report.written,
        source=f"from {count(report.records, 'record')} of `{incident.id}`, the journals of {count(len(report.runs), 'run')},"
        " and its alerts",
    )


def _lead(report: IncidentReport) -> Said:
    incident, lasted = report.incident, duration(report.lasted)
    if incident.resolved:
        return Said(text=f"over after {lasted}, by {incident.resolved.by}: {incident.resolved.because}", tone=Tone.GOOD)
    who = f"{incident.acknowledged.by} is at it" if incident.acknowledged else "nobody has answered yet"
    return Said(text=f"not over yet, {lasted} by now; {who}", tone=Tone.LOOK if incident.acknowledged else Tone.BAD)


def _tiles(report: IncidentReport) -> tuple[Tile, ...]:
    began = report.incident.opened.began
    milestones = (Tile(name=str(name), value=Said(text=_after(at - began), beneath=moment(at))) for name, at in report.milestones)
    return (Tile(name="lasted", value=Said(text=duration(report.lasted), beneath=f"began {moment(began)}")), *milestones)


def _after(length: timedelta) -> str:
    # Of clocks that differ the earlier one is no news.
    return f"after {duration(length)}" if length >= timedelta(seconds=1) else "at once"


def _summary(report: IncidentReport) -> dict[str, Text]:
    incident, opened = report.incident, report.incident.opened
    ended = moment(incident.resolved.ended) if incident.resolved else "not over yet"
    facts: dict[str, Text] = {
        "date and time": f"{moment(opened.began)} to {ended}",
        "duration": duration(report.lasted),
        "opened by": f"{opened.origin.value} {opened.refers}".strip() + f", by {opened.by}",
        "what it was": opened.summary or "not said",
        **_impact(report),
        "root cause": incident.assessed.root_cause or _asked(report, "--root-cause TEXT"),
        "risk": risk_of(incident) or _asked(report, "--risk NAME"),
    }
    return facts


def _impact(report: IncidentReport) -> dict[str, Text]:
    said = report.incident.assessed
    users: Text = _asked(report, "--users-affected N --users-total N")
    if said.users_affected is not None:
        users = f"{said.users_affected:,}"
        if said.users_total:
            users += f" of {said.users_total:,} ({said.users_affected / said.users_total:.2%})"
    rows: Text = Said(text=_asked(report, "--rows-lost N").text, tone=Tone.LOOK, beneath="no run has counted them")
    if report.rows_lost is not None:
        source = "counted by the run that replaced the database" if report.rows_counted else f"by the word of {said.by}"
        rows = Said(text=f"{report.rows_lost:,}", tone=Tone.LOOK if report.rows_lost else Tone.GOOD, beneath=source)
    served: Text = "not known: no journal tells of a stop"
    if report.not_served_seconds is not None:
        minutes = f"{report.not_served_seconds / 60:.1f} min"
        served = Said(text=minutes, beneath="from the first stop to the last answer of the health check, by the journals")
    revenue: Text = _asked(report, "--revenue-hours N") if said.revenue_hours is None else f"{said.revenue_hours:g} h"
    return {"users affected": users, "rows lost": rows, "nobody was served for": served, "could not earn for": revenue}


def _asked(report: IncidentReport, option: str) -> Said:
    return Said(text=f"not said yet: `continuity assess {report.incident.id} {option}`", tone=Tone.LOOK)


def _timeline(lines: tuple[Happened, ...]) -> Table:
    rows = tuple((_second(line.at), Said(text=line.text, tone=Tone.BAD) if line.wrong else line.text, line.by) for line in lines)
    return Table(columns=("time", "what", "by"), rows=rows)


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _actions(report: IncidentReport) -> tuple[Block, ...]:
    if not report.runs:
        return (Paragraph(text="No run belongs to this incident: whatever was done is in the timeline, or was done elsewhere."),)
    blocks: list[Block] = []
    for part in report.runs:
        blocks += _run(part)
    return tuple(blocks)


def _run(part: RunPart) -> list[Block]:
    summary, first = summarize(part.history, part.plan), part.history.entries[0]
    outcome, length = part.history.outcome, timedelta(seconds=summary.seconds)
    tone = {Outcome.DONE: Tone.GOOD, None: Tone.LOOK}.get(outcome, Tone.BAD)
    said = f"{part.plan.verb.value} `{part.run}`: {outcome.value if outcome else 'not ended'}, {duration(length)}"
    approved = ", ".join(map(str, first.facts.get("approved by", ()))) if first.kind is EntryKind.PLAN else ""
    beneath = [f"to {part.plan.point}" if part.plan.point else "", f"approved by {approved}" if approved else ""]
    if summary.downtime_seconds is not None:
        beneath.append(f"clients cut off for {summary.downtime_seconds} s")
    if discards := first.facts.get("discards"):
        beneath.append(f"lost, as the plan said: {discards}")
    taken = tuple(_step(step) for step in summary.steps if step.state != "not reached")
    left = len(summary.steps) - len(taken)
    blocks: list[Block] = [Paragraph(text=Said(text=said, tone=tone, beneath="; ".join(filter(None, beneath))))]
    blocks.append(Table(columns=("step", "state", "seconds"), rows=taken, right=frozenset({2})))
    if left:
        blocks.append(Paragraph(text=f"not reached: {count(left, 'step')} of the plan"))
    return blocks


def _step(step: StepTaken) -> tuple[Text, ...]:
    state = Said(text=step.state, tone=_STEP_TONES.get(step.state, Tone.PLAIN), beneath=step.because)
    return step.name, state, "" if step.seconds is None else f"{step.seconds:.1f}"


def _told(told: tuple[Told, ...]) -> Block:
    if not told:
        return Paragraph(text=Said(text="nobody: no message of this incident is on record", tone=Tone.LOOK))
    rows = tuple((_second(each.at), each.message.value, _to(each), each.channel, _arrived(each)) for each in told)
    return Table(columns=("time", "message", "who", "channel", "arrived"), rows=rows)


def _to(told: Told) -> Text:
    return Said(text=told.to, beneath=told.audience)


def _arrived(told: Told) -> Text:
    return Said(text="yes", tone=Tone.GOOD) if told.delivered else Said(text="no", tone=Tone.BAD, beneath=told.because)


def _lessons(report: IncidentReport) -> tuple[Block, ...]:
    said = report.incident.assessed
    blocks: list[Block] = []
    lessons = (
        ("What worked well", said.went_well, "--went-well TEXT"),
        ("What could be improved", said.to_improve, "--to-improve TEXT"),
        ("Process changes needed", said.process_changes, "--process-change TEXT"),
    )
    for heading, lines, option in lessons:
        blocks.append(Bullets(title=heading, items=lines or (_asked(report, option),)))
    return tuple(blocks)


def _follow_ups(report: IncidentReport) -> Block:
    if not report.incident.follow_ups:
        return Paragraph(text=Said(text="none yet: an incident without a follow-up happens again", tone=Tone.LOOK))
    return follow_up_table(report.incident.follow_ups, now=report.written)


def _not_read(report: IncidentReport) -> tuple[Section, ...]:
    if not report.unreadable:
        return ()
    lines = tuple(Said(text=f"{each.key}: {each.because}", tone=Tone.BAD) for each in report.unreadable)
    return (Section(title="Not in this report, since it could not be read", blocks=(Bullets(items=lines),)),)
