"""What backup, drill and validate tell."""

from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from continuity.domain import reports
from continuity.domain.application import Application
from continuity.domain.recovery_point import Manifest
from continuity.procedures.backup import BackupReport
from continuity.procedures.drill import DrillReport
from continuity.procedures.validation import ValidationReport
from continuity.settings import Environment
from continuity.steps.places import points_of
from deployments.console import EXIT_CODES, EXIT_DONE, Terminal, findings_json, verdict_lines


def tell_backup(terminal: Terminal, report: BackupReport, proof: DrillReport | None) -> int:
    """Tell of a backup, and of its proof when there is one."""
    manifest = report.manifest
    seconds = report.seconds + (proof.seconds if proof else 0)
    document = {
        "recovery_point": manifest.id,
        "verdict": proof.verdict.judgement.value if proof else "not proven",
        "bytes": manifest.stored_bytes,
        "seconds": round(seconds, 1),
        "tables": [{"name": each.table, "rows": each.rows, "digest": each.digest} for each in manifest.tables],
        "warnings": [*report.out_of_line, *manifest.warnings],
    }
    lines: list[str | Text | Table] = []
    if proof:
        lines += verdict_lines(proof.verdict, subject=manifest.id)
    else:
        lines.append("stored, not proven yet: run `continuity drill` to prove it")
    lines += _facts(manifest, backup=f"{report.seconds:.1f} s", drill=f"{proof.seconds:.1f} s" if proof else "not run")
    lines += [Text(f"warning: {each}", style="yellow") for each in (*report.out_of_line, *manifest.warnings)]
    lines += [f"not in the point: {each}" for each in manifest.not_included]
    terminal.result(document, lines)
    return EXIT_CODES[proof.verdict.judgement] if proof else EXIT_DONE


def tell_drill(terminal: Terminal, report: DrillReport, application: Application, environment: Environment) -> int:
    """Tell of a drill: the headline, what did not hold, how the application stands, what to do next."""
    manifest, verdict = report.manifest, report.verdict
    document = {
        "recovery_point": manifest.id,
        "verdict": verdict.judgement.value,
        "seconds": round(report.seconds, 1),
        "findings": findings_json(verdict),
        "because": verdict.because,
        "database": report.database,
        "warm": report.warm is not None,
        "warnings": list(report.warnings),
    }
    listing = points_of(environment, application.name).listing()
    protection = reports.standing(listing.points, now=datetime.now(UTC), damaged=len(listing.damaged))
    lines = verdict_lines(verdict, subject=manifest.id)
    lines += [f"backups: {protection}", f"next: {reports.NEXT[verdict.judgement]}"]
    lines += _facts(manifest, chosen=report.chosen_because, drill=f"{report.seconds:.1f} s")
    if report.database:
        what = "closed: a rollback to this point is the swap alone" if report.warm else "drop it yourself when it is not needed"
        lines.append(f"kept: database {report.database}; {what}")
    lines += [Text(f"warning: {each}", style="yellow") for each in report.warnings]
    terminal.result(document, lines)
    return EXIT_CODES[verdict.judgement]


def tell_validation(terminal: Terminal, report: ValidationReport) -> int:
    """Tell of an examination of a live database."""
    point = report.compared_with.id if report.compared_with else ""
    document = {
        "verdict": report.verdict.judgement.value,
        "findings": findings_json(report.verdict),
        "database": report.database,
        "compared_with": point,
        "seconds": round(report.seconds, 1),
        "warnings": list(report.warnings),
    }
    lines = verdict_lines(report.verdict, subject=f"live database {report.database}")
    against = f"compared with {point}" if point else "there is no recovery point to compare with"
    lines.append(f"{against}; nothing was changed ({report.seconds:.1f} s)")
    lines += [Text(f"warning: {each}", style="yellow") for each in report.warnings]
    terminal.result(document, lines)
    return EXIT_CODES[report.verdict.judgement]


def _facts(manifest: Manifest, **more: str) -> list[str]:
    return [f"  {name:15} {value}" for name, value in {**reports.point_facts(manifest), **more}.items()]
