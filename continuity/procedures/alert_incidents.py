"""The incident of an accepted alert: people hear of it whatever becomes of the run that the alert starts."""

from datetime import UTC, datetime, timedelta

from continuity.domain.alerts import AcceptedAlert, Heard
from continuity.domain.incident import IncidentId, Linked, Origin
from continuity.domain.opening import opening_of_alert
from continuity.procedures.incidents import link_run, open_or_join, records_of
from continuity.settings import Environment

NEWS = timedelta(days=1)
"""An alert that was accepted longer ago, and that nobody was told of, is history: a receiver of an older release has it."""


def open_for_alert(alert: AcceptedAlert, environment: Environment) -> Heard:
    """Open the incident of an alert, or add it to the one that it belongs to. Called again it changes nothing.

    Raises:
        VaultError: it cannot be recorded.

    """
    now = datetime.now(UTC)
    if now - alert.accepted > NEWS:
        return Heard(alert=alert.id, at=now, because=f"it was accepted more than {NEWS.total_seconds() / 3600:g} h ago")
    opened = opening_of_alert(alert, now=now, exercise=environment.incidents.exercise)
    incident, new = open_or_join(records_of(environment), opened)
    return Heard(alert=alert.id, at=now, incident=incident, because="" if new else "it belongs to one that was open")


def link_hold(alert: AcceptedAlert, environment: Environment, run: str) -> None:
    """Add the hold that an alert has asked for to the alert's incident: it may be over before anybody has opened that.

    Raises:
        VaultError: it cannot be recorded.

    """
    heard = open_for_alert(alert, environment)
    if run and heard.incident:
        incident = IncidentId(heard.incident)
        link_run(records_of(environment), incident, Linked(incident=incident, at=heard.at, origin=Origin.RUN, refers=run))
