"""Prove a recovery point by restoring it beside the live database and judging the result."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from continuity.adapters.points import Listing
from continuity.domain.application import Application
from continuity.domain.checks import refuse_unless_passed
from continuity.domain.choice import choose_for_drill
from continuity.domain.recovery_point import DrillRecord, Manifest
from continuity.domain.verdict import Acceptance, Finding, Trouble, Verdict, judge
from continuity.errors import DamagedObject, DatabaseError, DrillFailed, NotStored
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import points_of
from continuity.steps.preconditions.drill import check_drill
from continuity.steps.progress import Report, silent
from continuity.steps.restoring import (
    bytes_finding,
    discard_dump,
    drop_restored,
    fetch_dump,
    keep_restored,
    record_verdict,
    refuse_expired,
    restore_database,
    restore_finding,
    verify_other_objects,
)


@dataclass(frozen=True, kw_only=True)
class Validated:
    """Findings, with Great Expectations' own result as JSON ("" where there is none)."""

    findings: tuple[Finding, ...]
    result: str


class Validate(Protocol):
    """Judges a database by its suites. `prepare` starts loading what takes seconds, while something else runs."""

    def prepare(self) -> None:
        """Start loading what takes seconds; returns at once."""

    def restored(self, dsn: str, database: str, manifest: Manifest, application: Application) -> Validated:
        """Compare a restored database with its point, and apply the application's rules."""

    def live(self, dsn: str, database: str, manifest: Manifest | None, application: Application) -> Validated:
        """Examine a live database; `manifest` is its latest point, where there is one."""


@dataclass(frozen=True, kw_only=True)
class DrillReport:
    """What a drill came to. `database` is the kept scratch database, or "" when it was dropped."""

    manifest: Manifest
    chosen_because: str
    verdict: Verdict
    seconds: float
    database: str = ""
    warnings: tuple[str, ...] = ()


def drill_point(
    application: Application,
    environment: Environment,
    *,
    wanted: str,
    perform: Perform,
    validate: Validate,
    keep: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    report: Report = silent,
) -> DrillReport:
    """Restore a point into a scratch database, judge it, and write the verdict beside its manifest.

    Raises:
        ConfigurationRefused: there is no such point.
        UnsafeOperation: preconditions do not hold; all of them are named.
        DrillFailed, DatabaseError: the drill's own machine failed, or the point expired meanwhile; nothing is recorded
            against the point.

    """
    started = clock()
    listing = perform(LIST_POINTS, application, environment)
    chosen = choose_for_drill(listing.points, wanted, pick=random.choice)
    manifest = chosen.point.manifest
    checks = perform(CHECK, manifest, environment)
    warnings = refuse_unless_passed(checks, what=f"the drill of {manifest.id}")
    validate.prepare()
    with _machine_named(manifest):
        findings, result, database = _examine(application, environment, manifest, perform, validate, keep, clock, report)
    perform(REFUSE_EXPIRED, manifest, environment)
    finished = clock()
    acceptances = perform(READ_ACCEPTANCES, application, environment)
    verdict = judge(findings, acceptances=acceptances, now=finished)
    record = _record(manifest, verdict, finished, (finished - started).total_seconds())
    perform(RECORD, environment, manifest, record, verdict.findings, result)
    return DrillReport(
        manifest=manifest,
        chosen_because=chosen.because,
        verdict=verdict,
        seconds=(finished - started).total_seconds(),
        database=database,
        warnings=warnings,
    )


@contextmanager
def _machine_named(manifest: Manifest) -> Iterator[None]:
    """Say of a failure of the drill's own machine that it is one: it must not be read as a verdict on the point."""
    try:
        yield
    except (DatabaseError, DrillFailed) as error:
        raise DrillFailed(
            f"{Trouble.MACHINE}: {error.message}",
            detail="\n".join(
                filter(None, (error.detail, f"Nothing was recorded against {manifest.id}; its bytes were not judged."))
            ),
            hint=error.hint or "Mend the drill's server or this machine, then run the drill again.",
        ) from error


def _examine(
    application: Application,
    environment: Environment,
    manifest: Manifest,
    perform: Perform,
    validate: Validate,
    keep: bool,  # noqa: FBT001
    clock: Callable[[], datetime],
    report: Report,
) -> tuple[tuple[Finding, ...], str, str]:
    try:
        dump = perform(FETCH, manifest, environment, report)
    except (DamagedObject, NotStored) as error:
        return (bytes_finding(error),), "", ""
    try:
        stored_bytes = perform(VERIFY_OTHERS, manifest, environment)
        restored = perform(RESTORE, manifest, dump, environment, clock(), report)
    finally:
        discard_dump(dump)
    kept = ""
    try:
        validated = perform(
            Operation(name="validate the restored database", run=validate.restored, tags=("observe",)),
            environment.drill_dsn,
            restored.name,
            manifest,
            application,
        )
        if keep:
            kept = perform(KEEP, restored, environment)
    finally:
        if not kept:
            perform(DROP, restored, environment)
    findings = (stored_bytes, restore_finding(restored), *validated.findings)
    return findings, validated.result, kept


def _record(manifest: Manifest, verdict: Verdict, finished: datetime, seconds: float) -> DrillRecord:
    return DrillRecord(
        point=manifest.id,
        finished=finished.astimezone(UTC),
        judgement=verdict.judgement,
        trouble=verdict.trouble or Trouble.NONE,
        because=verdict.because,
        seconds=round(seconds),
        checks=len(verdict.findings),
        dump_sha256=manifest.dump.sha256,
    )


def list_points(application: Application, environment: Environment) -> Listing:
    """List the application's points. Changes nothing."""
    return points_of(environment, application.name).listing()


def read_acceptances(application: Application, environment: Environment) -> tuple[Acceptance, ...]:
    """Read what people have accepted. Changes nothing."""
    return points_of(environment, application.name).acceptances()


LIST_POINTS = Operation(name="list the recovery points", run=list_points, retry=PATIENT, tags=("observe",))
CHECK = Operation(name="check what the drill needs", run=check_drill, tags=("observe",))
FETCH = Operation(name="fetch and verify the dump", run=fetch_dump, retry=PATIENT, tags=("observe",))
VERIFY_OTHERS = Operation(name="verify the other objects", run=verify_other_objects, retry=PATIENT, tags=("observe",))
RESTORE = Operation(name="restore beside the live database", run=restore_database, retry=PATIENT, tags=("act",))
REFUSE_EXPIRED = Operation(name="see that the point is still there", run=refuse_expired, retry=PATIENT, tags=("observe",))
READ_ACCEPTANCES = Operation(name="read acceptances", run=read_acceptances, retry=PATIENT, tags=("observe",))
RECORD = Operation(name="record the verdict", run=record_verdict, retry=PATIENT, tags=("act",))
KEEP = Operation(name="keep the scratch database", run=keep_restored, retry=PATIENT, tags=("act",))
DROP = Operation(name="drop the scratch database", run=drop_restored, retry=PATIENT, tags=("act",))
