"""Prove a recovery point by restoring it beside the live database and judging the result."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from continuity.adapters.points import Accepted, Listing
from continuity.domain.application import Application
from continuity.domain.checks import refuse_unless_passed
from continuity.domain.choice import choose_for_drill
from continuity.domain.recovery_point import DrillRecord, KeptDatabase, Manifest, PointState
from continuity.domain.verdict import Finding, Trouble, Verdict, judge
from continuity.errors import ContinuityError, DamagedObject, DatabaseError, DrillFailed, NotStored, UnsafeOperation
from continuity.procedures.records import keep_drill
from continuity.procedures.warm import drop_older_warm
from continuity.settings import Environment
from continuity.steps.agreement import compare_with_map
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import points_of
from continuity.steps.preconditions.drill import check_drill
from continuity.steps.progress import Report, silent
from continuity.steps.restoring import (
    RestoredDatabase,
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
from continuity.steps.warm import close_kept


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
    """What a drill came to. `database` is the kept scratch database, or "" when it was dropped; `warm` is it, if closed."""

    manifest: Manifest
    chosen_because: str
    verdict: Verdict
    seconds: float
    database: str = ""
    warm: KeptDatabase | None = None
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

    With `keep` its database stays; where that is on the protected server and proven, it is closed, as a warm point, and
    older warm points of the application are dropped. `[drill] keep` asks for a warm point of the newest usable point alone.

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
    accepted = perform(READ_ACCEPTANCES, application, environment)
    warnings += accepted.warnings
    warm = environment.drill.keep and _newest(chosen.point, listing)

    def decide(findings: tuple[Finding, ...]) -> Verdict:
        return judge(findings, acceptances=accepted.acceptances, now=clock())

    with _machine_named(manifest):
        examined = _examine(
            application, environment, manifest, perform, validate, report, keep=keep, warm=warm, decide=decide, clock=clock
        )
    try:
        perform(REFUSE_EXPIRED, manifest, environment)
    except ContinuityError:
        if examined.database:
            perform(DROP, RestoredDatabase(name=examined.database, seconds=0, errors=()), environment)
        raise
    finished, verdict = clock(), examined.verdict
    seconds = (finished - started).total_seconds()
    record = _record(manifest, examined, finished, seconds)
    perform(RECORD, environment, manifest, record, verdict.findings, examined.result)
    warnings += tuple(filter(None, [keep_drill(environment, manifest, record)]))
    if examined.warm:
        warnings += perform(DROP_OLDER_WARM, application, environment, listing, examined.warm, finished)
    return DrillReport(
        manifest=manifest,
        chosen_because=chosen.because,
        verdict=verdict,
        seconds=seconds,
        database=examined.database,
        warm=examined.warm,
        warnings=warnings + examined.warnings,
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


@dataclass(frozen=True, kw_only=True)
class _Examined:
    verdict: Verdict
    result: str = ""
    database: str = ""
    warm: KeptDatabase | None = None
    warnings: tuple[str, ...] = ()
    restore_seconds: float | None = None
    judge_seconds: float | None = None


def _examine(  # noqa: PLR0913 -- everything that a drill is about
    application: Application,
    environment: Environment,
    manifest: Manifest,
    perform: Perform,
    validate: Validate,
    report: Report,
    *,
    keep: bool,
    warm: bool,
    decide: Callable[[tuple[Finding, ...]], Verdict],
    clock: Callable[[], datetime],
) -> _Examined:
    began = clock()
    try:
        dump = perform(FETCH, manifest, environment, report)
    except (DamagedObject, NotStored) as error:
        return _Examined(verdict=decide((bytes_finding(error),)))
    try:
        stored_bytes = perform(VERIFY_OTHERS, manifest, environment)
        restored = perform(RESTORE, manifest, dump, environment, began, report)
    finally:
        discard_dump(dump)
    examined: _Examined | None = None
    there = clock()
    try:
        validated = perform(
            Operation(name="validate the restored database", run=validate.restored),
            environment.drill_dsn,
            restored.name,
            manifest,
            application,
        )
        described = application.media is not None and application.media.references
        media = perform(COMPARE_MEDIA, application, environment, manifest, restored.name) if described else ()
        judged = _Examined(
            verdict=decide((stored_bytes, restore_finding(restored), *validated.findings, *media)),
            result=validated.result,
            restore_seconds=(there - began).total_seconds(),
            judge_seconds=(clock() - there).total_seconds(),
        )
        examined = _keep(restored, environment, perform, judged, keep=keep, warm=warm)
    finally:
        if examined is None or not examined.database:
            perform(DROP, restored, environment)
    return examined


def _newest(drilled: PointState, listing: Listing) -> bool:
    """Whether a rollback by rule would go back to this point, once it is proven: a drill of an older one must not cool it."""
    created = drilled.manifest.created
    return drilled.distrusted is None and not any(each.usable and each.manifest.created > created for each in listing.points)


def _keep(
    restored: RestoredDatabase, environment: Environment, perform: Perform, examined: _Examined, *, keep: bool, warm: bool
) -> _Examined:
    """Keep the database where a person asks for it, or as a warm point where the environment does and it is proven."""
    proven = examined.verdict.proven
    if not (keep or (warm and proven)):
        return examined
    kept = replace(examined, database=perform(KEEP, restored, environment))
    if not proven:
        return kept
    try:
        closed = perform(CLOSE, kept.database, environment)
        why = "" if closed else "drills do not run on the protected server (`[drill] dsn`)"
    except (UnsafeOperation, DatabaseError) as error:
        # The proof was before, and stands: it is only that nothing can be swapped in.
        closed, why = None, error.message
    warnings = (f"no warm point was kept: {why}",) if why else ()
    if closed or keep:
        return replace(kept, warm=closed, warnings=warnings)
    perform(DROP, replace(restored, name=kept.database), environment)
    return replace(examined, warnings=warnings)


def _record(manifest: Manifest, examined: _Examined, finished: datetime, seconds: float) -> DrillRecord:
    verdict = examined.verdict
    return DrillRecord(
        point=manifest.id,
        finished=finished.astimezone(UTC),
        judgement=verdict.judgement,
        trouble=verdict.trouble or Trouble.NONE,
        because=verdict.because,
        seconds=round(seconds),
        checks=len(verdict.findings),
        dump_sha256=manifest.dump.sha256,
        kept=examined.warm,
        restore_seconds=examined.restore_seconds,
        judge_seconds=examined.judge_seconds,
    )


def list_points(application: Application, environment: Environment) -> Listing:
    """List the application's points. Changes nothing."""
    return points_of(environment, application.name).listing()


