"""What the report of an incident and a review tell: as a file, as Markdown on the terminal, or as JSON."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from continuity.adapters.pages.files import write_page
from continuity.domain.incident_page import incident_page
from continuity.domain.incident_report import IncidentReport
from continuity.domain.page import Page, Tone
from continuity.domain.page_markdown import page_markdown
from continuity.domain.review import HeldReview
from continuity.domain.review_page import review_page
from continuity.procedures.incident_report import keep_incident_report
from continuity.procedures.review import keep_review
from continuity.settings import Environment
from deployments.console import EXIT_DONE, EXIT_LOOK, Terminal


def tell_incident_report(terminal: Terminal, report: IncidentReport, environment: Environment, output: Path | None) -> int:
    """Tell the report of an incident, and keep it where the incident is over."""
    incident, page = report.incident, incident_page(report)
    lines = _shown(page, output)
    kept = keep_incident_report(environment, report) if incident.resolved else ""
    document = {
        "incident": incident.id,
        "title": incident.opened.title,
        "level": incident.level.value,
        "state": incident.state.value,
        "began": incident.opened.began.isoformat(),
        "ended": incident.resolved.ended.isoformat() if incident.resolved else None,
        "seconds": report.lasted.total_seconds(),
        "not_served_seconds": report.not_served_seconds,
        "rows_lost": report.rows_lost,
        "root_cause": incident.assessed.root_cause,
        "milestones": {str(name): at.isoformat() for name, at in report.milestones},
        "timeline": [{"at": line.at.isoformat(), "by": line.by, "what": line.text} for line in report.timeline],
        "follow_ups": [
            {
                "name": each.follow_up.name,
                "what": each.follow_up.what,
                "owner": each.follow_up.owner,
                "due": each.follow_up.due.isoformat(),
                "done": each.done is not None,
            }
            for each in incident.follow_ups
        ],
        "unreadable": [each.key for each in report.unreadable],
        "output": str(output) if output else None,
        "kept": kept or None,
    }
    if kept:
        lines.append(f"kept in the vault: {kept}")
    terminal.result(document, lines)
    return EXIT_LOOK if report.unreadable else EXIT_DONE


def tell_review(terminal: Terminal, review: HeldReview, environment: Environment, output: Path | None, *, draft: bool) -> int:
    """Tell a review, and record it unless it is a draft."""
    page, record = review_page(review), review.record
    lines = _shown(page, output)
    kept = "" if draft else keep_review(environment, review)
    document = {
        "kind": review.kind.value,
        "since": review.since.isoformat(),
        "until": review.until.isoformat(),
        "changes": [each.text for each in review.changes],
        "measures": dict(record.measures),
        "open_follow_ups": list(record.open_follow_ups),
        "unprotected": list(record.unprotected),
        "drills": {"done": len(review.drills), "proven": sum(each.proven for each in review.drills)},
        "output": str(output) if output else None,
        "kept": kept or None,
    }
    lines.append(f"recorded; kept in the vault: {kept}" if kept else "a draft: nothing was recorded")
    terminal.result(document, lines)
    return EXIT_DONE if page.lead.tone is Tone.GOOD else EXIT_LOOK


def _shown(page: Page, output: Path | None) -> list[str | Text | Table]:
    """Write a page where it is asked for, else return it as Markdown."""
    if output is None:
        return [page_markdown(page)]
    write_page(page, output)
    return [page.lead.text, f"written: {output}"]
