"""Reports as Prefect artifacts, in the order in which a person needs them."""

import logging
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings
from prefect.states import Completed, Failed

from continuity.domain import expiry_reports, reports
from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import PointState
from continuity.domain.verdict import Judgement, Verdict
from continuity.procedures.backup import BackupReport
from continuity.procedures.drill import DrillReport
from continuity.procedures.expiry import ExpiryReport
from continuity.procedures.validation import ValidationReport
from flows.publishing import publish

logger = logging.getLogger(__name__)


def publish_backup(report: BackupReport) -> State[None]:
    """Publish what was stored, and return the state in which its run ends unless a drill follows."""
    manifest = report.manifest
    _publish_report(
        f"{manifest.application}-backup",
        reports.backup_markdown(manifest, seconds=report.seconds, out_of_line=report.out_of_line),
        description=f"stored: {manifest.id}",
    )
    return Completed(name="Stored", message=f"stored, not proven yet: {manifest.id}")


def publish_drill(report: DrillReport, points: tuple[PointState, ...]) -> State[None]:
    """Publish a drill's report and findings, and return the state that its run ends in."""
    protection = reports.standing(points, now=datetime.now(UTC))
    manifest = report.manifest
    findings = _publish_findings(f"{manifest.application}-findings", report.verdict)
    _publish_report(
        f"{manifest.application}-drill",
        reports.drill_markdown(
            manifest,
            report.verdict,
            seconds=report.seconds,
            protection=protection,
            all_findings=findings,
            warnings=report.warnings,
        ),
        description=reports.headline(report.verdict, subject=manifest.id),
    )
    return _state(report.verdict, subject=manifest.id)


def publish_validation(application: ApplicationName, report: ValidationReport) -> State[None]:
    """Publish the examination of a live database, and return the state that its run ends in."""
    findings = _publish_findings(f"{application}-live-findings", report.verdict)
    _publish_report(
        f"{application}-validation",
        reports.validation_markdown(
            application,
            report.database,
            report.verdict,
            seconds=report.seconds,
            all_findings=findings,
            warnings=report.warnings,
        ),
        description=reports.headline(report.verdict, subject=report.database),
    )
    return _state(report.verdict, subject=report.database)


def publish_expiry(application: ApplicationName, report: ExpiryReport) -> State[None]:
    """Publish every decision with its reason, and return the state that its run ends in."""
    line = expiry_reports.expiry_line(report.decisions, carried_out=report.carried_out)
    rows = [expiry_reports.decision_row(each) for each in report.decisions]
    publish(
        f"{application}-retention", partial(create_table_artifact, key=f"{application}-retention", table=rows, description=line)
    )
    _publish_report(
        f"{application}-expiry",
        expiry_reports.expiry_markdown(report.decisions, carried_out=report.carried_out, remarks=report.remarks),
        description=line,
    )
    return Completed(name="Expired" if report.carried_out else "DryRun", message=line)


def _publish_report(key: str, markdown: str, *, description: str) -> None:
    artifact = publish(key, partial(create_markdown_artifact, key=key, markdown=markdown, description=description))
    if isinstance(artifact, UUID):
        logger.info("%s; report: %s/artifacts/artifact/%s", description, get_current_settings().ui_url, artifact)


def _publish_findings(key: str, verdict: Verdict) -> str:
    """Publish all findings, and return the link to them from another artifact's page ("" where Prefect did not take them)."""
    rows = [reports.finding_row(each, accepted=verdict.accepted) for each in reports.in_order(verdict.findings)]
    artifact = publish(key, partial(create_table_artifact, key=key, table=rows, description=verdict.because))
    return str(artifact) if isinstance(artifact, UUID) else ""


def _state(verdict: Verdict, *, subject: str) -> State[None]:
    message = reports.headline(verdict, subject=subject)
    if verdict.judgement is Judgement.SOUND:
        return Completed(name="Sound", message=message)
    if verdict.judgement is Judgement.UNHEALTHY:
        return Completed(name="Unhealthy", message=message)
    return Failed(name=verdict.judgement.value.title().replace(" ", ""), message=message)
