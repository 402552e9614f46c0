"""What Prefect offers for every application: which flows, when by night, and with which parameters.

A new flow is one more entry of `OFFERS`. `python -m deployments.offers > deployments/prefect.yaml` writes it for
`prefect deploy`, with a folder as argument for other applications than the samples; `deployments.serving` registers the
same on a server.
"""

import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from continuity.adapters.application_files import list_applications
from continuity.domain.application import Application

WORK_POOL = "continuity"
TAG = "continuity"
"""On every deployment, and so on every run: a server that others use too has other runs."""
HEARTBEAT_SECONDS = 60
"""How often a run says that its process lives. A rollback may take an hour: it must not be dead for long unseen."""
SAMPLES = Path(__file__).parents[1] / "applications"
JOB_ENVIRONMENT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "continuity,expectations,flows,tasks",
    # Those of helper threads cannot be placed.
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
}
"""What every run's process is told: the product's own log lines belong into the log of the run."""


@dataclass(frozen=True, kw_only=True)
class Nightly:
    """A regular start. The minute is the application's own, see `minute_of`.

    `days` is cron's day of the week, `dates` its day of the month: where both are given, either one starts a run.
    """

    slug: str
    hour_utc: int
    days: str = "*"
    dates: str = "*"
    months: str = "*"
    parameters: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A flow, as it is offered for each application under the name `<application>-<name>`."""

    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: Mapping[str, str | bool] = field(default_factory=dict)
    nightly: tuple[Nightly, ...] = ()
    choices: Mapping[str, Callable[[Application], tuple[str, ...]]] = field(default_factory=dict)
    """What a parameter may be, read from the application's description; where that says nothing, it is free text."""
    journaled: bool = False
    """Whether its runs carry out approved plans for the application: one that is interrupted can be gone on with."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A cron line in UTC, and what differs from the deployment's parameters when it starts a run."""

    slug: str
    cron: str
    parameters: Mapping[str, str | bool]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One deployment: an offer for one application. `name` begins with the environment's prefix."""

    name: str
    offer: str
    application: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: Mapping[str, str | bool]
    schedules: tuple[Schedule, ...]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the form offers for a parameter. A file for `prefect deploy` cannot carry it."""


def _flag_names(application: Application) -> tuple[str, ...]:
    return application.flags.names if application.flags else ()


def _phase_names(application: Application) -> tuple[str, ...]:
    return tuple(phase.name for phase in application.phases)


OFFERS = (
    Offer(
        name="backup",
        entrypoint="flows.backup:nightly_backup",
        description="Makes a recovery point, restores it beside the live database, and judges it.",
        tags=("backup", "nightly"),
        nightly=(Nightly(slug="nightly", hour_utc=1),),
    ),
    Offer(
        name="validation",
        entrypoint="flows.validation:validate_data",
        description="Judges the live database by its suites and rules. Reads only.",
        tags=("validation", "nightly"),
        nightly=(Nightly(slug="nightly", hour_utc=3),),
    ),
    Offer(
        name="drill",
        entrypoint="flows.drill:restore_drill",
        description="Restores a recovery point into a scratch database and judges it. By night the one that is due: each point"
        " once in its life, then the oldest and a random one in turn.",
        tags=("drill", "nightly"),
        nightly=(Nightly(slug="nightly", hour_utc=4, parameters={"point": "due"}),),
    ),
    Offer(
        name="expiry",
        entrypoint="flows.expiry:expire_points",
        description="Says which recovery points the policy lets go, and why. By night none is removed: that takes `carry_out`.",
        tags=("expiry", "nightly"),
        nightly=(Nightly(slug="nightly", hour_utc=5),),
    ),
    Offer(
        name="rollback",
        entrypoint="flows.rollback:emergency_rollback",
        description="Goes back to a proven point: shows the plan, and waits for a person to approve it before anything is done.",
        tags=("rollback",),
        journaled=True,
    ),
    Offer(
        name="recovery",
        entrypoint="flows.recovery:disaster_recovery",
        description="Stands the application up again in an empty place, from the vault alone: shows the plan and what is missing,"
        " and waits for a person to approve it.",
        tags=("recovery",),
        journaled=True,
    ),
    Offer(
        name="rehearsal",
        entrypoint="flows.rehearsal:rehearse_recovery",
        description="Recovers into a scratch place, times every stage against its budget, and clears all of it away.",
        tags=("recovery", "rehearsal"),
        nightly=(Nightly(slug="weekly", hour_utc=2, days="0"),),
    ),
    Offer(
        name="incident",
        entrypoint="flows.handle_incident:handle_incident",
        description="Tells people of an incident, and asks one after the other until somebody takes it on: here by a form.",
        tags=("incident",),
    ),
    Offer(
        name="undo",
        entrypoint="flows.undo:undo_run",
        description="Takes a finished run back by the inverse of each of its steps: shows the plan, and waits for a person to"
        " approve it.",
        tags=("undo", "rollback"),
        journaled=True,
    ),
    Offer(
        name="resume",
        entrypoint="flows.resume:resume_run",
        description="Goes on with a run that was interrupted, exactly as it was approved. Does nothing where no run is open, or"
        " where its process lives.",
        tags=("resume", "rollback"),
        journaled=True,
    ),
    Offer(
        name="phase",
        entrypoint="flows.phase:roll_back_phase",
        description="Takes one phase of the application back, flags, code, schema and media: shows the plan, and waits for a"
        " person to approve it. Nothing is dropped.",
        tags=("phase", "rollback"),
        choices={"phase": _phase_names},
        journaled=True,
    ),
    Offer(
        name="feature",
        entrypoint="flows.feature:switch_feature",
        description="Switches a feature on or off by its flag: shows the plan, and waits for a person to approve it.",
        tags=("feature", "rollback"),
        choices={"flag": _flag_names},
        journaled=True,
    ),
    Offer(
        name="media",
        entrypoint="flows.media:roll_back_media",
        description="Brings the media bucket back to a moment, without deleting a version of any file: shows the plan, and waits"
        " for a person to approve it.",
        tags=("rollback", "media"),
        journaled=True,
    ),
    Offer(
        name="column",
        entrypoint="flows.column:roll_back_column",
        description="Sets one column, table or constraint aside, without dropping or copying anything: shows the plan, and waits"
        " for a person to approve it before anything is done.",
        tags=("rollback", "partial"),
        journaled=True,
    ),
    Offer(
        name="review",
        entrypoint="flows.review:hold_review",
        description="Says what has changed since the last review, what is open and what is not covered, and records it. Changes"
        " nothing of the application.",
        tags=("review",),
        nightly=(
            # An hour each: of two runs of a deployment at the same time the second would be cancelled.
            Nightly(slug="weekly", hour_utc=6, days="1", parameters={"kind": "weekly"}),
            Nightly(slug="monthly", hour_utc=7, dates="1", parameters={"kind": "monthly"}),
            Nightly(slug="quarterly", hour_utc=8, dates="1", months="1,4,7,10", parameters={"kind": "quarterly"}),
        ),
    ),
)


def minute_of(application: str) -> int:
    """Return the minute at which an application's nightly runs start.

    It follows from the name: the runs of many applications are spread over the hour, and another one moves none.
    """
    return zlib.crc32(application.encode()) % 60


def definitions(
    applications: Iterable[str], described: Mapping[str, Application] = MappingProxyType({}), *, prefix: str = ""
) -> tuple[Definition, ...]:
    """Return the deployments of these applications; those that are `described` have forms that know them."""
    return tuple(_define(offer, each, described.get(each), prefix) for each in applications for offer in OFFERS)


def _define(offer: Offer, application: str, described: Application | None, prefix: str) -> Definition:
    minute = minute_of(application)
    return Definition(
        name=f"{prefix}{application}-{offer.name}",
        offer=offer.name,
        application=application,
        entrypoint=offer.entrypoint,
        description=offer.description,
        tags=(TAG, application, *offer.tags),
        parameters={"application": application, **offer.parameters},
        schedules=tuple(
            Schedule(
                slug=each.slug,
                cron=f"{minute} {each.hour_utc} {each.dates} {each.months} {each.days}",
                parameters=each.parameters,
            )
            for each in offer.nightly
        ),
        choices={name: found for name, read in offer.choices.items() if described and (found := read(described))},
    )


def prefect_file(deployments: Iterable[Definition]) -> Iterator[str]:
    """Write definitions as the lines of a prefect.yaml. JSON's values are YAML's (YAML 1.2, section 1.3)."""
    yield from (
        "# Written by `python -m deployments.offers > deployments/prefect.yaml`: change deployments/offers.py instead.",
        "# From the root: `prefect work-pool create continuity --type process`, then",
        "# `prefect --no-prompt deploy --all --prefect-file deployments/prefect.yaml`. See docs/runbooks/prefect.md.",
        "name: continuity",
        "# Flows come with the installed package: nothing is pulled.",
        "pull: []",
        "definitions:",
        "  work_pool: &pool",
        f"    name: {WORK_POOL}",
        f"    job_variables: {json.dumps({'env': JOB_ENVIRONMENT})}",
        "  # Politeness: whoever comes second is told at once. What excludes is the vault, whose objects are created once.",
        "  concurrency_limit: &one {limit: 1, collision_strategy: CANCEL_NEW}",
        "deployments:",
    )
    for each in deployments:
        yield f"  - name: {each.name}"
        yield f"    entrypoint: {each.entrypoint}"
        yield f"    description: {json.dumps(each.description)}"
        yield f"    tags: {json.dumps(each.tags)}"
        yield f"    parameters: {json.dumps(each.parameters)}"
        yield "    work_pool: *pool"
        yield "    concurrency_limit: *one"
        yield "    schedules:" if each.schedules else "    schedules: []"
        for schedule in each.schedules:
            yield f"      - slug: {schedule.slug}"
            yield f'        cron: "{schedule.cron}"'
            yield "        timezone: UTC"
            if schedule.parameters:
                yield f"        parameters: {json.dumps(schedule.parameters)}"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    print("\n".join(prefect_file(definitions(list_applications(folder)))))  # noqa: T201 -- a file's content, for a redirection
