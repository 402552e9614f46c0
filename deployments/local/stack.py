"""The embedded stack: everything that the product needs, on one machine, started and stopped by one call.

PostgreSQL and Prefect are the real ones; the vault is a directory; the media bucket and the cluster are stand-ins.
"""

import json
import os
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from continuity.adapters import application_files
from continuity.adapters.alert_files import load_routes
from continuity.adapters.application_files import list_applications
from continuity.errors import ConfigurationRefused, ContinuityError, DatabaseError
from deployments.local import object_store, prefect_server, prefect_worker, webhook_receiver
from deployments.local.kubernetes import service as kubernetes
from deployments.local.postgres import PostgresServer, start_postgres, stop_postgres
from deployments.local.processes import LOCALHOST
from deployments.local.server_account import can_reach, reachable_temporary_directory, unprivileged_account
from deployments.local.services import stop_service
from deployments.offers import definitions

REPLICA = "continuity-media-replica"
APPLICATIONS = Path(__file__).parents[2] / "applications"
SCRIPTS = ("schema.sql", "seed.sql")
LOAD_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack that runs. `urls` holds no password; `environment` is the file that CONTINUITY_ENVIRONMENT has to name.

    `variables` are what else clients need in their environment: the stand-in's keys, which are no secret.
    """

    directory: Path
    environment: Path
    urls: dict[str, str]
    variables: dict[str, str]
    postgres: PostgresServer
    cluster: kubernetes.LocalCluster


def start_stack(
    directory: Path,
    *,
    with_prefect: bool = True,
    report: Callable[[str], None],
    applications: Path = APPLICATIONS,
    images: Sequence[Mapping[str, Any]] = (),
) -> Stack:
    """Start what does not run yet, make a bucket for every application that names one, and write environment.toml.

    Run twice, it gives the same stack. `images` is what the stand-in for Kubernetes can run. `report` is told each part
    as it comes up. The first start takes half a minute to a minute and a half, nearly all of it Prefect's.

    Raises:
        ConfigurationRefused: no PostgreSQL was found, or no directory that its account can enter.
        ContinuityError: a part does not come up; those before it run on, and the next call goes on from there.

    """
    directory, applications = directory.resolve(), applications.resolve()
    vault, services = directory / "vault", directory / "services"
    vault.mkdir(parents=True, exist_ok=True)

    postgres = start_postgres(_place_for_postgres(directory, report), durable=True)
    report(f"PostgreSQL {postgres.major} on port {postgres.port}")
    media = object_store.start_object_store(services, [*_buckets(applications), REPLICA])
    report(f"a stand-in for S3 (moto, in memory) on port {media.port}")
    cluster = kubernetes.start_cluster(services, images=images)
    report(f"a stand-in for Kubernetes on port {cluster.service.port}")
    urls = {
        "database": f"postgresql://{LOCALHOST}:{postgres.port}/postgres",
        "vault": vault.as_uri(),
        "media": media.url,
        "cluster": cluster.service.url,
    }
    settings: dict[str, Mapping[str, Any]] = {
        "database": {"dsn": postgres.dsn("postgres")},
        "vault": {"url": vault.as_uri()},
        # A replica beside what it copies shows how it works, and protects from nothing: all of it is gone with the stand-in.
        "media": {
            "endpoint_url": media.url,
            "region": object_store.REGION,
            "replica_bucket": REPLICA,
            "replica_endpoint_url": media.url,
            "replica_region": object_store.REGION,
        },
        "cluster": {"kubeconfig": str(cluster.kubeconfig)},
    }
    prefect = None
    if with_prefect:
        report("Prefect server, up to 90 s at the first start")
        prefect = prefect_server.start_prefect_server(services)
        report(f"Prefect server on port {prefect.service.port}")
        urls["prefect"] = prefect.service.url
        settings |= {"prefect": {"api_url": prefect.api_url}, **webhook_receiver.webhook_sections(directory)}

    environment = directory / "environment.toml"
    _write_environment(environment, applications, settings)
    variables = {"CONTINUITY_ENVIRONMENT": str(environment), **object_store.CREDENTIALS}
    if prefect is not None:
        _serve(services, prefect, applications, variables, report)
        urls |= _take_alerts(services, applications, variables, report)
    return Stack(
        directory=directory,
        environment=environment,
        urls=urls,
        variables=variables,
        postgres=postgres,
        cluster=cluster,
    )


def _serve(
    services: Path,
    server: prefect_server.PrefectServer,
    applications: Path,
    variables: Mapping[str, str],
    report: Callable[[str], None],
) -> None:
    from deployments.deploying import automate
    from deployments.prefect_client import prefect_client
    from deployments.serving import register

    described = {name: application_files.load_application(applications, name) for name in list_applications(applications)}
    offered = definitions(described, described)
    registered = register(offered, api_url=server.api_url)
    report(f"{len(registered)} deployments: {', '.join(described)}")
    with prefect_client(server.api_url) as client:
        report(f"{len(automate(client, offered, registered))} automations: missed backups, failed drills, interrupted runs")
    prefect_worker.start_prefect_worker(services, server, variables)
    report("a worker that runs them")


def _take_alerts(
    services: Path, applications: Path, variables: Mapping[str, str], report: Callable[[str], None]
) -> dict[str, str]:
    """Start the receiver of alerts where an application has routes for some, and return its address."""
    if not load_routes(applications):
        return {}
    receiver = webhook_receiver.start_webhook_receiver(services, variables)
    report(f"a receiver of alerts on port {receiver.port}; its secrets are beside the environment file")
    return {"webhooks": f"{receiver.url}/alerts"}


def stop_stack(directory: Path) -> None:
    """Stop every part that runs; the databases, the vault and Prefect's records stay, the stand-in's objects do not.

    Raises:
        ContinuityError: a part does not end; the others were stopped nevertheless.

    """
    directory = directory.resolve()
    with ExitStack() as parts:
        parts.callback(stop_postgres, directory / "postgres")
        parts.callback(stop_service, directory / "services", object_store.NAME)
        parts.callback(stop_service, directory / "services", kubernetes.NAME)
        parts.callback(stop_service, directory / "services", prefect_server.NAME)
        # The last ones are the first to go: a worker without its server would wait for it.
        parts.callback(stop_service, directory / "services", prefect_worker.NAME)
        parts.callback(stop_service, directory / "services", webhook_receiver.NAME)


def load_application(server: PostgresServer, application_directory: Path, *, megabytes: int, database: str) -> None:
    """Make the database of an application: a role of the application's name owns it, schema.sql and seed.sql fill it.

    `megabytes` is how much invented data seed.sql makes. A database of that name is left alone; a load that was cut off
    leaves none of that name, and is begun again.

    Raises:
        ConfigurationRefused: the directory lacks one of the two files.
        DatabaseError: the server refused one of their statements; the detail says which.

    """
    application_directory = application_directory.resolve()
    if missing := [name for name in SCRIPTS if not (application_directory / name).is_file()]:
        message = f"application {application_directory.name!r} cannot be loaded: no {' and no '.join(missing)}"
        raise ConfigurationRefused(message, hint=f"Put {' and '.join(missing)} into {application_directory}.")
    try:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
                _load(connection, server, application_directory, megabytes, database)
    except psycopg.Error as error:
        message = f"database {database!r} cannot be loaded: {error}"
        raise DatabaseError(message, hint=f"Look at {server.directory / 'server.log'}.") from error


def _load(connection: psycopg.Connection, server: PostgresServer, directory: Path, megabytes: int, database: str) -> None:
    role, draft = directory.name, f"{database}_loading"
    owner, loading, loaded = sql.Identifier(role), sql.Identifier(draft), sql.Identifier(database)
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(owner))
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(loading))
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(loading, owner))
    preparations = [f"SET seed.megabytes = {megabytes:d}", sql.SQL("SET ROLE {}").format(owner).as_string(connection)]
    run_scripts(server, [directory / name for name in SCRIPTS], database=draft, preparations=preparations)
    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(loading, loaded))


def run_scripts(server: PostgresServer, scripts: list[Path], *, database: str, preparations: list[str] | None = None) -> None:
    """Run SQL files through psql in one session, as the superuser, after the given statements; the first error ends it.

    Raises:
        DatabaseError: the server refused a statement.

    """
    arguments = [f"--command={statement}" for statement in preparations or []] + [f"--file={path}" for path in scripts]
    command: list[str | Path] = [
        server.binaries / "psql",
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
    ]
    environment = server.client_environment(database)
    try:
        done = subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=LOAD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        message = f"psql did not finish within {LOAD_SECONDS} s on database {database!r}"
        raise ContinuityError(message, hint="Load fewer megabytes.") from error
    if done.returncode != 0:
        message = f"psql ended with {done.returncode} on database {database!r}"
        raise DatabaseError(message, detail=done.stderr.strip(), hint=f"Look at {', '.join(map(str, scripts))}.")


def _place_for_postgres(directory: Path, report: Callable[[str], None]) -> Path:
    """Give `directory`/postgres, a link to a temporary directory where the server's account cannot enter it."""
    place = directory / "postgres"
    if place.is_symlink() and not place.exists():
        report(f"the databases of {place.readlink()} are gone; beginning with empty ones")
        place.unlink()
    if place.exists():
        return place
    place.mkdir()
    place.chmod(0o755)
    account = unprivileged_account()
    if account is None or can_reach(place, account):
        return place
    elsewhere = Path(tempfile.mkdtemp(prefix="continuity-", dir=reachable_temporary_directory()))
    elsewhere.chmod(0o755)
    place.rmdir()
    place.symlink_to(elsewhere)
    report(f"{account.pw_name}, who runs PostgreSQL, cannot enter {place}: the databases are in {elsewhere}")
    return place


def _buckets(applications: Path) -> list[str]:
    """Read which buckets the applications name; what else is in their files is for others to judge."""
    named: set[str] = set()
    for path in sorted(applications.glob("*/application.toml")):
        try:
            bucket = tomllib.loads(path.read_text()).get("media", {}).get("bucket")
        except tomllib.TOMLDecodeError as error:
            message = f"{path} is not valid TOML: {error}"
            raise ConfigurationRefused(message, hint="Mend the line that is named.") from error
        if bucket:
            named.add(str(bucket))
    return sorted(named)


def _write_environment(path: Path, applications: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    # JSON's strings, truth values and lists of strings are TOML's (TOML 1.0).
    lines = [
        "# Written by `continuity stack up`, at every start anew.",
        f"applications = {json.dumps(str(applications))}",
    ]
    for section, values in sections.items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    draft.replace(path)
