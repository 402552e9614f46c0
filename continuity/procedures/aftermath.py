"""What follows once a run has come to something: its record, and the incident that it opens or belongs to.

All of it is behind the journal's own truth: it fails no run, and holds none up for more than two seconds.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread

from continuity.adapters.records import Records
from continuity.domain.ending import ASKED_TO_TAKE_BACK, because_of, came_to, run_ended
from continuity.domain.incident import IncidentId, Linked, Origin
from continuity.domain.opening import ABANDONED, LATE, LEVELS, belongs_to, opening_of_run
from continuity.domain.plan import Plan
from continuity.domain.run import History, Outcome, RunId, application_of_run
from continuity.domain.stages import Stage
from continuity.errors import ContinuityError
from continuity.journal import plan_of
from continuity.procedures.escalating import escalate_in_background
from continuity.procedures.incidents import open_or_join, read_incidents, records_of
from continuity.procedures.records import in_time
from continuity.procedures.stopwatch import OverBudget, over_budget
from continuity.settings import Environment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """The incident that a run has opened or belongs to, and what could not be recorded."""

    incident: IncidentId | None = None
    remarks: tuple[str, ...] = ()


def settle(environment: Environment, run: RunId, history: History) -> Aftermath:
    """Record what a run has come to and open its incident, within two seconds; what fails is said, and raises nothing.

    Called again it changes nothing.
    """
    return in_time(
        f"what {run} has come to is not recorded beside its journal",
        lambda: record_end(environment, run, history),
        otherwise=lambda because: Aftermath(remarks=(because,)),
    )


def record_end(environment: Environment, run: RunId, history: History) -> Aftermath:
    """Record what a run has come to, and open its incident; a process of its own tells people.

    Raises:
        VaultError: it cannot be recorded.

    """
    outcome = came_to(history)
    if outcome is None:
        return Aftermath()
    records, plan = records_of(environment), plan_of(history)
    incident = _incident_of(environment, records, run, history, plan, outcome)
    records.keep(run_ended(history, plan, outcome, exercise=environment.incidents.exercise, incident=incident))
    if incident and outcome is not Outcome.DONE:
        escalate_in_background(environment, incident)
    return Aftermath(incident=incident)


def _incident_of(
    environment: Environment, records: Records, run: RunId, history: History, plan: Plan, outcome: Outcome
) -> IncidentId | None:
    because = because_of(history)
    fails = outcome in LEVELS and not (outcome is Outcome.UNDONE and because == ASKED_TO_TAKE_BACK)
    opened = opening_of_run(
        run,
        LEVELS.get(outcome, LATE),
        title=f"{plan.verb.value} of {plan.application}: {outcome.value}",
        summary=because,
        began=history.started,
        now=datetime.now(UTC),
        exercise=environment.incidents.exercise,
    )
    if fails:
        incident, _ = open_or_join(records, opened)
        return incident
    joined = belongs_to(opened, read_incidents(records, plan.application, open_only=True).incidents)
    if joined and run not in joined.refers:
        # The moment is the run's end: of two that settle the same run one record comes.
        records.note(Linked(incident=joined.id, at=history.entries[-1].at, origin=Origin.RUN, refers=run))
    return joined.id if joined else None


def open_for_run(
    environment: Environment, run: RunId, plan: Plan, *, what: str, summary: str, began: datetime, abandoned: bool = False
) -> IncidentId:
    """Open an incident for a run that has not ended: a stage is late, or nobody goes on with it.

    Raises:
        VaultError: it cannot be recorded.

    """
    opened = opening_of_run(
        run,
        ABANDONED if abandoned else LATE,
        title=f"{plan.verb.value} of {plan.application}: {what}",
        summary=summary,
        began=began,
        now=datetime.now(UTC),
        exercise=environment.incidents.exercise,
    )
    incident, _ = open_or_join(records_of(environment), opened)
    return incident


def alarming(environment: Environment, run: RunId, plan: Plan, began: datetime, then: OverBudget) -> OverBudget:
    """Return what opens an incident for a stage over its budget, and tells `then`. Waits for nothing."""

    def raise_alarm(stage: Stage, budget: timedelta) -> None:
        try:
            incident = open_for_run(
                environment, run, plan, what=f"stage {stage.value} is late", summary=over_budget(stage, budget), began=began
            )
            escalate_in_background(environment, incident)
        except (ContinuityError, OSError) as error:
            logger.error("no incident for the late stage run=%s because=%s", run, error)  # noqa: TRY400 -- the fact is enough

    def over(stage: Stage, budget: timedelta) -> None:
        Thread(target=raise_alarm, args=(stage, budget), name=f"incident of {run}", daemon=True).start()
        then(stage, budget)

    return over


def is_settled(environment: Environment, run: RunId, history: History) -> bool:
    """Whether a run is recorded as it has come out. Changes nothing."""
    outcome, last = came_to(history), history.entries[-1].at
    kept = records_of(environment).history(application_of_run(run), since=last, until=last + timedelta(microseconds=1))
    return outcome is None or any(each.run == run for each in kept.runs)
