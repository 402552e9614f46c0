"""Brings a recovery point's database back beside the live one, and writes down what was found."""

import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg import sql

from continuity.adapters import privileges, scratch
from continuity.adapters.dumps import find_client_tools, restore
from continuity.adapters.postgres import connect, fetch_value, read_version, translated, with_database
from continuity.adapters.sealing import load_identities, unseal_to
from continuity.domain.catalog import Kind
from continuity.domain.recovery_point import DrillRecord, Manifest
from continuity.domain.verdict import STORED_BYTES, Axis, Finding, Outcome, Severity
from continuity.errors import ContinuityError, DamagedObject, DrillFailed, NotStored
from continuity.settings import Environment
from continuity.steps.places import points_of, vault_of
from continuity.steps.progress import Report, silent
from continuity.steps.restoring_sessions import refuse_full, restoring_settings

logger = logging.getLogger(__name__)

RESTORE_LIMIT_SECONDS = 24 * 3600
GROWTH_EVERY_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class FetchedDump:
    """A verified dump on this machine, in a folder of its own."""

    folder: Path
    archive: Path


@dataclass(frozen=True, kw_only=True)
class RestoredDatabase:
    """A scratch database with a point's contents; `errors` is what the restore could not do."""

    name: str
    seconds: float
    errors: tuple[str, ...]


def fetch_dump(manifest: Manifest, environment: Environment, report: Report = silent) -> FetchedDump:
    """Fetch, verify, decrypt and decompress a point's dump into a folder of its own.

    Running it twice fetches it again into another folder.

    Raises:
        DamagedObject, NotStored: the stored bytes are not the ones that were written.
        DrillFailed: this machine cannot hold the dump.

    """
    work = environment.drill.work_directory
    folder = Path(tempfile.mkdtemp(prefix="continuity-", dir=work))
    archive = folder / "database.dump"
    try:
        with archive.open("wb") as target:
            unseal_to(
                vault_of(environment),
                manifest.dump,
                target,
                identities=load_identities(environment.vault.identity_file),
                report=lambda done: report("fetch", done, manifest.dump.size_bytes),
            )
    except BaseException as error:
        discard_dump(FetchedDump(folder=folder, archive=archive))
        if isinstance(error, OSError):
            raise DrillFailed(
                f"the dump does not fit into {folder.parent}: {error.strerror}", hint="Name another `[drill] work_directory`."
            ) from error
        raise
    return FetchedDump(folder=folder, archive=archive)


def discard_dump(dump: FetchedDump) -> None:
    """Remove a fetched dump. Running it twice is a success."""
    dump.archive.unlink(missing_ok=True)
    if dump.folder.exists():
        dump.folder.rmdir()


def verify_other_objects(manifest: Manifest, environment: Environment) -> Finding:
    """Fetch and verify the objects beside the dump, which a drill does not restore. Changes nothing."""
    others = [stored for stored in manifest.stored if stored is not manifest.dump]
    with Path("/dev/null").open("wb") as nowhere:
        for stored in others:
            try:
                unseal_to(vault_of(environment), stored, nowhere, identities=load_identities(environment.vault.identity_file))
            except (DamagedObject, NotStored) as error:
                return bytes_finding(error)
    return Finding(
        name=STORED_BYTES,
        axis=Axis.FAITHFUL,
        severity=Severity.CRITICAL,
        outcome=Outcome.PASSED,
        detail=f"{len(manifest.stored)} objects, {manifest.stored_bytes} bytes, each with the SHA-256 of the manifest",
    )


def bytes_finding(error: ContinuityError) -> Finding:
    """Return the finding that the stored bytes are not the ones that were written."""
    return Finding(
        name=STORED_BYTES,
        axis=Axis.FAITHFUL,
        severity=Severity.CRITICAL,
        outcome=Outcome.FAILED,
        detail=error.message,
        hint=error.hint,
    )


def restore_database(
    manifest: Manifest, dump: FetchedDump, environment: Environment, now: datetime, report: Report = silent
) -> RestoredDatabase:
    """Restore into a new scratch database, with owners, grants and database properties, and analyze it.

    Running it twice restores into a second scratch database; one whose restore broke off is dropped.

    Raises:
        DatabaseError: the server refused or went away.
        DrillFailed: pg_restore did not end by itself.

    """
    dsn = environment.drill_dsn
    with connect(dsn, "postgres") as connection:
        scratch.drop_abandoned(connection, now=now)
    name = scratch.scratch_name(manifest.id, now=now)
    try:
        return restore_as(name, manifest, dump, environment, dsn=dsn, report=report)
    except KeyboardInterrupt:
        # The server may have made the database before we could hear of it. Its name is random, so it is ours to drop.
        with connect(dsn, "postgres") as connection:
            scratch.drop_scratch(connection, name)
        raise


