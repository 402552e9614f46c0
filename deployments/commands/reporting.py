"""What people read afterwards: the report of an incident, and reviews."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from continuity.domain.records import ReviewKind
from deployments.commands.where import HERE, Where

Output = Annotated[Path | None, Parameter(help="Write it there, as the name says: .html, one file for a browser, or .md.")]


def report(incident: str, *, output: Output = None, where: Where = HERE) -> int:
    """Show the report of an incident, as the system has written it so far; that of one which is over is kept in the vault."""
    from continuity.procedures.incident_report import read_incident_report
    from deployments.telling.reporting import tell_incident_report

    terminal, environment = where.terminal(), where.load_environment()
    written = read_incident_report(environment, incident, now=datetime.now(UTC))
    return tell_incident_report(terminal, written, environment, output)


def review(
    application: str,
    *,
    kind: Annotated[ReviewKind, Parameter(help="Of the risks, of all that is not covered, or of what it is worth.")],
    draft: Annotated[bool, Parameter(negative="", help="Show it and record nothing: the next one compares as before.")] = False,
    output: Output = None,
    where: Where = HERE,
) -> int:
    """Hold a review: what has changed since the last one of its kind, what is open, what is not covered."""
    from continuity.procedures.review import read_review
    from deployments.telling.reporting import tell_review

    terminal, (protected, environment) = where.terminal(), where.load(application)
    held = read_review(protected, environment, kind, now=datetime.now(UTC))
    return tell_review(terminal, held, environment, output, draft=draft)
