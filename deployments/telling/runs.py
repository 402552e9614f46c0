"""What plans and runs tell."""

from typing import Any

from rich.table import Table
from rich.text import Text

from continuity.adapters.approvals import WaitingPlan
from continuity.domain import reports
from continuity.domain.approval import Approval
from continuity.domain.confirmation import Confirmation
from continuity.domain.plan import PlannedStep
from continuity.domain.run import EntryKind, Outcome
from continuity.domain.run_markdown import stage_bar
from continuity.domain.run_report import Summary
from continuity.engine import Phase
from continuity.errors import VaultError
from continuity.journal import plan_of
from continuity.procedures.runs import RunReport
from continuity.procedures.telling import confirmed, headline, keep_report, next_step, summary_of
from continuity.settings import Environment
from deployments.console import EXIT_DONE, EXIT_FAILED, EXIT_LOOK, Terminal

EXIT_CODES = {
    Outcome.DONE: EXIT_DONE,
    Outcome.UNDONE: EXIT_FAILED,
    Outcome.UNDO_INCOMPLETE: EXIT_FAILED,
    Outcome.INCOMPLETE: EXIT_LOOK,
}


def tell_plan(terminal: Terminal, waiting: WaitingPlan, *, command: str) -> int:
    """Show a plan: targets by identity, steps with seconds, what is lost, and the command that carries it out."""
    plan, estimates = waiting.plan, waiting.estimates
    document = {
        "plan": {
            "hash": plan.hash,
            "verb": plan.verb.value,
            "recovery_point": plan.point,
            "targets": dict(plan.targets),
            "steps": [
                {"name": step.name, "target": step.target, "stage": step.stage.value, "seconds": estimates.seconds[step.name]}
                | ({"statements": step.arguments["statements"]} if "statements" in step.arguments else {})
                for step in plan.steps
            ],
            "seconds": round(estimates.total_seconds, 1),
            "peak_bytes": estimates.peak_bytes,
            "discards": {
                "rows": estimates.discards.rows,
                "unknown": estimates.discards.unknown,
                "tables": {each.table: each.rows for each in estimates.discards.tables},
                "new_tables": list(estimates.discards.new_tables),
            },
            "not_included": list(estimates.not_included),
            "notes": list(estimates.notes),
        }
    }
    lines: list[str | Text | Table] = [Text(f"plan {plan.hash}: {plan.verb.value} of {plan.application}", style="bold")]
    lines += [f"  {name:15} {what}" for name, what in plan.targets.items()]
    lines.append("")
    table = Table(box=None, pad_edge=False)
    for heading in ("STEP", "ON", "SECONDS", "AS IN"):
        table.add_column(heading, justify="right" if heading == "SECONDS" else "left")
    for step in plan.steps:
        table.add_row(step.name, step.target, f"{estimates.seconds[step.name]:.1f}", estimates.sources[step.name])
    lines.append(table)
    for step in plan.steps:
        if statements := step.arguments.get("statements"):
            lines += ["", f"{step.name}, in one transaction:", *(f"    {each};" for each in statements)]
    lines += ["", f"about {estimates.total_seconds:.0f} s in all"]
    lines.append(Text(f"will be lost: {estimates.discards.told}", style="yellow"))
    if estimates.peak_bytes:
        lines.append(f"room needed meanwhile: {reports.size(estimates.peak_bytes)}")
    lines += [f"note: {note}" for note in estimates.notes]
    lines += [f"not in the point: {each}" for each in estimates.not_included]
    lines += ["", "Nothing was changed. To carry it out:", "", f"    {command}"]
    terminal.result(document, lines)
    return EXIT_DONE


