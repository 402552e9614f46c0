"""Plans and runs as Prefect artifacts."""

from functools import partial

from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.run import Outcome
from continuity.domain.run_markdown import plan_markdown
from continuity.procedures.runs import RunReport
from continuity.procedures.telling import headline, report_markdown
from flows.publishing import publish


def publish_plan(waiting: WaitingPlan) -> None:
    """Publish a plan, before anybody is asked to approve it."""
    plan = waiting.plan
    key = f"{plan.application}-plan"
    markdown = plan_markdown(plan, waiting.estimates)
    description = f"Plan {plan.hash}: {plan.verb.value} of {plan.application}"
    # The form shows the plan too, so nobody approves it unseen.
    publish(key, partial(create_markdown_artifact, key=key, markdown=markdown, description=description))


def publish_run(report: RunReport) -> State[None]:
    """Publish a run's report, and return the state that the flow run ends in."""
    application = report.history.entries[0].facts["plan"]["application"]
    key = f"{application}-run"
    publish(key, partial(create_markdown_artifact, key=key, markdown=report_markdown(report), description=headline(report)))
    if report.ended.outcome is Outcome.DONE:
        return Completed(name="Done", message=headline(report))
    if report.ended.outcome is Outcome.INCOMPLETE:
        return Completed(name="Incomplete", message=headline(report))
    return Failed(name=report.ended.outcome.value.title().replace(" ", ""), message=headline(report))


def with_message(state: State[None], said: str) -> State[None]:
    """Add what a person has said to the state that the run ends in."""
    return state.model_copy(update={"message": f"{state.message}; {said}"}) if said else state
