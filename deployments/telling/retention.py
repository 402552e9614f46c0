"""What expire tells."""

from rich.table import Table
from rich.text import Text

from continuity.domain.application import Application
from continuity.domain.expiry_reports import expiry_line
from continuity.procedures.expiry import ExpiryReport
from deployments.console import EXIT_DONE, EXIT_LOOK, Terminal


def tell_expiry(terminal: Terminal, report: ExpiryReport, application: Application, *, allowed_many: bool) -> int:
    """Tell each decision with its reason, and last how it is carried out, ready to paste."""
    document = {
        "carried_out": report.carried_out,
        "decisions": [
            {"id": each.point, "keep": each.keep, "because": each.because, "bytes": each.state.manifest.stored_bytes}
            for each in report.decisions
        ],
        "spared": [{"id": point, "because": why} for point, why in report.spared],
        "finished" if report.carried_out else "unfinished": list(report.unfinished),
        "unknown": list(report.unknown),
        "too_many": report.too_many,
        "warm": list(report.warm),
    }
    table = Table(box=None, pad_edge=False)
    for heading in ("RECOVERY POINT", "", "BECAUSE"):
        table.add_column(heading, no_wrap=heading != "BECAUSE")
    for each in report.decisions:
        table.add_row(Text(each.point), Text("stays" if each.keep else "goes", style="" if each.keep else "yellow"), each.because)
    lines: list[str | Text | Table] = [expiry_line(report.decisions, carried_out=report.carried_out), table]
    lines += [Text(remark, style="yellow") for remark in report.remarks]
    if not report.carried_out:
        lines.append(_next(report, application, allow_many=bool(report.too_many) or allowed_many))
    terminal.result(document, lines)
    return EXIT_LOOK if report.spared or report.unknown else EXIT_DONE


def _next(report: ExpiryReport, application: Application, *, allow_many: bool) -> str:
    if not report.going and not report.unfinished:
        return "nothing to carry out"
    return f"nothing was changed; to carry it out: continuity expire {application.name} --yes" + " --allow-many" * allow_many
