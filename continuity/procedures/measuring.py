"""Read the records of a period, and measure it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.application import Application
from continuity.domain.availability import Watched
from continuity.domain.incident_measures import times_of
from continuity.domain.measure import Measure
from continuity.domain.measures import Evidence, measure
from continuity.domain.records import Unreadable
from continuity.errors import ConfigurationRefused
from continuity.procedures.incidents import read_incidents, records_of
from continuity.procedures.records import read_history
from continuity.settings import Environment

LONGEST_UNSEEN = timedelta(days=365)
"""An incident that was noticed within a period began no longer before it."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The measures of a period, and the records that could not be read."""

    since: datetime
    until: datetime
    measures: tuple[Measure, ...]
    unreadable: tuple[Unreadable, ...]


def measure_application(
    application: Application,
    environment: Environment,
    *,
    since: datetime,
    until: datetime,
    exercise: bool = False,
    watched: Watched | None = None,
    now: datetime,
) -> Measured:
    """Measure the period from `since` on and before `until`, or its drills and exercises alone. Changes nothing.

    `watched` is the history of health; None where there is none.

    Raises:
        ConfigurationRefused: the period has no time in it.
        VaultError: the vault cannot be reached.

    """
    if not since < min(until, now):
        raise ConfigurationRefused(
            f"from {since:%Y-%m-%d %H:%M %Z} to {until:%Y-%m-%d %H:%M %Z} nothing has happened",
            hint="Give a --since that is past, and earlier than --until; without a zone both are UTC.",
        )
    # What is recorded in the future, by a clock that is ahead, has happened: a period that reaches the present has it.
    history = read_history(environment, application.name, since=since, until=until if until < now else now + LONGEST_UNSEEN)
    read = read_incidents(records_of(environment), application.name, since=since - LONGEST_UNSEEN)
    unreadable = (*history.unreadable, *read.unreadable)
    evidence = Evidence(
        incidents=tuple(map(times_of, read.incidents)),
        runs=history.runs,
        drills=history.drills,
        watched=watched,
        unreadable=len(unreadable),
    )
    measures = measure(evidence, application.objectives, since=since, until=until, exercise=exercise, now=now)
    return Measured(since=since, until=min(until, now), measures=measures, unreadable=unreadable)
