"""Puts the deployments of applications into a Prefect server that exists, in a work pool that exists."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound

from continuity.adapters.application_files import list_applications, load_application
from continuity.errors import ConfigurationRefused
from continuity.settings import ENVIRONMENT_VARIABLE, Environment
from deployments.automations import NOWHERE, Patience, automations_of, establish, remove_automations
from deployments.offers import JOB_ENVIRONMENT, Definition, definitions
from deployments.prefect_client import prefect_client
from deployments.prefect_versions import refuse_untested
from deployments.serving import Change, ChangeKind, Target, ours, put

_BLOCK = re.compile(r"[a-z0-9-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIALS = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is put where. Credentials come by the names of Prefect's Secret blocks, and of Secrets that the pool knows."""

    pool: str
    prefix: str
    names: Sequence[str] = ()
    """Which applications; none means all that there are."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables of a run's process, each with the Secret block that its value is taken from when the run starts."""
    job_variables: Mapping[str, str] = field(default_factory=dict)
    """Variables of the work pool, such as an image or the name of a Kubernetes Secret."""
    run_environment: str = ""
    """Where the environment file is, as the runs see it."""
    automations: bool = False
    remove: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What putting the deployments came to, or would come to."""

    pool: WorkPool
    server_version: str
    definitions: tuple[Definition, ...]
    deployments: tuple[Change, ...]
    automations: tuple[Change, ...]


def deploy(environment: Environment, wish: Wish) -> Deployed:
    """Create or change the deployments of applications; one that is no longer offered goes only by `remove`.

    Running it again changes nothing. Everything is judged before anything is changed.

    Raises:
        ConfigurationRefused: no such pool, application, Secret block or variable, a taken name, an untested version of Prefect.
        ContinuityError: the server cannot be reached, or refused.

    """
    folder = environment.applications
    known = list_applications(folder)
    chosen = wish.names or known
    described = {name: load_application(folder, name) for name in chosen if name in known or not wish.remove}
    wanted = definitions(described, described, prefix=wish.prefix)
    with prefect_client(environment.prefect.api_url) as client:
        version = refuse_untested(client)
        pool = _find_pool(client, wish.pool)
        _refuse_unknown_secrets(client, wish.secrets)
        variables = _job_variables(wish, pool)
        target = Target(work_pool=pool.name, job_variables=variables, keep_schedules=True)
        changes = put(client, wanted, target, dry_run=wish.dry_run)
        left = _left(client, wish, known, {each.id for each in changes})
        patience = Patience(backup=timedelta(hours=environment.prefect.missed_backup_hours))
        automations = _automate(client, wanted, changes, wish, patience) if wish.automations else []
    return Deployed(
        pool=pool,
        server_version=version,
        definitions=wanted,
        deployments=(*changes, *left),
        automations=tuple(automations),
    )


def automate(
    client: SyncPrefectClient,
    wanted: Sequence[Definition],
    changes: Sequence[Change],
    *,
    prefix: str = "",
    patience: Patience | None = None,
    dry_run: bool = False,
) -> list[Change]:
    """Create or change the automations of the applications whose deployments have been put."""
    keys: dict[str, dict[str, UUID]] = {}
    for definition, change in zip(wanted, changes, strict=True):
        keys.setdefault(definition.application, {})[definition.offer] = change.id or NOWHERE
    cores = [
        core
        for application, deployments in keys.items()
        for core in automations_of(application, deployments, prefix=prefix, patience=patience)
    ]
    return establish(client, cores, dry_run=dry_run)


def _automate(
    client: SyncPrefectClient, wanted: Sequence[Definition], changes: Sequence[Change], wish: Wish, patience: Patience
) -> list[Change]:
    return automate(client, wanted, changes, prefix=wish.prefix, patience=patience, dry_run=wish.dry_run)


def _find_pool(client: SyncPrefectClient, name: str) -> WorkPool:
    pools = {pool.name: pool for pool in client.read_work_pools()}
    if name not in pools:
        there = ", ".join(f"{pool.name} ({pool.type})" for pool in pools.values()) or "none"
        raise ConfigurationRefused(
            f"the Prefect server has no work pool {name!r}; it has: {there}",
            detail="Nothing was changed.",
            hint=f"Name one of them, or make one: `prefect work-pool create {name} --type process`.",
        )
    return pools[name]


def _refuse_unknown_secrets(client: SyncPrefectClient, secrets: Mapping[str, str]) -> None:
    for variable, block in secrets.items():
        if not _VARIABLE.fullmatch(variable) or not _BLOCK.fullmatch(block):
            # It may be the secret itself that was given: it is not shown.
            raise ConfigurationRefused(
                "--env-secret takes VARIABLE=BLOCK, the name of a Secret block of Prefect",
                hint="Names of blocks are lower case letters, digits and dashes. The value belongs into the block.",
            )
        try:
            client.read_block_document_by_name(block, "secret", include_secrets=False)
        except ObjectNotFound as error:
            raise ConfigurationRefused(
                f"the Prefect server has no Secret block {block!r}",
                detail="Nothing was changed.",
                hint="Make it in the pages: Blocks, Secret.",
            ) from error


def _job_variables(wish: Wish, pool: WorkPool) -> dict[str, Any]:
    """Return the variables of the pool that the deployments set, those of the runs' processes among them.

    Raises:
        ConfigurationRefused: the pool does not know one, or a value carries a password.

    """
    env = dict(JOB_ENVIRONMENT) | ({ENVIRONMENT_VARIABLE: wish.run_environment} if wish.run_environment else {})
    env |= {variable: f"{{{{ prefect.blocks.secret.{block} }}}}" for variable, block in wish.secrets.items()}
    if "env" in wish.job_variables:
        raise ConfigurationRefused(
            "variables of a run's process are not given by --job-variable", hint="Use --env-secret and --run-environment."
        )
    if carrying := [name for name, value in wish.job_variables.items() if _CREDENTIALS.search(value)]:
        raise ConfigurationRefused(
            f"the job variable {carrying[0]} carries a password", hint="Whoever sees the server sees it: name a Secret instead."
        )
    variables = {"env": env} | {name: _value(text) for name, text in wish.job_variables.items()}
    known = pool.base_job_template.get("variables", {}).get("properties", {})
    if unknown := sorted(set(variables) - set(known)):
        raise ConfigurationRefused(
            f"the work pool {pool.name!r} ({pool.type}) has no variable {unknown[0]!r}; it has: {', '.join(sorted(known))}",
            detail="Nothing was changed.",
        )
    return variables


def _value(text: str) -> Any:
    """Read a number or truth value as what it is, and all else as text."""
    try:
        read = json.loads(text)
    except ValueError:
        return text
    return read if isinstance(read, (bool, int, float)) else text


def _left(client: SyncPrefectClient, wish: Wish, known: Sequence[str], kept: set[UUID | None]) -> list[Change]:
    """Find what was put here once and is no longer offered, and remove it where that was asked for.

    An application that is not in the folder may be another environment's: it goes only when it is named.
    """
    changes, gone = [], set()
    for application, found in ours(client, prefix=wish.prefix):
        if found.id in kept or (wish.names and application not in wish.names):
            continue
        unknown = application not in known
        removable = wish.remove and (not unknown or application in wish.names)
        what = (f"the application {application} is not in the folder",) if unknown else ()
        if removable and not wish.dry_run:
            client.delete_deployment(found.id)
            gone |= {application} if unknown else set()
        kind = ChangeKind.REMOVED if removable else ChangeKind.LEFT
        changes.append(Change(name=found.name, kind=kind, what=what, id=found.id))
    for application in sorted(gone):
        remove_automations(client, prefix=wish.prefix, application=application)
    return changes
