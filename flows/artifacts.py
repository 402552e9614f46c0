"""Reports as Prefect artifacts, in the order in which a person needs them."""

from datetime import UTC, datetime

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from continuity.domain import expiry_reports, reports
from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import PointState
from continuity.domain.verdict import Judgement, Verdict
from continuity.procedures.backup import BackupReport
from continuity.procedures.drill import DrillReport
from continuity.procedures.expiry import ExpiryReport
from continuity.procedures.validation import ValidationReport


def publish_backup(report: BackupReport) -> None:
    """Publish what was stored."""
    manifest = report.manifest
    create_markdown_artifact(
        key=f"{manifest.application}-backup",
        markdown=reports.backup_markdown(manifest, seconds=report.seconds, out_of_line=report.out_of_line),
        description=f"Recovery point {manifest.id}",
    )


def publish_drill(report: DrillReport, points: tuple[PointState, ...]) -> State[None]:
    """Publish a drill's report and findings, and return the state that its run ends in."""
    protection = reports.standing(points, now=datetime.now(UTC))
    manifest = report.manifest
    create_markdown_artifact(
        key=f"{manifest.application}-drill",
        markdown=reports.drill_markdown(manifest, report.verdict, seconds=report.seconds, protection=protection),
        description=reports.headline(report.verdict, subject=manifest.id),
    )
    _publish_findings(f"{manifest.application}-findings", report.verdict)
    return _state(report.verdict, subject=manifest.id)


def publish_validation(application: ApplicationName, report: ValidationReport) -> State[None]:
    """Publish the examination of a live database, and return the state that its run ends in."""
    create_markdown_artifact(
        key=f"{application}-validation",
        markdown=reports.validation_markdown(report.database, report.verdict, seconds=report.seconds),
        description=reports.headline(report.verdict, subject=report.database),
    )
    _publish_findings(f"{application}-live-findings", report.verdict)
    return _state(report.verdict, subject=report.database)


def publish_expiry(application: ApplicationName, report: ExpiryReport) -> State[None]:
    """Publish every decision with its reason, and return the state that its run ends in."""
    line = expiry_reports.expiry_line(report.decisions, carried_out=report.carried_out)
    markdown = expiry_reports.expiry_markdown(report.decisions, carried_out=report.carried_out, remarks=report.remarks)
    create_markdown_artifact(key=f"{application}-expiry", markdown=markdown, description=line)
    rows = [expiry_reports.decision_row(each) for each in report.decisions]
    create_table_artifact(key=f"{application}-retention", table=rows, description=line)
    return Completed(name="Expired" if report.carried_out else "DryRun", message=line)


def _publish_findings(key: str, verdict: Verdict) -> None:
    rows = [reports.finding_row(each, accepted=verdict.accepted) for each in reports.in_order(verdict.findings)]
    create_table_artifact(key=key, table=rows, description=verdict.because)


def _state(verdict: Verdict, *, subject: str) -> State[None]:
    message = reports.headline(verdict, subject=subject)
    if verdict.judgement is Judgement.SOUND:
        return Completed(name="Sound", message=message)
    if verdict.judgement is Judgement.UNHEALTHY:
        return Completed(name="Unhealthy", message=message)
    return Failed(name=verdict.judgement.value.title().replace(" ", ""), message=message)
