"""What a drill needs: of the server, of the role, and of the machine that it runs on."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from continuity.adapters import catalog, privileges
from continuity.adapters.dumps import find_client_tools
from continuity.adapters.postgres import Connection, connect, fetch_value, read_version
from continuity.adapters.sealing import load_identities, unseal_to
from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.needs import RestoreNeeds, needs_of_point
from continuity.domain.recovery_point import Manifest
from continuity.errors import ContinuityError
from continuity.settings import Environment
from continuity.steps.places import dsn_of, vault_of
from continuity.steps.preconditions.answers import failed, guarded, megabytes, none_of, some_of
from continuity.steps.restoring_sessions import MESSAGES, foreign_messages


@dataclass(frozen=True, kw_only=True)
class RestorePlace:
    """The server that takes a restore, what it is called, and the setting that names it."""

    dsn: str
    server: str
    setting: str


def check_drill(manifest: Manifest, environment: Environment) -> tuple[Check, ...]:
    """Look at everything that restoring this point into a scratch database needs. Changes nothing."""
    return _restore(manifest, environment, _drill_place(environment))


def check_restore_beside(manifest: Manifest, environment: Environment) -> tuple[Check, ...]:
    """Look at everything that restoring this point beside the live database needs. Changes nothing."""
    place = RestorePlace(dsn=environment.rollback_dsn, server="live server", setting="[rollback] dsn")
    return _restore(manifest, environment, place)


def check_restore_here(manifest: Manifest, environment: Environment) -> tuple[Check, ...]:
    """Look at what restoring this point needs of this machine, where the server is not there yet. Changes nothing."""
    needs = needs_of_point(manifest)
    return (guarded("client tools", lambda: _tools_check(needs.major, environment)), *_machine(manifest, needs, environment))


def _drill_place(environment: Environment) -> RestorePlace:
    return RestorePlace(dsn=environment.drill_dsn, server="drill server", setting="[drill] dsn")


def _restore(manifest: Manifest, environment: Environment, place: RestorePlace) -> tuple[Check, ...]:
    needs = needs_of_point(manifest)
    return (*_server_checks(environment, needs, place), *_machine(manifest, needs, environment))


def _machine(manifest: Manifest, needs: RestoreNeeds, environment: Environment) -> tuple[Check, ...]:
    return (
        guarded("private key", lambda: _key_check(manifest, environment)),
        guarded("work directory", lambda: _work_check(needs, environment)),
    )


def check_first_drill(application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at everything that a drill of a backup made now would need. Changes nothing."""
    try:
        with connect(dsn_of(environment), application.database.name) as connection:
            needs = needs_of_database(connection)
    except ContinuityError as error:
        return (failed("database", error),)
    return (
        *_server_checks(environment, needs, _drill_place(environment)),
        guarded("private key", lambda: _pair_check(environment)),
        guarded("work directory", lambda: _work_check(needs, environment)),
    )


def check_key_opens(manifest: Manifest, environment: Environment) -> Check:
    """Open the smallest object of a point with the private keys at hand. Reads some kilobytes, changes nothing."""

    def open_it() -> Check:
        smallest = min(manifest.stored, key=lambda stored: stored.size_bytes)
        identities = load_identities(environment.vault.identity_file)
        unseal_to(vault_of(environment), smallest, io.BytesIO(), identities=identities)
        return Check(name="opened", passed=True, detail=f"{smallest.key.rsplit('/', 1)[1]} was fetched, verified and opened")

    return guarded("opened", open_it)


def needs_of_database(connection: Connection) -> RestoreNeeds:
    """Read what a restore of this database, as it is now, would need."""
    return RestoreNeeds(
        major=read_version(connection).major,
        extensions=tuple(catalog.read_extensions(connection)),
        roles=catalog.read_roles(connection),
        catalog=catalog.read_catalog(connection),
        content_bytes=int(fetch_value(connection, "select pg_database_size(current_database())")),
    )


def _server_checks(environment: Environment, needs: RestoreNeeds, place: RestorePlace) -> tuple[Check, ...]:
    try:
        with connect(place.dsn, "postgres") as connection:
            return tuple(_restore_checks(connection, needs, environment, place))
    except ContinuityError as error:
        return (failed(place.server, error),)


