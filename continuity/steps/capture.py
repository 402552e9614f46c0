"""Takes everything that a recovery point holds: dump, digests, catalog, roles, media versions, under one snapshot."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC

from psycopg import sql

from continuity.adapters import catalog, dumps
from continuity.adapters.activity import read_activity
from continuity.adapters.fingerprints import SETTINGS, Unmeasured, digest_method, read_fingerprints, read_large_objects
from continuity.adapters.postgres import Connection, connect, fetch_value, read_identity, read_shape, translated
from continuity.adapters.query_times import measure_queries
from continuity.adapters.scans import Scans
from continuity.adapters.sealing import parse_recipients, seal_into
from continuity.domain.activity import TableActivity
from continuity.domain.application import Application
from continuity.domain.catalog import VALID_INDEX, CatalogEntry, Kind
from continuity.domain.fingerprint import Fingerprint, SequencePosition
from continuity.domain.query_times import QueryTime
from continuity.domain.recovery_point import (
    DatabaseIdentity,
    DatabaseShape,
    DigestMethod,
    MediaMap,
    RecoveryPointId,
    Snapshot,
    StoredObject,
)
from continuity.errors import BackupFailed, ContinuityError
from continuity.settings import Environment
from continuity.steps.attempts import discard_attempt, new_attempt
from continuity.steps.places import dsn_of, media_of, points_of, vault_of
from continuity.steps.progress import Report, silent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CapturedDatabase:
    """What one snapshot of a database told, and where its dump is."""

    identity: DatabaseIdentity
    shape: DatabaseShape
    size_bytes: int
    snapshot: Snapshot
    client: str
    dump: StoredObject
    globals: StoredObject
    digests: DigestMethod
    tables: tuple[Fingerprint, ...]
    sequences: tuple[SequencePosition, ...]
    large_objects: Fingerprint
    catalog: tuple[CatalogEntry, ...]
    roles: tuple[str, ...]
    extensions: dict[str, str]
    migration_head: str
    activity: tuple[TableActivity, ...]
    query_times: tuple[QueryTime, ...]


def capture_database(
    application: Application, environment: Environment, point: RecoveryPointId, report: Report = silent
) -> CapturedDatabase:
    """Dump, digest and describe the database under one exported snapshot.

    Running it twice stores a second dump beside the first, each under a key of its own; only the one that the manifest
    names belongs to the point. What a failed attempt has stored is removed.

    Raises:
        BackupFailed: pg_dump failed, a table could not be digested, or the snapshot was held past the limit.
        DatabaseError: the server refused or went away.
        VaultError: the vault refused or went away.

    """
    dsn, name = dsn_of(environment), application.database.name
    folder = new_attempt(points_of(environment, application.name), point)
    try:
        with connect(dsn, name, settings=SETTINGS) as holder:
            return _capture(holder, application, environment, folder, report)
    except BaseException:
        discard_attempt(environment, folder)
        raise


def _capture(
    holder: Connection, application: Application, environment: Environment, folder: str, report: Report
) -> CapturedDatabase:
    dsn, name = dsn_of(environment), application.database.name
    # Before anything is held, and in a session of its own: a query that fails would end the snapshot's transaction.
    query_times = measure_queries(dsn, name, application.queries)
    started = time.monotonic()
    # Sequences ignore snapshots and only move on: read before the dump starts, they are never ahead of it.
    sequences = catalog.read_sequences(holder)
    holder.execute("begin isolation level repeatable read, read only")
    snapshot_id = fetch_value(holder, "select pg_export_snapshot()")
    taken, wal = fetch_value(holder, "select now()"), fetch_value(holder, "select pg_current_wal_lsn()::text")
    size_bytes = int(fetch_value(holder, "select pg_database_size(current_database())"))
    identity = read_identity(holder)
    # Counters lag a little behind commits, so a loss estimated from them errs towards too much: the safe way.
    activity = read_activity(holder)
    tools = dumps.find_client_tools(identity.major, folder=environment.database.client_binaries)
    stored, tables = _dump_and_digest(tools, application, environment, snapshot_id, f"{folder}database.dump", size_bytes, report)
    with dumps.dumping_globals(tools, dsn, name, passwords=environment.database.role_passwords) as globals_dump:
        roles_dump = _seal(environment, f"{folder}globals.sql", globals_dump, 0, silent)
    held = time.monotonic() - started
    logger.info("captured database=%s tables=%d bytes=%d seconds=%.1f", name, len(tables), stored.size_bytes, held)
    return CapturedDatabase(
        identity=identity,
        shape=read_shape(holder),
        size_bytes=size_bytes,
        snapshot=Snapshot(taken=taken.astimezone(UTC), held_seconds=round(held), wal_position=wal),
        client=f"pg_dump {tools.version}",
        dump=stored,
        globals=roles_dump,
        digests=digest_method(identity.major),
        tables=tables,
        sequences=sequences,
        large_objects=read_large_objects(holder),
        catalog=tuple(entry for entry in catalog.read_catalog(holder) if not _left_out(entry)),
        roles=catalog.read_roles(holder),
        extensions=catalog.read_extensions(holder),
        migration_head=_migration_head(holder, application.database.migration_head),
        activity=activity,
        query_times=query_times,
    )


def _dump_and_digest(
    tools: dumps.ClientTools,
    application: Application,
    environment: Environment,
    snapshot: str,
    key: str,
    size_bytes: int,
    report: Report,
) -> tuple[StoredObject, tuple[Fingerprint, ...]]:
    """Dump and digest at the same time. Who is stopped here (a signal, a failed dump) waits for no scan."""
    section, dsn, name = environment.database, dsn_of(environment), application.database.name
    limit, scans = section.snapshot_limit_seconds, Scans()
    with ThreadPoolExecutor(1, thread_name_prefix="digests") as pool:
        digesting = pool.submit(
            read_fingerprints, dsn, name, snapshot=snapshot, parallel=section.parallel, limit_seconds=limit, scans=scans
        )
        try:
            with dumps.dumping(
                tools, dsn, name, snapshot=snapshot, lock_wait_seconds=section.lock_wait_seconds, limit_seconds=limit
            ) as dump:
                stored = _seal(environment, key, dump, size_bytes, report)
            return stored, _all_measured(digesting.result())
        except BaseException:
            scans.give_up(digesting)
            raise


def _left_out(entry: CatalogEntry) -> bool:
    """Whether pg_dump leaves an object out: an index that failed to build. Validating the live database names it."""
    return entry.kind is Kind.INDEX and entry.properties[VALID_INDEX] != "true" and entry.properties["partitioned"] != "true"


def _all_measured(measured: tuple[Fingerprint | Unmeasured, ...]) -> tuple[Fingerprint, ...]:
    failed = [each for each in measured if isinstance(each, Unmeasured)]
    if failed:
        raise BackupFailed(
            f"{len(failed)} of {len(measured)} tables could not be digested, the first {failed[0].table}: {failed[0].reason}",
            hint="A point that cannot be compared cannot be proven; mend the table or the role's privileges.",
        )
    return tuple(each for each in measured if isinstance(each, Fingerprint))


def _seal(environment: Environment, key: str, dump: dumps.Dumping, expected_bytes: int, report: Report) -> StoredObject:
    started = time.monotonic()

    def tell(done_bytes: int) -> None:
        # While the snapshot is held, vacuum cannot clean past it: its age belongs beside the bytes.
        report(f"dump and upload, snapshot held for {time.monotonic() - started:.0f} s", done_bytes, expected_bytes)

    return seal_into(
        vault_of(environment),
        key,
        dump,
        recipients=parse_recipients(environment.vault.recipients),
        level=environment.vault.compression_level,
        expected_bytes=expected_bytes,
        report=tell,
    )


def _migration_head(connection: Connection, query: str) -> str:
    if not query:
        return ""
    try:
        with translated("`migration_head`"), connection.transaction():
            return str(fetch_value(connection, sql.SQL(query)) or "")
    except ContinuityError as error:
        raise BackupFailed(error.message, hint="Mend `[database] migration_head` in application.toml.") from error


def capture_media(
    application: Application, environment: Environment, point: RecoveryPointId, report: Report = silent
) -> MediaMap | None:
    """Store the map of current versions of the media bucket, and keep the replica of their bytes up, where there is one.

    Running it twice stores a second map under another key, and copies nothing twice.

    Taken after the database's snapshot: a file that rows refer to is then in the map, and orphans do no harm.

    Raises:
        MediaError: the bucket cannot be listed.
        VaultError: the vault refused or went away.

    """
    opened = media_of(environment, application)
    if opened is None:
        return None
    from continuity.adapters.media import VersionLines, is_versioned
    from continuity.adapters.media_worklist import Kept
    from continuity.steps.media_replication import map_folder, replicate_media

    client, media = opened
    lines = VersionLines(client, media)
    folder = new_attempt(points_of(environment, application.name), point)
    with map_folder(environment) as work:
        # The vault's copy may be readable only where restores run, so what is to be copied is kept here meanwhile.
        kept = work / "media.jsonl"
        with kept.open("wb") as target:
            stored = seal_into(
                vault_of(environment),
                f"{folder}media.jsonl",
                Kept(lines, target),
                recipients=parse_recipients(environment.vault.recipients),
                level=environment.vault.compression_level,
            )
        logger.info("mapped media bucket=%s objects=%d bytes=%d", media.bucket, lines.objects, lines.total_bytes)
        mapped = MediaMap(
            bucket=media.bucket,
            prefix=media.prefix,
            objects=lines.objects,
            total_bytes=lines.total_bytes,
            versioned=is_versioned(client, media.bucket),
            versions=stored,
        )
        return replace(mapped, replica=replicate_media(application, environment, point, mapped, kept, report))