def read_acceptances(application: Application, environment: Environment) -> Accepted:
    """Read what people have accepted. Changes nothing."""
    return points_of(environment, application.name).acceptances()


LIST_POINTS = Operation(name="list the recovery points", run=list_points, retry=PATIENT)
CHECK = Operation(name="check what the drill needs", run=check_drill)
FETCH = Operation(name="fetch and verify the dump", run=fetch_dump, retry=PATIENT)
VERIFY_OTHERS = Operation(name="verify the other objects", run=verify_other_objects, retry=PATIENT)
RESTORE = Operation(name="restore beside the live database", run=restore_database, retry=PATIENT)
COMPARE_MEDIA = Operation(name="compare database and media", run=compare_with_map, retry=PATIENT)
REFUSE_EXPIRED = Operation(name="see that the point is still there", run=refuse_expired, retry=PATIENT)
READ_ACCEPTANCES = Operation(name="read acceptances", run=read_acceptances, retry=PATIENT)
RECORD = Operation(name="record the verdict", run=record_verdict, retry=PATIENT)
CLOSE = Operation(name="close the kept database", run=close_kept, retry=PATIENT)
DROP_OLDER_WARM = Operation(name="drop older warm databases", run=drop_older_warm)
KEEP = Operation(name="keep the scratch database", run=keep_restored, retry=PATIENT)
DROP = Operation(name="drop the scratch database", run=drop_restored, retry=PATIENT)
