"""What opens an incident, how bad that is, and what belongs to one that is open already. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from continuity.domain.alerts import AcceptedAlert, Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain, IncidentId, Opened, Origin, incident_id
from continuity.domain.incidents import Incident, in_order, worse
from continuity.domain.plan import Verb
from continuity.domain.run import Outcome, RunId, application_of_run, verb_of_run

JOINED_WITHIN = timedelta(hours=1)
"""What is noticed within this time of an open incident, and is no worse, is taken for the same trouble."""

LEVELS: Mapping[Outcome, tuple[Level, Level]] = {
    Outcome.UNDONE: (Level.HIGH, Level.MEDIUM),
    Outcome.INCOMPLETE: (Level.CRITICAL, Level.HIGH),
    Outcome.UNDO_INCOMPLETE: (Level.CRITICAL, Level.HIGH),
}
"""What a run's outcome opens: of runs that an emergency waits for, and of all others. One that is done opens nothing."""
EMERGENCY = frozenset({Verb.ROLLBACK, Verb.RECOVERY, Verb.HOLD, Verb.RELEASE, Verb.UNDO})
LATE = (Level.HIGH, Level.MEDIUM)
"""What a stage that has passed its budget opens, likewise."""
ABANDONED = (Level.CRITICAL, Level.HIGH)
"""What a run opens whose process is gone, likewise."""


def opening_of_alert(alert: AcceptedAlert, *, now: datetime, exercise: bool) -> Opened:
    """Return the incident that an accepted alert opens, as bad as its route says."""
    return Opened(
        incident=incident_id(alert.application, began=alert.started, origin=Origin.ALERT, refers=alert.id),
        application=alert.application,
        title=alert.alert,
        level=alert.level,
        chain=Chain.TECHNICAL,
        origin=Origin.ALERT,
        refers=alert.id,
        began=min(alert.started, now),
        noticed=now,
        by=alert.source.value,
        summary=alert.summary,
        exercise=exercise,
    )


def opening_of_run(
    run: RunId, levels: tuple[Level, Level], *, title: str, summary: str, began: datetime, now: datetime, exercise: bool
) -> Opened:
    """Return the incident that a run opens: the first of the levels where an emergency waits for such a run."""
    application, verb = application_of_run(run), verb_of_run(run)
    return Opened(
        incident=incident_id(application, began=began, origin=Origin.RUN, refers=run),
        application=application,
        title=title,
        level=levels[0] if verb in EMERGENCY else levels[1],
        chain=Chain.TECHNICAL,
        origin=Origin.RUN,
        refers=run,
        began=began,
        noticed=now,
        by=run,
        summary=summary,
        exercise=exercise or verb is Verb.REHEARSAL,
    )


def opening_by_hand(  # noqa: PLR0913 -- everything that a person says
    application: ApplicationName,
    *,
    title: str,
    level: Level,
    chain: Chain,
    began: datetime,
    now: datetime,
    by: str,
    summary: str,
    exercise: bool,
) -> Opened:
    """Return the incident that a person opens: always one of its own."""
    return Opened(
        incident=incident_id(application, began=began, origin=Origin.PERSON, refers=title),
        application=application,
        title=title,
        level=level,
        chain=chain,
        origin=Origin.PERSON,
        refers="",
        began=began,
        noticed=now,
        by=by,
        summary=summary,
        exercise=exercise,
    )


def belongs_to(opened: Opened, incidents: Iterable[Incident]) -> Incident | None:
    """Return the open incident that something belongs to instead of opening one of its own, or None.

    A run belongs to whatever is open of its application: it is what is done about it. Anything else to one of the same cause,
    however long that is open; or to one that was noticed within the hour, where it is no worse: what fails together is one
    trouble. What is worse and of another cause is opened, so that a small incident which nobody has ended hides no large one.
    """
    standing = [each for each in in_order(incidents) if not each.resolved and each.opened.exercise is opened.exercise]
    for each in standing:
        if opened.origin is Origin.RUN or (each.opened.origin, each.opened.title) == (opened.origin, opened.title):
            return each
    if opened.origin is Origin.PERSON:
        return None
    return next((each for each in standing if _fails_together(opened, each)), None)


def worst(one: Level, other: Level) -> Level:
    """Return the worse one of two levels."""
    return one if worse(one, other) else other


def known_as(refers: str, incidents: Iterable[Incident]) -> IncidentId | None:
    """Return the incident, open or over, that an alert or a run belongs to."""
    return next((each.id for each in incidents if refers in each.refers), None)


def _fails_together(opened: Opened, incident: Incident) -> bool:
    near = abs(opened.noticed - incident.opened.noticed) <= JOINED_WITHIN
    return near and opened.chain is incident.opened.chain and not worse(opened.level, incident.level)
