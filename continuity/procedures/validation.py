"""Examine a live database by its suites and rules."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from continuity.adapters.postgres import connect, read_identity
from continuity.domain.application import Application
from continuity.domain.recovery_point import DatabaseIdentity, Manifest
from continuity.domain.verdict import Verdict, judge_live
from continuity.procedures.drill import LIST_POINTS, READ_ACCEPTANCES, Validate
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import dsn_of


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """What the examination of a live database came to; `compared_with` is the point that its structure was held against."""

    database: str
    compared_with: Manifest | None
    verdict: Verdict
    seconds: float
    warnings: tuple[str, ...] = ()


def reach_database(dsn: str, database: str) -> DatabaseIdentity:
    """Make sure that the database answers: one that does not is no finding about its data. Changes nothing."""
    with connect(dsn, database) as connection:
        return read_identity(connection)


REACH = Operation(name="reach the live database", run=reach_database, retry=PATIENT)


def validate_live(
    application: Application,
    environment: Environment,
    *,
    database: str = "",
    perform: Perform,
    validate: Validate,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ValidationReport:
    """Judge a live database (the application's own unless another is named). Reads only.

    Raises:
        DatabaseError: the database cannot be reached.

    """
    started = clock()
    validate.prepare()
    points = perform(LIST_POINTS, application, environment).points
    latest = points[0].manifest if points else None
    name = database or application.database.name
    perform(REACH, dsn_of(environment), name)
    validated = perform(
        Operation(name="validate the live database", run=validate.live, retry=PATIENT),
        dsn_of(environment),
        name,
        latest,
        application,
    )
    finished = clock()
    accepted = perform(READ_ACCEPTANCES, application, environment)
    return ValidationReport(
        database=name,
        compared_with=latest,
        verdict=judge_live(validated.findings, acceptances=accepted.acceptances, now=finished),
        seconds=(finished - started).total_seconds(),
        warnings=accepted.warnings,
    )
