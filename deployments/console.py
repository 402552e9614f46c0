"""What a terminal shows: results on stdout, progress and errors on stderr, colours only where somebody looks."""

import json
import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from getpass import getpass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from continuity.domain import reports
from continuity.domain.recovery_point import PointState
from continuity.domain.verdict import Judgement, Outcome, Verdict
from continuity.errors import ContinuityError

EXIT_DONE, EXIT_FAILED, EXIT_LOOK = 0, 1, 4
EXIT_CODES = {
    Judgement.SOUND: EXIT_DONE,
    Judgement.UNHEALTHY: EXIT_LOOK,
    Judgement.UNFAITHFUL: EXIT_FAILED,
    Judgement.NOT_PROVEN: EXIT_FAILED,
}
_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.NOT_PROVEN: "bold yellow"}
PROGRESS_EVERY_SECONDS = 5.0
PIPED_COLUMNS = 160


class Terminal:
    """Where a command's words go. With `as_json`, stdout carries one JSON document and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # Piped, a table would be cut to 80 columns; a file takes any width.
        self.out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED_COLUMNS)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._said = 0.0
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")

    def result(self, document: dict[str, Any], lines: Sequence[str | Text | Table] = ()) -> None:
        """Show a result: the document with `--json`, else the lines."""
        if self.as_json:
            self.out.print(json.dumps(document, ensure_ascii=False), markup=False, soft_wrap=True)
            return
        for line in lines:
            self.out.print(line, markup=False) if isinstance(line, str) else self.out.print(line)

    def note(self, text: str) -> None:
        """Say what is going on, apart from the result."""
        self.err.print(text, markup=False, style="dim")

    def alarm(self, text: str) -> None:
        """Say what cannot wait for the result."""
        self.err.print(Text(text, style="bold red"))

    def progress(self, what: str, done_bytes: int, expected_bytes: int) -> None:
        """Say how far something is, every few seconds; an estimate of the whole is marked as one."""
        now = time.monotonic()
        if now - self._said < PROGRESS_EVERY_SECONDS:
            return
        if self._said == 0:
            self._said = now
            return
        self._said = now
        share = f" of about {reports.size(expected_bytes)}" if expected_bytes else ""
        self.note(f"{what}: {reports.size(done_bytes)}{share}")

    def ask_secret(self, what: str) -> str:
        """Ask for a secret at the terminal; where nobody sits there, the answer is empty."""
        return getpass(f"{what}: ") if sys.stdin.isatty() else ""

    def error(self, error: ContinuityError) -> int:
        """Show an error (what happened, what was changed, what to do next) and return its exit code."""
        if self.as_json:
            document = {
                "error": error.message,
                "detail": error.detail,
                "hint": error.hint,
                "exit_code": error.exit_code,
            }
            self.out.print(json.dumps(document, ensure_ascii=False), markup=False, soft_wrap=True)
        self.err.print(Text.assemble(("error: ", "bold red"), error.message))
        for text in (error.detail, error.hint and f"Next: {error.hint}"):
            if text:
                self.err.print(text, markup=False)
        return error.exit_code


def verdict_lines(verdict: Verdict, *, subject: str) -> list[str | Text | Table]:
    """Return a verdict as a person reads it: the headline, then what did not hold, then how much was looked at."""
    style = {Judgement.SOUND: "bold green", Judgement.UNHEALTHY: "bold yellow"}.get(verdict.judgement, "bold red")
    lines: list[str | Text | Table] = [Text(reports.headline(verdict, subject=subject), style=style)]
    wrong = [finding for finding in reports.in_order(verdict.findings) if not finding.passed]
    for finding in wrong:
        row = reports.finding_row(finding, accepted=verdict.accepted)
        lines.append(Text.assemble("  ✗ ", (row["finding"], _STYLES[finding.outcome]), f": {row['result']}: {row['detail']}"))
    held = len(verdict.findings) - len(wrong)
    lines.append(f"  ✓ {held} of {len(verdict.findings)} checks held")
    return lines


def findings_json(verdict: Verdict) -> list[dict[str, Any]]:
    """Return findings in the form that the command line promises."""
    return [
        {
            "name": finding.name,
            "severity": finding.severity.value,
            "passed": finding.passed,
            "detail": finding.detail,
            "outcome": finding.outcome.value,
            "axis": finding.axis.value,
            "accepted": finding.name in verdict.accepted,
        }
        for finding in reports.in_order(verdict.findings)
    ]


def points_table(points: Sequence[PointState]) -> Table:
    """Return a listing of points, newest first."""
    table = Table(box=None, pad_edge=False)
    for heading in ("RECOVERY POINT", "AGE", "SIZE", "ROWS", "VERDICT", "DRILLED"):
        table.add_column(heading, justify="right" if heading in {"AGE", "SIZE", "ROWS"} else "left", no_wrap=True)
    now = datetime.now(UTC)
    for state in points:
        drilled = f"{state.last_drill.finished:%Y-%m-%d %H:%M} UTC" if state.last_drill else "never"
        table.add_row(
            state.manifest.id,
            reports.duration(now - state.manifest.created),
            reports.size(state.manifest.stored_bytes),
            f"{sum(each.rows for each in state.manifest.tables):,}",
            f"{state.verdict}, pinned" if state.pinned else state.verdict,
            drilled,
        )
    return table
