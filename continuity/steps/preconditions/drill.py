"""What a drill needs: of the server, of the role, and of the machine that it runs on."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from continuity.adapters import privileges
from continuity.adapters.dumps import find_client_tools
from continuity.adapters.postgres import Connection, connect, read_version
from continuity.adapters.sealing import load_identities
from continuity.domain.checks import Check
from continuity.domain.recovery_point import Manifest
from continuity.errors import ContinuityError
from continuity.settings import Environment
from continuity.steps.preconditions.answers import failed, guarded, megabytes, none_of


def check_drill(manifest: Manifest, environment: Environment) -> tuple[Check, ...]:
    """Look at everything that restoring this point into a scratch database needs. Changes nothing."""
    checks: list[Check] = []
    try:
        with connect(environment.drill_dsn, "postgres") as connection:
            checks += _restore_checks(connection, manifest, environment)
    except ContinuityError as error:
        checks.append(failed("drill server", error))
    checks.append(guarded("private key", lambda: _key_check(manifest, environment)))
    checks.append(guarded("work directory", lambda: _work_check(manifest, environment)))
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
        yield failed("client tools", error)
    creates = privileges.may_create_databases(connection)
    yield Check(
        name="scratch database",
        passed=creates,
        detail="the role may make one" if creates else "the role may not make one",
        hint="" if creates else "Give the restore role CREATEDB.",
    )
    yield none_of(
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
        yield none_of("roles", missing, "all exist", "do not exist on the drill server", "Make them, or give CREATEROLE.")
    if privileges.is_superuser(connection):
        yield Check(
            name="restore role",
            passed=True,
            detail="restores run as a superuser, so code in a dump would too",
            hint="Name a role without superuser in `[drill] dsn`.",
        )
        return
    owners = sorted({entry.properties["owner"] for entry in manifest.catalog if "owner" in entry.properties} - {""})
    yield none_of(
        "memberships",
        privileges.roles_not_assumable(connection, [name for name in owners if not name.startswith("pg_")]),
        "the restore role can give objects to their owners",
        "own objects, and the restore role is no member of them",
        "Grant them to the restore role.",
    )
    yield none_of(
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
        detail=f"{megabytes(free)} free in {folder}, {megabytes(needed)} needed",
        hint="" if free > needed else "Name a larger folder in `[drill] work_directory`.",
    )
