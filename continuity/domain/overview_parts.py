"""Parts that the status page and a review share: drills as a chart, gaps in red, incidents, what could not be read."""

from collections.abc import Sequence

from continuity.domain.application import Objectives
from continuity.domain.chart import Timed, chart_durations
from continuity.domain.coverage import Gap
from continuity.domain.incidents import Incident, State
from continuity.domain.page import Block, Bullets, Paragraph, Said, Section, Table, Text, Tone, moment
from continuity.domain.records import DrillDone, RunEnded, Unreadable
from continuity.domain.reports import duration

_STATES = {State.OPEN: Tone.BAD, State.ACKNOWLEDGED: Tone.LOOK, State.RESOLVED: Tone.GOOD}


def drill_blocks(drills: Sequence[DrillDone], objectives: Objectives) -> tuple[Block, ...]:
    """Draw drills and their times against the recovery time that is promised."""
    timed = [Timed(at=each.finished, seconds=each.seconds, good=each.proven, name=each.verdict) for each in drills]
    chart = chart_durations(timed, title="Time from a stored point to a judged database", objective=objectives.recovery_time)
    if chart is None:
        return (Paragraph(text=Said(text="no drill is on record", tone=Tone.BAD)),)
    failed = tuple(
        Said(text=f"{moment(each.finished)}: `{each.point}` is {each.verdict}", tone=Tone.BAD)
        for each in drills
        if not each.proven
    )
    return (chart, Bullets(items=failed)) if failed else (chart,)


def gap_blocks(gaps: Sequence[Gap]) -> tuple[Block, ...]:
    """List what is not covered, in red, each with what closes it."""
    if not gaps:
        return (Paragraph(text=Said(text="nothing that is looked for is missing", tone=Tone.GOOD)),)
    lines = (
        Said(text=gap.what + (f": {gap.detail}" if gap.detail else ""), tone=Tone.BAD, beneath=f"To do: {gap.remedy}")
        for gap in gaps
    )
    return (Bullets(items=tuple(lines)),)


def incident_block(incidents: Sequence[Incident], *, none: str) -> Block:
    """List incidents, a row each; `none` is said where there are none."""
    if not incidents:
        return Paragraph(text=Said(text=none, tone=Tone.GOOD))
    return Table(columns=("incident", "level", "state", "began"), rows=tuple(_incident(each) for each in incidents))


def _incident(each: Incident) -> tuple[Text, ...]:
    title = f"{each.opened.title} (exercise)" if each.opened.exercise else each.opened.title
    state = each.state.value
    if each.resolved:
        state += f" after {duration(each.lasted(each.resolved.at))}"
    elif each.acknowledged:
        state += f" by {each.acknowledged.by}"
    return (
        Said(text=title, beneath=f"`continuity report {each.id}`"),
        each.level.value,
        Said(text=state, tone=_STATES[each.state]),
        moment(each.opened.began),
    )


def run_block(runs: Sequence[RunEnded], *, none: str) -> Block:
    """List runs, a row each; `none` is said where there are none."""
    if not runs:
        return Paragraph(text=none)
    return Table(columns=("run", "outcome", "ended", "took"), rows=tuple(_run(each) for each in runs))


def _run(each: RunEnded) -> tuple[Text, ...]:
    apart = " (exercise)" if each.exercise else ""
    down = "" if each.downtime_seconds is None else f"not served for {each.downtime_seconds:.0f} s"
    return (
        Said(text=f"{each.verb}{apart}", beneath=each.run),
        Said(text=each.outcome, tone=Tone.GOOD if each.succeeded else Tone.BAD, beneath=down),
        moment(each.ended),
        duration(each.ended - each.began),
    )


def unreadable_sections(unreadable: Sequence[Unreadable]) -> tuple[Section, ...]:
    """Tell which records could not be read: every figure above was made without them."""
    if not unreadable:
        return ()
    lines = tuple(Said(text=f"{each.key}: {each.because}", tone=Tone.BAD) for each in unreadable)
    return (
        Section(title="Records that could not be read, and are missing in the figures above", blocks=(Bullets(items=lines),)),
    )
