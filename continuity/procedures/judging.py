"""Judges a restored or live database by the suites that are handed in, as a step of a run does."""

import logging
from datetime import UTC, datetime

from continuity.domain.application import Application
from continuity.domain.recovery_point import Manifest
from continuity.domain.verdict import Acceptance, Verdict, judge, judge_live
from continuity.procedures.drill import Validate, read_acceptances
from continuity.settings import Environment
from continuity.steps.live import JudgeLive
from continuity.steps.shadow import Judge

logger = logging.getLogger(__name__)


def judge_by(validate: Validate, environment: Environment) -> Judge:
    """Return a judge that runs the suites and applies what people have accepted."""

    def judge_restored(dsn: str, database: str, manifest: Manifest, application: Application) -> Verdict:
        findings = validate.restored(dsn, database, manifest, application).findings
        return judge(findings, acceptances=_in_force(application, environment), now=datetime.now(UTC))

    return judge_restored


def judge_live_by(validate: Validate, environment: Environment) -> JudgeLive:
    """Return a judge of the live database that runs the suites and applies what people have accepted."""

    def judge_database(dsn: str, database: str, manifest: Manifest, application: Application) -> Verdict:
        findings = validate.live(dsn, database, manifest, application).findings
        return judge_live(findings, acceptances=_in_force(application, environment), now=datetime.now(UTC))

    return judge_database


def _in_force(application: Application, environment: Environment) -> tuple[Acceptance, ...]:
    accepted = read_acceptances(application, environment)
    for each in accepted.warnings:
        logger.warning("%s", each)
    return accepted.acceptances