def _restore_checks(
    connection: Connection, needs: RestoreNeeds, environment: Environment, place: RestorePlace
) -> Iterator[Check]:
    version = read_version(connection)
    same = version.major == needs.major
    yield Check(
        name=f"{place.server} version",
        passed=same,
        detail=f"PostgreSQL {version}, the dump is of PostgreSQL {needs.major}",
        hint="" if same else f"Digests and archives compare within one major: name such a server in `{place.setting}`.",
    )
    yield guarded("client tools", lambda: _tools_check(version.major, environment))
    creates = privileges.may_create_databases(connection)
    yield Check(
        name="scratch database",
        passed=creates,
        detail="the role may make one" if creates else "the role may not make one",
        hint="" if creates else "Give the restore role CREATEDB.",
    )
    yield none_of(
        "extensions",
        privileges.missing_extensions(connection, needs.extensions),
        "all are available",
        f"are not available on the {place.server}",
        "Install their packages there.",
    )
    yield from role_checks(connection, needs, setting=place.setting)


def role_checks(connection: Connection, needs: RestoreNeeds, *, setting: str) -> Iterator[Check]:
    """Look at what the session's role may give to whom; `setting` names the role in the hints."""
    missing = privileges.missing_roles(connection, needs.roles)
    if missing and privileges.may_create_roles(connection):
        yield Check(name="roles", passed=True, detail=f"{', '.join(missing)} will be made here, without login")
    else:
        yield none_of("roles", missing, "all exist", "do not exist on the server", "Make them, or give CREATEROLE.")
    if privileges.is_superuser(connection):
        yield Check(
            name="restore role",
            passed=True,
            detail="restores run as a superuser, so code in a dump would too",
            hint=f"Name a role without superuser in `{setting}`.",
        )
        return
    if language := foreign_messages(connection):
        yield Check(
            name="server messages",
            passed=True,
            detail=f"in {language}, so a full disk would be told as damage of the point",
            hint=f"`grant set on parameter {MESSAGES} to ROLE` (PostgreSQL 15), ROLE being that of `{setting}`.",
        )
    yield none_of(
        "memberships",
        privileges.roles_not_assumable(connection, needs.owners),
        "the restore role can give objects to their owners",
        "own objects, and the restore role is no member of them",
        "Grant them to the restore role.",
    )
    yield none_of(
        "superuser parts",
        needs.superuser_parts,
        "none",
        "need a superuser to be restored",
        f"Name a superuser in `{setting}`.",
    )
    if not privileges.may_create_roles(connection):
        yield none_of(
            "role settings",
            needs.roles_with_settings,
            "none in this database",
            "have settings of their own in this database (ALTER ROLE … IN DATABASE … SET)",
            "Give the restore role CREATEROLE, or name a superuser.",
        )


def _tools_check(major: int, environment: Environment) -> Check:
    tools = find_client_tools(major, folder=environment.database.client_binaries)
    return Check(name="client tools", passed=True, detail=f"pg_restore {tools.version}")


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


def _pair_check(environment: Environment) -> Check:
    """Whether what the recipients encrypt can be opened here."""
    if not environment.vault.recipients:
        return Check(name="private key", passed=True, detail="not needed: dumps are stored unencrypted")
    ours = {str(identity.to_public()) for identity in load_identities(environment.vault.identity_file)}
    opens = tuple(each for each in environment.vault.recipients if each in ours)
    if opens:
        return Check(name="private key", passed=True, detail=f"opens what is encrypted for {some_of(opens)}")
    return Check(
        name="private key",
        passed=False,
        detail="the keys at hand belong to none of the recipients" if ours else "none is configured",
        hint="Name the private key of a recipient in `[vault] identity_file`, or no backup made here can be drilled here.",
    )


def _work_check(needs: RestoreNeeds, environment: Environment) -> Check:
    folder = Path(environment.drill.work_directory or gettempdir())
    free, needed = shutil.disk_usage(folder).free, needs.content_bytes
    return Check(
        name="work directory",
        passed=free > needed,
        detail=f"{megabytes(free)} free in {folder}, {megabytes(needed)} needed",
        hint="" if free > needed else "Name a larger folder in `[drill] work_directory`.",
    )
