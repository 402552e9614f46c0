"""What a backup needs."""

from collections.abc import Iterator

from continuity.adapters import privileges
from continuity.adapters.dumps import find_client_tools
from continuity.adapters.postgres import Connection, connect, fetch_value, read_version
from continuity.adapters.sealing import parse_recipients
from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.client_versions import vulnerable
from continuity.domain.media_replica import replica_prefix
from continuity.errors import ConfigurationRefused, ContinuityError
from continuity.settings import Environment
from continuity.steps.places import dsn_of, media_of, media_store_of, points_of, replica_of, vault_of
from continuity.steps.preconditions.answers import failed, guarded, megabytes, none_of
from continuity.steps.release_capture import check_release

OLDEST_MAJOR = 14
"""hash_record_extended, by which tables are digested, came with PostgreSQL 14."""


def check_backup(application: Application, environment: Environment, *, probe: bool = True) -> tuple[Check, ...]:
    """Look at everything that a backup needs. Changes nothing but the vault's probe object, and with `probe` off not that."""
    checks: list[Check] = []
    try:
        with connect(dsn_of(environment), application.database.name) as connection:
            size = int(fetch_value(connection, "select pg_database_size(current_database())"))
            checks += _database_checks(connection)
            checks += _tool_checks(connection, environment)
    except ContinuityError as error:
        checks.append(failed("database", error))
        size = 0
    checks += _vault_checks(environment, application, size, probe=probe)
    checks += _media_checks(application, environment)
    checks += check_release(application, environment)
    return tuple(checks)


def _database_checks(connection: Connection) -> Iterator[Check]:
    version = read_version(connection)
    yield Check(
        name="server version",
        passed=version.major >= OLDEST_MAJOR,
        detail=f"PostgreSQL {version}",
        hint="" if version.major >= OLDEST_MAJOR else f"PostgreSQL {OLDEST_MAJOR} or newer is needed.",
    )
    standby = bool(fetch_value(connection, "select pg_is_in_recovery()"))
    yield Check(
        name="primary",
        passed=not standby,
        detail="in recovery: a standby exports no snapshot" if standby else "the server accepts writes",
        hint="Point `[database] dsn` at the primary." if standby else "",
    )
    unreadable = privileges.unreadable_tables(connection)
    yield none_of("privileges", unreadable, "every table and sequence can be read", "cannot be read", "Grant pg_read_all_data.")
    hidden = privileges.tables_with_hidden_rows(connection)
    yield none_of(
        "row-level security", hidden, "hides no rows", "may hide rows from this role", "Give the backup role BYPASSRLS."
    )
    readable = privileges.large_objects_readable(connection)
    yield Check(
        name="large objects",
        passed=readable,
        detail="can be read" if readable else "some cannot be read by this role",
        hint="" if readable else "Grant SELECT on them, or back up as their owner or a superuser.",
    )


def _tool_checks(connection: Connection, environment: Environment) -> Iterator[Check]:
    try:
        tools = find_client_tools(read_version(connection).major, folder=environment.database.client_binaries)
    except ContinuityError as error:
        yield failed("client tools", error)
        return
    yield Check(name="client tools", passed=True, detail=f"pg_dump {tools.version}")
    if weakness := vulnerable(tools.version):
        refuse = environment.database.vulnerable_clients == "refuse"
        yield Check(name="client security", passed=not refuse, detail=weakness, hint="Update the PostgreSQL client tools.")


def _vault_checks(environment: Environment, application: Application, database_bytes: int, *, probe: bool) -> Iterator[Check]:
    def reach() -> Check:
        vault = vault_of(environment)
        if not probe:
            tried = vault.look()
            told = "a probe of its conditional writes is there" if tried else "its conditional writes are not tried yet"
            return Check(name="vault", passed=True, detail=f"{vault.url} answers; {told}, and every backup tries them first")
        vault.check_honest()
        return Check(name="vault", passed=True, detail=f"{environment.vault.url} refuses to write anything twice")

    yield guarded("vault", reach)
    yield guarded("vault room", lambda: _room_check(environment, application, database_bytes))

    def keys() -> Check:
        recipients = parse_recipients(environment.vault.recipients)
        if not recipients:
            return Check(
                name="encryption",
                passed=True,
                detail="dumps are stored unencrypted",
                hint="Set `[vault] recipients` to age public keys.",
            )
        return Check(name="encryption", passed=True, detail=f"age, {len(recipients)} recipients")

    yield guarded("encryption", keys)


def _room_check(environment: Environment, application: Application, database_bytes: int) -> Check:
    vault = vault_of(environment)
    free = vault.room_bytes()
    if free is None:
        return Check(name="vault room", passed=True, detail="the store knows no limit")
    points = points_of(environment, application.name).listing().points
    # Without an earlier point half the database's size: indexes are not dumped, and zstd halves rows at the least.
    needed = points[0].manifest.stored_bytes * 5 // 4 if points else database_bytes // 2
    return Check(
        name="vault room",
        passed=free >= needed,
        detail=f"{megabytes(free)} free, about {megabytes(needed)} needed",
        hint="" if free >= needed else "Make room, or expire points that are not needed.",
    )


def _media_checks(application: Application, environment: Environment) -> Iterator[Check]:
    def versioned() -> Check:
        from continuity.adapters.media import is_versioned

        client, media = media_of(environment, application) or (None, None)
        if client is None or media is None:
            return Check(name="media", passed=True, detail="the application has none")
        if is_versioned(client, media.bucket):
            return Check(name="media", passed=True, detail=f"bucket {media.bucket} keeps versions")
        return Check(
            name="media",
            passed=True,
            detail=f"bucket {media.bucket} keeps no versions: what is overwritten or deleted there cannot come back",
            hint="Enable versioning on the bucket.",
        )

    yield guarded("media", versioned)
    if application.media is not None:
        yield _replica_check(application, environment)


def _replica_check(application: Application, environment: Environment) -> Check:
    """Look at the replica. Only one that is the bucket itself fails a backup: a database without its media is worth having."""
    from continuity.adapters.media_replica import refuse_same_bucket

    name = "media replica"
    try:
        media, replica = media_store_of(environment, application), replica_of(environment)
        if media is None or replica is None:
            return Check(
                name=name,
                passed=True,
                detail="media is not protected: there is none, so what is lost with the bucket does not come back",
                hint="Set `[media] replica_bucket`, best in another account and region.",
            )
        refuse_same_bucket(media, replica)
        next(iter(replica.pages(replica_prefix(application.name))), None)
    except ConfigurationRefused as error:
        return failed(name, error)
    except ContinuityError as error:
        return Check(name=name, passed=True, detail=f"media is not protected: {error.message}", hint=error.hint)
    return Check(name=name, passed=True, detail=f"bucket {replica.bucket} answers, and takes what a backup finds new")