def tell_approval(terminal: Terminal, waiting: WaitingPlan, approval: Approval) -> int:
    """Tell which plan was approved, by whom."""
    plan = waiting.plan
    lines = [f"{approval.by} approves plan {plan.hash}: {plan.verb.value} of {plan.application}"]
    lines += [f"  {name:15} {what}" for name, what in plan.targets.items()]
    lines.append(f"will be lost: {waiting.estimates.discards.told}")
    terminal.result({"plan": plan.hash, "application": plan.application, "by": approval.by}, lines)
    return EXIT_DONE


def tell_run(terminal: Terminal, report: RunReport, environment: Environment) -> int:
    """Tell what a run came to: the outcome, its steps, and what to do next; its report is kept beside the journal."""
    summary, outcome = summary_of(report), report.ended.outcome
    document: dict[str, Any] = {
        "run": report.run,
        "outcome": outcome.value,
        "seconds": summary.seconds,
        "downtime_seconds": summary.downtime_seconds,
        "stopped_seconds": summary.stopped_seconds,
        "verdict": summary.verdict,
        "recovery_point": plan_of(report.history).point,
        "because": report.ended.because,
        "seen": list(summary.seen),
        "noted": list(summary.noted),
        "incident": report.incident,
        "confirmed_by": report.confirmation.by if report.confirmation else None,
        "steps": [
            {"name": step.name, "state": step.state, "seconds": step.seconds, "because": step.because} for step in summary.steps
        ],
    }
    style = {Outcome.DONE: "bold green", Outcome.INCOMPLETE: "bold yellow"}.get(outcome, "bold red")
    lines: list[str | Text | Table] = [Text(headline(report), style=style), _steps_table(summary)]
    lines += map(stage_bar, summary.stages)
    lines += [f"seen: {line}" for line in summary.seen if line not in summary.noted]
    lines += [Text(f"look at: {note}", style="yellow") for note in summary.noted]
    lines += filter(None, [confirmed(report)])
    lines += [Text(f"look at: {remark}", style="yellow") for remark in report.remarks]
    if report.incident:
        lines.append(f"incident: {report.incident}; `continuity acknowledge {report.incident}` takes it on")
    lines.append(f"next: {next_step(report)}")
    try:
        document["report"] = keep_report(environment, report)
        lines.append(
            f"report: {document['report']} in {environment.vault.url if environment.journal is None else environment.journal.url}"
        )
    except VaultError as error:
        # The run is over; what it came to is on the screen.
        lines.append(Text(f"the report could not be kept: {error.message}", style="yellow"))
    terminal.result(document, lines)
    return EXIT_LOOK if summary.noted and outcome is Outcome.DONE else EXIT_CODES[outcome]


def tell_confirmation(terminal: Terminal, kept: Confirmation, *, by: str) -> int:
    """Tell whose confirmation stands: the first one of a run."""
    document = {"run": kept.run, "confirmed_by": kept.by, "at": kept.at.isoformat(), "because": kept.because}
    before = " already" if kept.by != by.strip() else ""
    terminal.result(document, [f"{kept.run} is{before} confirmed by {kept}"])
    return EXIT_DONE


def _steps_table(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("STEP", "STATE", "SECONDS", ""):
        table.add_column(heading, justify="right" if heading == "SECONDS" else "left")
    for step in summary.steps:
        table.add_row(step.name, step.state, "" if step.seconds is None else f"{step.seconds:.1f}", step.because)
    return table


class Progress:
    """Says each step as it happens, on stderr."""

    WORDS = {  # noqa: RUF012 -- read only
        Phase.AFTER_INTENT: "…",
        Phase.DONE: "✓",
        Phase.FAILED: "✗",
        Phase.UNDONE: "↶",
    }

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __call__(self, step: PlannedStep, phase: Phase) -> None:
        """Say where a step is."""
        if word := self.WORDS.get(phase):
            self._terminal.note(f"{word} {step.name}: {step.target}")


def entry_line(number: int, kind: EntryKind, step: str, at: str, because: str) -> str:
    """Show one entry of a journal in a line."""
    return f"{number:4}  {at}  {kind.value:7} {step}{': ' + because if because else ''}"
