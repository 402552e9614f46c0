"""All measures of an application over a period, from its records. Pure; docs/measures.md explains each of them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from continuity.domain.application import Objectives
from continuity.domain.availability import Watched, availability
from continuity.domain.incident_measures import IncidentTimes, incident_measures
from continuity.domain.measure import Measure
from continuity.domain.records import DrillDone, RunEnded
from continuity.domain.run_measures import run_measures
from continuity.domain.spans import Span, in_utc

USUAL_PERIOD = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is measured from, in any order: real and exercise together, and more than the period if that is at hand."""

    incidents: tuple[IncidentTimes, ...] = ()
    runs: tuple[RunEnded, ...] = ()
    drills: tuple[DrillDone, ...] = ()
    watched: Watched | None = None
    """None where the history of health cannot be read, or there is none."""
    unreadable: int = 0
    """Records that are there and say nothing."""


def measure(
    evidence: Evidence, objectives: Objectives, *, since: datetime, until: datetime, exercise: bool = False, now: datetime
) -> tuple[Measure, ...]:
    """Measure the period from `since` on and before `until`: the real thing, or with `exercise` drills and exercises alone.

    Availability is measured of the real thing alone.
    """
    period = Span(began=since.astimezone(UTC), ended=min(until, now).astimezone(UTC))
    to_present = until >= now

    def counts(moment: datetime) -> bool:
        # What is recorded has happened: a clock that is ahead must not take it out of a period that reaches the present.
        return period.holds(moment) or (to_present and moment >= period.ended)

    incidents = [each for each in map(in_utc, evidence.incidents) if counts(each.noticed)]
    runs = [each for each in map(in_utc, evidence.runs) if counts(each.ended)]
    drills = [each for each in map(in_utc, evidence.drills) if counts(each.finished)]
    measures = (
        *incident_measures(
            [each for each in incidents if each.exercise is exercise],
            exercise=exercise,
            recorded=bool(runs or drills or evidence.watched),
            now=now.astimezone(UTC),
        ),
        *run_measures(
            [each for each in runs if each.exercise is exercise], drills, objectives, exercise=exercise, until=period.ended
        ),
        *(() if exercise else (availability(evidence.watched or Watched(), period),)),
    )
    return tuple(_with_unreadable(each, evidence.unreadable) for each in measures)


def _with_unreadable(measure: Measure, unreadable: int) -> Measure:
    if not unreadable:
        return measure
    return replace(measure, because="; ".join(filter(None, [measure.because, f"{unreadable} records cannot be read"])))