def restore_as(
    name: str, manifest: Manifest, dump: FetchedDump, environment: Environment, *, dsn: str, report: Report = silent
) -> RestoredDatabase:
    """Restore into a new database of that name, with owners, grants and database properties, and analyze it.

    A restore that breaks off leaves none. Running it twice is refused by the name.

    Raises:
        DatabaseError: the server refused or went away.
        DrillFailed: the server has no room for it, or pg_restore did not end by itself.

    """
    started = time.monotonic()
    with connect(dsn, "postgres") as connection:
        tools = find_client_tools(read_version(connection).major, folder=environment.database.client_binaries)
        if missing := privileges.missing_roles(connection, manifest.roles):
            privileges.create_roles(connection, missing)
        scratch.create_scratch(connection, name, manifest.shape, owner=manifest.owner)
        report("restore", 0, manifest.database_bytes)
        try:
            with _reporting_growth(dsn, name, manifest.database_bytes, report):
                errors = restore(
                    tools,
                    dump.archive,
                    dsn,
                    name,
                    jobs=jobs_for(manifest, environment.database.parallel),
                    timeout_seconds=RESTORE_LIMIT_SECONDS,
                    settings=restoring_settings(connection),
                )
            refuse_full(errors)
            errors += scratch.apply_database_properties(dsn, name, manifest.catalog)
            analyze(with_database(dsn, name))
        except BaseException:
            scratch.drop_database(connection, name)
            raise
    seconds = time.monotonic() - started
    logger.info("restored point=%s database=%s errors=%d seconds=%.1f", manifest.id, name, len(errors), seconds)
    return RestoredDatabase(name=name, seconds=seconds, errors=errors)


@contextmanager
def _reporting_growth(dsn: str, name: str, expected_bytes: int, report: Report) -> Iterator[None]:
    """Report the size of a database while it is restored, against the size that the source had.

    The source may hold dead rows, so the end is reached below the expected size. A size that cannot be read is one log
    line: it is no reason to end a restore.
    """
    over = threading.Event()

    def watch() -> None:
        try:
            with connect(dsn, "postgres") as connection:
                last = False
                while not last:
                    last = over.wait(GROWTH_EVERY_SECONDS)
                    grown = fetch_value(connection, sql.SQL("select pg_database_size({})").format(name))
                    report("restore", int(grown), expected_bytes)
        except ContinuityError as error:
            logger.warning("restore goes on unwatched database=%s because=%s", name, error.message)

    watching = threading.Thread(target=watch, name="growth", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join(GROWTH_EVERY_SECONDS)


def jobs_for(manifest: Manifest, parallel: int) -> int:
    """Return with how many jobs a point is restored.

    With several, pg_restore adds an unchecked constraint of a domain before the rows that break it are loaded, since only
    the domain is its dependency (seen with 15.18). Such a point takes one job.
    """
    unchecked = any(
        entry.kind is Kind.KEY and " on type " in entry.name and entry.properties["valid"] != "true" for entry in manifest.catalog
    )
    return 1 if unchecked else parallel


def analyze(dsn: str) -> None:
    """Give the planner its statistics: before PostgreSQL 18 a restore brings none. Running it twice is harmless."""
    with connect(dsn) as connection, translated("analyze"):
        connection.execute(sql.SQL("set statement_timeout = 0"))
        connection.execute(sql.SQL("analyze"))


def restore_finding(restored: RestoredDatabase) -> Finding:
    """Return the finding of whether PostgreSQL took everything that the dump holds."""
    return Finding(
        name="restore",
        axis=Axis.FAITHFUL,
        severity=Severity.CRITICAL,
        outcome=Outcome.FAILED if restored.errors else Outcome.PASSED,
        detail="; ".join(restored.errors[:5]) if restored.errors else f"no error in {restored.seconds:.0f} s",
    )


def refuse_expired(manifest: Manifest, environment: Environment) -> None:
    """Make sure that the point was there until now: of one that expired while it was read nothing can be said.

    Raises:
        DrillFailed: it has expired.

    """
    if expired := points_of(environment, manifest.application).read_expired(manifest.id):
        raise DrillFailed(
            f"the point expired while it was drilled: {expired}",
            detail="Nothing was recorded: what the drill saw of it says nothing of the backups.",
            hint=f"Drill another: `continuity drill {manifest.application} --point latest`.",
        )


def record_verdict(
    environment: Environment, manifest: Manifest, record: DrillRecord, findings: tuple[Finding, ...], result: str
) -> str:
    """Write the verdict beside the manifest and return its key. Running it twice with the same drill changes nothing."""
    key = points_of(environment, manifest.application).record_drill(record, findings, result)
    logger.info("recorded point=%s verdict=%s checks=%d", manifest.id, record.judgement.value, record.checks)
    return key


def drop_restored(restored: RestoredDatabase, environment: Environment) -> None:
    """Drop the scratch database. Running it twice is a success."""
    with connect(environment.drill_dsn, "postgres") as connection:
        scratch.drop_scratch(connection, restored.name)


def keep_restored(restored: RestoredDatabase, environment: Environment) -> str:
    """Rename the scratch database so that no later drill drops it; return the name. Running it twice is harmless."""
    with connect(environment.drill_dsn, "postgres") as connection:
        return scratch.keep_scratch(connection, restored.name)
