"""The immediate hold of an alert: carried out by the receiver itself, through the journal, without Prefect."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from continuity.adapters.alert_records import AlertRecords
from continuity.adapters.application_files import load_application
from continuity.domain.alerts import AcceptedAlert, HoldDone, Withdrawn
from continuity.domain.application import Application, ApplicationName
from continuity.domain.holds import plan_hold
from continuity.domain.plan import Verb
from continuity.domain.run import Outcome, RunId
from continuity.errors import ContinuityError, UnsafeOperation, VaultError
from continuity.journal import plan_of, read_history
from continuity.procedures.alert_incidents import link_hold
from continuity.procedures.judging import judge_by, judge_live_by
from continuity.procedures.live import observe_live
from continuity.procedures.runs import Hands, RunReport, active_hold, carry_out_at_once, open_run, resume
from continuity.procedures.telling import headline
from continuity.settings import Environment
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from expectations.validator import Validator

logger = logging.getLogger(__name__)


def rehearse(applications: Sequence[ApplicationName], environment: Environment) -> None:
    """Look at each application as a hold would, and change nothing.

    The first look at a cluster loads a second of modules, which the first hold would wait for; and a hold that would fail is
    known now and not at three in the morning.
    """
    for name in applications:
        try:
            observe_live(load_application(environment.applications, name), environment)
        except ContinuityError as error:
            logger.error("an immediate hold would fail application=%s because=%s", name, error.message)  # noqa: TRY400 -- enough
        else:
            logger.info("an immediate hold would find what it needs application=%s", name)


def hold_for(alert: AcceptedAlert, environment: Environment, records: AlertRecords) -> HoldDone:
    """Stop the application for an alert, unless that has become pointless. Called again it finds the hold in force.

    Raises:
        Busy: another run holds the application: it is asked again, for as long as the alert is fresh.
        ContinuityError: the database, the cluster or the vault cannot be reached.

    """
    now = datetime.now(UTC)
    if objection := _objection(alert, records, now):
        return HoldDone(alert=alert.id, at=now, because=objection)
    application, journals = load_application(environment.applications, alert.application), journals_of(environment)
    if held := active_hold(journals, application.name):
        return HoldDone(alert=alert.id, at=now, run=held, because="it was held already")
    try:
        report = _hold(application, environment, open_run(journals, application.name))
    except UnsafeOperation as error:
        return HoldDone(alert=alert.id, at=datetime.now(UTC), because=error.message)
    try:
        link_hold(alert, environment, report.run)
    except VaultError as error:
        logger.warning("hold not linked to its incident alert=%s run=%s because=%s", alert.id, report.run, error.message)
    because = "" if report.ended.outcome is Outcome.DONE else headline(report)
    return HoldDone(alert=alert.id, at=datetime.now(UTC), run=report.run, because=because)


def _objection(alert: AcceptedAlert, records: AlertRecords, now: datetime) -> str:
    """Say why it is too late to hold: stopping an application that has recovered is an outage of our own making."""
    if records.noted(alert.id, Withdrawn):
        return "the alert was over before the hold began"
    if now - alert.accepted > alert.maximum_age:
        return f"it could not be carried out within {alert.maximum_age.total_seconds() / 60:g} min"
    switch = records.switch(alert.application)
    return f"{switch.by} has switched alerts off: {switch.because}" if switch and not switch.on else ""


def _hold(application: Application, environment: Environment, open_one: RunId | None) -> RunReport:
    with Validator() as validator:
        hands = Hands(
            perform=perform_plainly,
            judge=judge_by(validator, environment),
            judge_live=judge_live_by(validator, environment),
        )
        if open_one and plan_of(read_history(journals_of(environment), open_one)).verb is Verb.HOLD:
            # A receiver that was killed while it held: what it has begun is finished.
            return resume(application, environment, open_one, hands=hands)
        return carry_out_at_once(
            application,
            environment,
            Verb.HOLD,
            make=lambda: plan_hold(application, observe_live(application, environment), now=datetime.now(UTC)),
            hands=hands,
        )
