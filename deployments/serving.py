"""Registers deployments on a Prefect server.

`prefect deploy` takes the form from the flow's signature, which cannot know the applications. Here each deployment's form
offers its own application and no other; all else is as in prefect.yaml.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema

from continuity.errors import ContinuityError
from deployments.offers import JOB_ENVIRONMENT, WORK_POOL, Definition, Schedule

logger = logging.getLogger(__name__)


def register(definitions: Iterable[Definition], *, api_url: str) -> list[str]:
    """Make the work pool where there is none, and make or renew the deployments; return their names.

    Running it again changes nothing. A deployment that is no longer defined is left: its runs may still be wanted.

    Raises:
        ContinuityError: the server cannot be reached, or refused.

    """
    with temporary_settings({PREFECT_API_URL: api_url}), get_client(sync_client=True) as client:
        try:
            _make_work_pool(client)
            registered = [_register(client, each) for each in definitions]
        except httpx.HTTPError as error:
            raise ContinuityError(
                f"the Prefect server at {api_url} did not take the deployments: {error}",
                hint="See that it runs, and repeat the command.",
                transient=True,
            ) from error
    logger.info("registered deployments=%d api=%s", len(registered), api_url)
    return registered


def _make_work_pool(client: SyncPrefectClient) -> None:
    if WORK_POOL not in {pool.name for pool in client.read_work_pools()}:
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", description="Runs of Continuity"))


def _register(client: SyncPrefectClient, definition: Definition) -> str:
    flow: Flow[..., Any] = load_flow_from_entrypoint(definition.entrypoint)
    client.create_deployment(
        flow_id=client.create_flow(flow),
        name=definition.name,
        entrypoint=definition.entrypoint,
        description=definition.description,
        tags=list(definition.tags),
        parameters=dict(definition.parameters),
        parameter_openapi_schema=form_of(flow, definition.application, definition.choices),
        enforce_parameter_schema=True,
        schedules=[_schedule(each) for each in definition.schedules],
        concurrency_limit=1,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        work_pool_name=WORK_POOL,
        job_variables={"env": JOB_ENVIRONMENT},
        pull_steps=[],
    )
    return f"{flow.name}/{definition.name}"


def form_of(
    flow: Flow[..., Any], application: str, choices: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the flow's form with one application to choose, and what its description offers for other fields."""
    schema = parameter_schema(flow).model_dump_for_openapi()
    schema["properties"]["application"] |= {"enum": [application], "default": application}
    for name, offered in choices.items():
        schema["properties"][name] |= {"enum": list(offered)}
    return schema


def _schedule(schedule: Schedule) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(
        schedule=CronSchedule(cron=schedule.cron, timezone="UTC"), parameters=dict(schedule.parameters), slug=schedule.slug
    )
