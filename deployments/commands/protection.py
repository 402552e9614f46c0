"""Backup, drill, validation, the list of points and the status."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.domain.application import Application
    from continuity.settings import Environment
    from deployments.console import Terminal


def backup(application: str, *, drill: bool = True, where: Where = HERE) -> int:
    """Make a recovery point, and prove it by a restore unless --no-drill."""
    from continuity.procedures.backup import take_backup
    from continuity.procedures.pinging import Job, pinging
    from continuity.steps.operation import perform_plainly
    from deployments.telling import protection as telling

    terminal, (protected, environment) = where.terminal(), where.load(application)
    with pinging(protected, environment, Job.BACKUP) as told:
        report = take_backup(protected, environment, created=datetime.now(UTC), perform=perform_plainly, report=terminal.progress)
        told.said = f"stored: {report.manifest.id}"
        proof = _drill(terminal, protected, environment, point=report.manifest.id, keep=False) if drill else None
        if proof:
            told.judged(proof.verdict, subject=report.manifest.id)
    return telling.tell_backup(terminal, report, proof)


def drill(application: str, *, point: str = "latest", keep: bool = False, where: Where = HERE) -> int:
    """Restore a point (an id, latest, oldest, random or due) into a scratch database and judge it."""
    from continuity.procedures.pinging import Job, pinging
    from deployments.telling import protection as telling

    terminal, (protected, environment) = where.terminal(), where.load(application)
    with pinging(protected, environment, Job.DRILL) as told:
        report = _drill(terminal, protected, environment, point=point, keep=keep)
        told.judged(report.verdict, subject=report.manifest.id)
    return telling.tell_drill(terminal, report, protected, environment)


def _drill(terminal: "Terminal", protected: "Application", environment: "Environment", *, point: str, keep: bool):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from continuity.procedures.drill import drill_point
    from continuity.steps.operation import perform_plainly
    from expectations.validator import Validator

    with Validator(parallel=environment.database.parallel) as validate:
        return drill_point(
            protected,
            environment,
            wanted=point,
            keep=keep,
            perform=perform_plainly,
            validate=validate,
            report=terminal.progress,
        )


def validate(application: str, *, database: str = "", where: Where = HERE) -> int:
    """Judge a live database by its suites and rules. Reads only."""
    from continuity.procedures.pinging import Job, pinging
    from continuity.procedures.validation import validate_live
    from continuity.steps.operation import perform_plainly
    from deployments.telling import protection as telling
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), where.load(application)
    with (
        pinging(protected, environment, Job.VALIDATION) as told,
        Validator(parallel=environment.database.parallel) as validator,
    ):
        report = validate_live(protected, environment, database=database, perform=perform_plainly, validate=validator)
        told.judged(report.verdict, subject=report.database)
    return telling.tell_validation(terminal, report)


def points(application: str, *, where: Where = HERE) -> int:
    """List the recovery points, newest first, with their verdicts."""
    from deployments.telling.status import tell_points

    terminal, (protected, environment) = where.terminal(), where.load(application)
    return tell_points(terminal, protected, environment)


def status(
    application: str,
    *,
    page: Annotated[Path | None, Parameter(help="Write the status page there too: .html, one file, or .md.")] = None,
    where: Where = HERE,
) -> int:
    """Tell the age of the last proven point, the objectives, and what needs a look."""
    from deployments.telling.status import tell_status

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if page:
        from continuity.adapters.pages.files import write_page
        from continuity.procedures.overview import read_status_page

        write_page(read_status_page(protected, environment, now=datetime.now(UTC)), page)
        terminal.note(f"written: {page}")
    return tell_status(terminal, protected, environment)
