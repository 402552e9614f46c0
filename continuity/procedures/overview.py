"""Everything that pages show of an application, read from its vault."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from continuity.adapters.people_files import load_people
from continuity.adapters.risk_files import load_risks
from continuity.domain.application import Application
from continuity.domain.coverage import Prepared, find_gaps
from continuity.domain.incident_measures import times_of
from continuity.domain.measures import Evidence, measure
from continuity.domain.media_replica import unprotected
from continuity.domain.overview import Overview
from continuity.domain.page import Page
from continuity.domain.records import Review
from continuity.domain.risks import weigh
from continuity.domain.status_page import status_page
from continuity.errors import ConfigurationRefused
from continuity.procedures.incidents import read_incidents, records_of
from continuity.procedures.records import read_history
from continuity.procedures.standing import assess_application
from continuity.settings import Environment

STATUS_PERIOD = timedelta(days=90)
"""How far back the status page looks."""


def read_overview(
    application: Application,
    environment: Environment,
    *,
    since: datetime,
    now: datetime,
    measured_since: Callable[[Sequence[Review]], datetime] | None = None,
) -> Overview:
    """Read an application's points, records and incidents from a moment on. Changes nothing.

    `measured_since` chooses by the reviews that were held from which moment on is measured; without it that is `since`.

    Raises:
        VaultError: the vault cannot be reached.

    """
    assessed = assess_application(application, environment, now=now, with_runs=True)
    status = assessed.status
    history = read_history(environment, application.name, since=since, until=now)
    read = read_incidents(records_of(environment), application.name)
    unreadable = (*history.unreadable, *read.unreadable)
    evidence = Evidence(
        incidents=tuple(map(times_of, read.incidents)),
        runs=history.runs,
        drills=history.drills,
        unreadable=len(unreadable),
    )
    began = measured_since(history.reviews) if measured_since else since
    newest = status.newest.manifest if status.newest else None
    prepared = _prepared(application, environment)
    media = unprotected(application, newest, replica=environment.media.replica_bucket) if newest else ""
    return Overview(
        application=application,
        status=status,
        gaps=find_gaps(application, status, prepared, media=media),
        drills=history.drills,
        runs=tuple(sorted(history.runs, key=lambda each: each.ended)),
        incidents=read.incidents,
        reviews=history.reviews,
        measures=measure(evidence, application.objectives, since=began, until=now, now=now),
        exercises=measure(evidence, application.objectives, since=began, until=now, exercise=True, now=now),
        risks=weigh(prepared.risks, read.incidents, until=now) if prepared.risks else None,
        unreadable=unreadable,
        since=began,
        now=now,
    )


def read_status_page(application: Application, environment: Environment, *, now: datetime) -> Page:
    """Make the status page of what there is now. Changes nothing.

    Raises:
        VaultError: the vault cannot be reached.

    """
    return status_page(read_overview(application, environment, since=now - STATUS_PERIOD, now=now))


def _prepared(application: Application, environment: Environment) -> Prepared:
    """Read who is told and what may go wrong. A file that cannot be used is a gap, and no reason to show nothing."""
    known = Prepared(people=False)
    try:
        known = replace(known, people=load_people(environment.applications, application.name) is not None)
    except ConfigurationRefused as error:
        known = replace(known, people_refused=error.message)
    try:
        risks = load_risks(environment.applications, application, flows=None)
    except ConfigurationRefused as error:
        return replace(known, risks_refused=error.message)
    return replace(known, risks=risks or None)
