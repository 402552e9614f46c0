"""Puts deployments on a Prefect server, and tells what that changes there.

`prefect deploy` takes the form from the flow's signature, which cannot know the applications. Here each deployment's form
offers its own application and no other; all else is as in prefect.yaml.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    DeploymentFilterTags,
    FlowFilter,
    FlowFilterName,
)
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from continuity.errors import ConfigurationRefused
from deployments.offers import JOB_ENVIRONMENT, TAG, WORK_POOL, Definition
from deployments.prefect_client import prefect_client

logger = logging.getLogger(__name__)

PAGE = 200
"""How many records a server gives at once."""


class ChangeKind(StrEnum):
    """What putting something on a server does to it."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LEFT = "no longer offered"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of one deployment or automation. `id` is None where it is not there yet."""

    name: str
    kind: ChangeKind
    what: tuple[str, ...] = ()
    """Which of its properties differ."""
    id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the runs of deployments are made, and with which variables of their work pool."""

    work_pool: str = WORK_POOL
    job_variables: Mapping[str, Any] = field(default_factory=lambda: {"env": dict(JOB_ENVIRONMENT)})
    keep_schedules: bool = False
    """Whether what people have set in the pages stays: schedules that they have added, paused or given parameters."""


def register(definitions: Iterable[Definition], *, api_url: str) -> list[Change]:
    """Make the product's own work pool where there is none, and make the deployments what they are defined as.

    Running it again changes nothing. A deployment that is no longer defined is left: its runs may still be wanted.

    Raises:
        ContinuityError: the server cannot be reached, or refused.

    """
    with prefect_client(api_url) as client:
        if WORK_POOL not in {pool.name for pool in client.read_work_pools()}:
            client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", description="Runs of Continuity"))
        changes = put(client, list(definitions), Target())
    logger.info("registered deployments=%d api=%s", len(changes), api_url)
    return changes


def put(client: SyncPrefectClient, definitions: Sequence[Definition], target: Target, *, dry_run: bool = False) -> list[Change]:
    """Make deployments what they are defined as, or with `dry_run` only tell what that would change.

    Raises:
        ConfigurationRefused: a name is taken by another application's deployment; nothing was changed.

    """
    flows: dict[str, Flow[..., Any]] = {each.entrypoint: load_flow_from_entrypoint(each.entrypoint) for each in definitions}
    there = _find(client, {each.name for each in definitions}, {flow.name for flow in flows.values()})
    for each in definitions:
        _refuse_taken(each, there.get((flows[each.entrypoint].name, each.name)))
    changes = []
    for each in definitions:
        flow = flows[each.entrypoint]
        found = there.get((flow.name, each.name))
        wanted = _wanted(each, flow, target, found)
        what = _differences(found, wanted) if found else ()
        kind = ChangeKind.CREATED if found is None else ChangeKind.CHANGED if what else ChangeKind.UNCHANGED
        key = found.id if found else None
        if kind is not ChangeKind.UNCHANGED and not dry_run:
            key = client.create_deployment(flow_id=client.create_flow(flow), name=each.name, **wanted)
        changes.append(Change(name=each.name, kind=kind, what=what, id=key))
    return changes


def ours(client: SyncPrefectClient, *, prefix: str) -> Iterator[tuple[str, DeploymentResponse]]:
    """Yield the deployments that were put under this prefix, each with its application: by their tag, name and parameter."""
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    for each in _read(client, tagged):
        application = each.parameters.get("application", "")
        if application and each.name.startswith(f"{prefix}{application}-"):
            yield application, each


def form_of(
    flow: Flow[..., Any], application: str, choices: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the flow's form with one application to choose, and what its description offers for other fields."""
    schema = parameter_schema(flow).model_dump_for_openapi()
    schema["properties"]["application"] |= {"enum": [application], "default": application}
    for name, offered in choices.items():
        schema["properties"][name] |= {"enum": list(offered)}
    return schema


