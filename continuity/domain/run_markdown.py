"""The report of a plan and of a run, as a person reads it: what it came to first, what to do next, then the evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from continuity.domain import reports
from continuity.domain.estimates import Estimates
from continuity.domain.plan import Plan
from continuity.domain.run import Entry, EntryKind, Outcome
from continuity.domain.run_report import StageTaken, Summary
from continuity.domain.stages import BUDGETS

BAR = 30
"""Cells of a bar that stands for a whole budget."""


def plan_markdown(plan: Plan, estimates: Estimates) -> str:
    """Write a plan for the person who has to approve it: targets by identity, losses, steps with their seconds."""
    rows = [
        f"| {number} | {_cell(step.name)} | {_cell(step.target)} | {step.stage.value} | {estimates.seconds[step.name]:.1f} |"
        f" {_cell(estimates.sources[step.name])} |"
        for number, step in enumerate(plan.steps, start=1)
    ]
    parts = [
        f"# Plan {plan.hash}: {plan.verb.value} of {plan.application}",
        f"**Will be lost:** {_cell(estimates.discards.told)}",
        f"About **{estimates.total_seconds:.0f} s** in all. Nothing has been changed.",
        "## Acts on",
        reports.markdown_table(dict(plan.targets)),
        "## Steps",
        "| # | step | on | stage | seconds | as in |\n| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows),
    ]
    for step in plan.steps:
        if statements := step.arguments.get("statements"):
            parts += [f"### {step.name}, in one transaction", "\n".join(["```sql", *(f"{each};" for each in statements), "```"])]
    notes = [*estimates.notes]
    if estimates.peak_bytes:
        notes.insert(0, f"room needed meanwhile: {reports.size(estimates.peak_bytes)}")
    parts += ["## Know", "\n".join(f"- {note}" for note in notes)]
    if estimates.not_included:
        parts += ["## Not in the point", "\n".join(f"- {each}" for each in estimates.not_included)]
    return "\n\n".join(parts)


def run_markdown(
    plan: Plan,
    summary: Summary,
    entries: Sequence[Entry],
    *,
    outcome: Outcome,
    because: str,
    next_step: str,
    lost: str,
    confirmed: str = "",
) -> str:
    """Write the report of a run, from its journal."""
    run = entries[0].run
    approved = ", ".join(entries[0].facts.get("approved by", ())) or "not recorded"
    facts = {
        "run": run,
        "recovery point": plan.point or "none",
        "verdict of the restore": summary.verdict or "none was made",
        "clients cut off by the swap": _seconds(summary.downtime_seconds),
        "from stop to healthy": _seconds(summary.stopped_seconds),
        "whole run": _seconds(summary.seconds),
        "lost (an estimate)": lost,
        "approved by": approved,
    }
    parts = [f"# {outcome.value}: {plan.verb.value} of {plan.application}"]
    if because:
        parts.append(f"**{_cell(because)}**")
    if confirmed:
        parts.append(confirmed[0].upper() + confirmed[1:])
    parts += [f"**Next:** {next_step}", reports.markdown_table(facts)]
    if summary.noted:
        parts += ["## Look at", "\n".join(f"- {_cell(note)}" for note in summary.noted)]
    if summary.seen:
        parts += ["## Seen", "\n".join(f"- {_cell(line)}" for line in summary.seen)]
    if summary.stages:
        parts += ["## Stages against their budgets", "```\n" + "\n".join(map(stage_bar, summary.stages)) + "\n```"]
    parts += ["## Steps", _steps(summary)]
    if summary.digests:
        rows = "\n".join(f"| {_cell(table)} | `{digest}` |" for table, digest in sorted(summary.digests.items()))
        parts += ["## Digests, equal in the point and in the restore", f"| table | digest |\n| --- | --- |\n{rows}"]
    parts += ["## Timeline (UTC)", "```\n" + "\n".join(map(timeline_line, entries)) + "\n```"]
    return "\n\n".join(parts)


def stage_bar(stage: StageTaken) -> str:
    """Draw a stage against its budget."""
    budget = BUDGETS[stage.stage].total_seconds()
    filled = min(BAR, round(BAR * stage.seconds / budget))
    over = "  over budget" if stage.over else ""
    return f"{stage.stage.value:13}{'█' * filled}{'░' * (BAR - filled)} {stage.seconds:8.1f} s of {budget:.0f} s{over}"


def timeline_line(entry: Entry) -> str:
    """Show one entry of a journal in a line."""
    said = entry.facts.get("because") or entry.facts.get("outcome") or ""
    what = f"{entry.step}: {said}" if entry.step and said else entry.step or str(said)
    return f"{moment(entry.at)}  {entry.kind.value:7} {what}".rstrip()


def moment(at: datetime) -> str:
    """Say a moment to the tenth of a second."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 100_000}"


def lost_of(entries: Sequence[Entry]) -> str:
    """Return what the plan said would be lost, as the journal's first entry keeps it."""
    first: Mapping[str, object] = entries[0].facts if entries and entries[0].kind is EntryKind.PLAN else {}
    return str(first.get("discards", "not recorded"))


def _steps(summary: Summary) -> str:
    rows = [
        f"| {_cell(step.name)} | {step.state} | {'' if step.seconds is None else f'{step.seconds:.1f}'} | {_cell(step.because)} |"
        for step in summary.steps
    ]
    return "| step | state | seconds | |\n| --- | --- | --- | --- |\n" + "\n".join(rows)


def _seconds(seconds: float | None) -> str:
    return "not at all" if seconds is None else f"{seconds} s"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
