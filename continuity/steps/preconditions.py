"""What a backup and a drill need, looked at before anything is started, and all of it reported at once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir

from continuity.adapters import privileges
from continuity.adapters.dumps import find_client_tools
from continuity.adapters.postgres import Connection, connect, fetch_value, read_version
from continuity.adapters.sealing import load_identities, parse_recipients
from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.client_versions import vulnerable
from continuity.domain.recovery_point import Manifest
from continuity.errors import ContinuityError
from continuity.settings import Environment
from continuity.steps.places import dsn_of, media_of, points_of, vault_of
from continuity.steps.release_capture import check_release

OLDEST_MAJOR = 14
"""hash_record_extended, by which tables are digested, came with PostgreSQL 14."""


def check_backup(application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at everything that a backup needs. Changes nothing but the vault's probe object."""
    checks: list[Check] = []
    try:
        with connect(dsn_of(environment), application.database.name) as connection:
            size = int(fetch_value(connection, "select pg_database_size(current_database())"))
            checks += _database_checks(connection)
            checks += _tool_checks(connection, environment)
    except ContinuityError as error:
        checks.append(_failed("database", error))
        size = 0
    checks += _vault_checks(environment, application, size)
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
    yield _names_check(
        "privileges", unreadable, "every table and sequence can be read", "cannot be read", "Grant pg_read_all_data."
    )
    hidden = privileges.tables_with_hidden_rows(connection)
    yield _names_check(
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
        yield _failed("client tools", error)
        return
    yield Check(name="client tools", passed=True, detail=f"pg_dump {tools.version}")
    if weakness := vulnerable(tools.version):
        refuse = environment.database.vulnerable_clients == "refuse"
        yield Check(name="client security", passed=not refuse, detail=weakness, hint="Update the PostgreSQL client tools.")


def _vault_checks(environment: Environment, application: Application, database_bytes: int) -> Iterator[Check]:
    def reach() -> Check:
        vault_of(environment).check_honest()
        return Check(name="vault", passed=True, detail=f"{environment.vault.url} refuses to write anything twice")

    yield _guarded("vault", reach)
    yield _guarded("vault room", lambda: _room_check(environment, application, database_bytes))

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

    yield _guarded("encryption", keys)


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
        detail=f"{_megabytes(free)} free, about {_megabytes(needed)} needed",
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

    yield _guarded("media", versioned)


def check_drill(manifest: Manifest, environment: Environment) -> tuple[Check, ...]:
    """Look at everything that restoring this point into a scratch database needs. Changes nothing."""
    checks: list[Check] = []
    try:
        with connect(environment.drill_dsn, "postgres") as connection:
            checks += _restore_checks(connection, manifest, environment)
    except ContinuityError as error:
        checks.append(_failed("drill server", error))
    checks.append(_guarded("private key", lambda: _key_check(manifest, environment)))
    checks.append(_guarded("work directory", lambda: _work_check(manifest, environment)))
    return tuple(checks)


def _restore_checks(connection: Connection, manifest: Manifest, environment: Environment) -> Iterator[Check]:
    version = read_version(connection)
    same = version.major == manifest.database.major
    yield Check(
        name="drill server version",
        passed=same,
        detail=f"PostgreSQL {version}, the point was made on {manifest.database.major}",
        hint="" if same else "Digests and archives compare within one major: name such a server in `[drill] dsn`.",
    )
    try:
        tools = find_client_tools(version.major, folder=environment.database.client_binaries)
        yield Check(name="client tools", passed=True, detail=f"pg_restore {tools.version}")
    except ContinuityError as error:
        yield _failed("client tools", error)
    creates = privileges.may_create_databases(connection)
    yield Check(
        name="scratch database",
        passed=creates,
        detail="the role may make one" if creates else "the role may not make one",
        hint="" if creates else "Give the restore role CREATEDB.",
    )
    yield _names_check(
        "extensions",
        privileges.missing_extensions(connection, tuple(manifest.extensions)),
        "all are available",
        "are not available on the drill server",
        "Install their packages there.",
    )
    yield from _role_checks(connection, manifest)


def _role_checks(connection: Connection, manifest: Manifest) -> Iterator[Check]:
    missing = privileges.missing_roles(connection, manifest.roles)
    if missing and privileges.may_create_roles(connection):
        yield Check(name="roles", passed=True, detail=f"{', '.join(missing)} will be made here, without login")
    else:
        yield _names_check("roles", missing, "all exist", "do not exist on the drill server", "Make them, or give CREATEROLE.")
    if privileges.is_superuser(connection):
        yield Check(
            name="restore role",
            passed=True,
            detail="restores run as a superuser, so code in a dump would too",
            hint="Name a role without superuser in `[drill] dsn`.",
        )
        return
    owners = sorted({entry.properties["owner"] for entry in manifest.catalog if "owner" in entry.properties} - {""})
    yield _names_check(
        "memberships",
        privileges.roles_not_assumable(connection, [name for name in owners if not name.startswith("pg_")]),
        "the restore role can give objects to their owners",
        "own objects, and the restore role is no member of them",
        "Grant them to the restore role.",
    )
    yield _names_check(
        "superuser parts",
        superuser_parts(manifest),
        "none",
        "need a superuser to be restored",
        "Name a superuser in `[drill] dsn`.",
    )


def superuser_parts(manifest: Manifest) -> tuple[str, ...]:
    """Name what only a superuser can restore: event triggers, untrusted languages, publications of everything."""
    return tuple(
        f"{entry.kind.value.removesuffix('s')} {entry.name}"
        for entry in manifest.catalog
        if entry.kind.value == "event triggers"
        or (entry.kind.value == "publications" and "all true" in entry.properties.get("publishes", ""))
        or (entry.name.startswith("language ") and entry.properties.get("definition") == "false")
    )


def _key_check(manifest: Manifest, environment: Environment) -> Check:
    encrypted = "age" in manifest.dump.encodings
    identities = load_identities(environment.vault.identity_file) if encrypted else ()
    there = bool(identities) or not encrypted
    return Check(
        name="private key",
        passed=there,
        detail="at hand" if identities else ("none is configured" if encrypted else "not needed"),
        hint="" if there else "Set `[vault] identity_file`.",
    )


def _work_check(manifest: Manifest, environment: Environment) -> Check:
    folder = Path(environment.drill.work_directory or gettempdir())
    free, needed = shutil.disk_usage(folder).free, manifest.dump.content_bytes
    return Check(
        name="work directory",
        passed=free > needed,
        detail=f"{_megabytes(free)} free in {folder}, {_megabytes(needed)} needed",
        hint="" if free > needed else "Name a larger folder in `[drill] work_directory`.",
    )


def _names_check(name: str, names: tuple[str, ...], good: str, bad: str, hint: str) -> Check:
    if not names:
        return Check(name=name, passed=True, detail=good)
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")  # noqa: PLR2004 -- a line's worth
    return Check(name=name, passed=False, detail=f"{shown} {bad}", hint=hint)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except ContinuityError as error:
        return _failed(name, error)
    except OSError as error:
        return Check(name=name, passed=False, detail=f"{error.filename}: {error.strerror}", hint="Check the path.")


def _failed(name: str, error: ContinuityError) -> Check:
    return Check(name=name, passed=False, detail=error.message, hint=error.hint)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"
