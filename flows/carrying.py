"""What every flow does that plans first: shows the plan, waits for a person, carries it out, and tells what it came to."""

from datetime import UTC, datetime

from prefect.client.schemas.objects import State

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.alerts import AcceptedAlert
from continuity.domain.application import Application
from continuity.domain.plan import Verb
from continuity.domain.run import verb_of_run
from continuity.procedures.alert_runs import approval_of, refuse_withdrawn
from continuity.procedures.remaking import remake
from continuity.procedures.rollback import KEEP_PLAN
from continuity.procedures.runs import RunReport, carry_out
from continuity.procedures.telling import KEEP_REPORT
from continuity.settings import Environment
from expectations.validator import Validator
from flows.approval import await_approval
from flows.confirmation import await_confirmation
from flows.escalation import telling_in_prefect
from flows.run_artifacts import publish_plan, publish_run, with_message
from tasks.performing import perform_as_task
from tasks.running import task_hands


def approve_and_carry_out(
    protected: Application, environment: Environment, waiting: WaitingPlan, alert: AcceptedAlert | None = None
) -> State[None]:
    """Show a plan, wait until a person has approved it, carry it out, and ask whether the application works.

    An alert that has started the run counts as the approval where its route says so.

    Raises:
        UnsafeOperation: nobody has approved it, its alert is over, or the world has changed meanwhile; nothing was changed.

    """
    perform_as_task(KEEP_PLAN, environment, waiting)
    publish_plan(waiting)
    approval = (approval_of(environment, alert, waiting.plan) if alert else None) or await_approval(waiting, environment)
    if alert:
        refuse_withdrawn(environment, alert)
    with Validator(parallel=environment.database.parallel) as validator:
        report = carry_out(
            protected,
            environment,
            waiting,
            replan=lambda: remake(protected, environment, waiting.plan, perform=perform_as_task, now=datetime.now(UTC)),
            approvals=[approval],
            hands=task_hands(environment, validator, over_budget=telling_in_prefect(protected.name)),
        )
    return tell_and_confirm(report, environment)


def tell_and_confirm(report: RunReport, environment: Environment) -> State[None]:
    """Keep and publish the report of a run, and ask whether the application works where that is asked."""
    perform_as_task(KEEP_REPORT, environment, report)
    ended = publish_run(report)
    if verb_of_run(report.run) not in {Verb.ROLLBACK, Verb.RECOVERY}:
        # It is put back as fast as it was done: nobody is asked, half an hour long, whether it was right.
        return ended
    return with_message(ended, await_confirmation(report, environment))