def _read(client: SyncPrefectClient, chosen: DeploymentFilter) -> Iterator[DeploymentResponse]:
    offset = 0
    while page := client.read_deployments(deployment_filter=chosen, limit=PAGE, offset=offset):
        yield from page
        offset += len(page)


def _find(client: SyncPrefectClient, names: set[str], flows: set[str]) -> dict[tuple[str, str], DeploymentResponse]:
    """Read the deployments of these names, by flow and name: another flow's deployment may have the same."""
    of_flows = FlowFilter(name=FlowFilterName(any_=sorted(flows)))
    known = {flow.id: flow.name for flow in client.read_flows(flow_filter=of_flows)}
    chosen = DeploymentFilter(name=DeploymentFilterName(any_=sorted(names)))
    return {(known[each.flow_id], each.name): each for each in _read(client, chosen) if each.flow_id in known}


def _refuse_taken(definition: Definition, found: DeploymentResponse | None) -> None:
    owner = found.parameters.get("application") if found else None
    if found and owner != definition.application:
        raise ConfigurationRefused(
            f"the deployment {definition.name} is there and belongs to the application {owner!r}",
            detail="Nothing was changed.",
            hint="Choose another --prefix.",
        )


def _wanted(definition: Definition, flow: Flow[..., Any], target: Target, found: DeploymentResponse | None) -> dict[str, Any]:
    """Return what a deployment has to be, as Prefect's client takes it."""
    return {
        "entrypoint": definition.entrypoint,
        "description": definition.description,
        "tags": list(definition.tags),
        "parameters": dict(definition.parameters),
        "parameter_openapi_schema": form_of(flow, definition.application, definition.choices),
        "enforce_parameter_schema": True,
        "schedules": _schedules(definition, found if target.keep_schedules else None),
        "concurrency_limit": 1,
        "concurrency_options": ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        "work_pool_name": target.work_pool,
        "job_variables": dict(target.job_variables),
        "pull_steps": [],
    }


def _schedules(definition: Definition, found: DeploymentResponse | None) -> list[DeploymentScheduleCreate]:
    """Return the schedules of a deployment: the hour is ours, whether it runs and with what is whoever's set it there."""
    there = list(found.schedules) if found else []
    known = {each.slug: each for each in there if each.slug}
    schedules = []
    for each in definition.schedules:
        before = known.get(each.slug)
        schedules.append(
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron=each.cron, timezone="UTC"),
                active=before.active if before else True,
                parameters={**each.parameters, **(before.parameters if before else {})},
                slug=each.slug,
            )
        )
    offered = {each.slug for each in definition.schedules}
    added = [each for each in there if each.slug not in offered]
    return schedules + [
        DeploymentScheduleCreate(schedule=each.schedule, active=each.active, parameters=each.parameters, slug=each.slug)
        for each in added
    ]


def _differences(found: DeploymentResponse, wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the properties in which a deployment is not what it has to be."""
    limit, options = found.global_concurrency_limit, found.concurrency_options
    strategy = wanted["concurrency_options"].collision_strategy
    same = {
        "schedules": _plain_schedules(found.schedules) == _plain_schedules(wanted["schedules"]),
        "concurrency": (limit.limit if limit else None, options.collision_strategy if options else None)
        == (wanted["concurrency_limit"], strategy),
        "tags": set(found.tags) == set(wanted["tags"]),
        "pull_steps": (found.pull_steps or []) == wanted["pull_steps"],
    }
    compared = {"entrypoint", "description", "parameters", "parameter_openapi_schema", "enforce_parameter_schema"}
    same |= {name: getattr(found, name) == wanted[name] for name in compared | {"work_pool_name", "job_variables"}}
    return tuple(sorted(name for name, is_same in same.items() if not is_same))


def _plain_schedules(schedules: Sequence[Any]) -> list[tuple[str, str, bool, str]]:
    return sorted(
        (each.slug or "", each.schedule.model_dump_json(), each.active, str(sorted(each.parameters.items())))
        for each in schedules
    )
