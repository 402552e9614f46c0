"""The form by which a person approves a plan in the UI. The server knows no users, so it counts as one person."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from pydantic import Field

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.approval import Approval
from continuity.domain.plan import Plan, Verb
from continuity.domain.run_markdown import plan_markdown
from continuity.errors import UnsafeOperation
from continuity.settings import Environment
from flows.asking import ask


class PlanApproval(RunInput):
    """What the form asks."""

    decision: Literal["do nothing", "carry the plan out"] = Field(
        default="do nothing", description="Carry out exactly the plan that is shown above."
    )
    name: str = Field(default="", max_length=80, description="Your name; it goes into the journal.")


def await_approval(waiting: WaitingPlan, environment: Environment) -> Approval:
    """Pause the run until a person has decided in the UI, and return their word. The time-out is the plan's own.

    Raises:
        UnsafeOperation: the person decided otherwise, gave no name, nobody decided in time, or nobody could, since the
            Prefect server has gone; nothing was changed.

    """
    plan = waiting.plan
    minutes = environment.rollback.approval_minutes
    until = plan.created + timedelta(minutes=minutes)
    shown = f"{plan_markdown(plan, waiting.estimates)}\n\nThis form closes at {until:%H:%M} UTC, {minutes} min after the plan."
    form = PlanApproval.with_initial_data(description=shown)
    try:
        answer = ask(form, key=plan.hash, seconds=minutes * 60)
    except FlowPauseTimeout as error:
        raise UnsafeOperation(
            f"nobody approved plan {plan.hash} within {minutes} min", detail="Nothing was changed.", hint="Start a new run."
        ) from error
    except httpx.HTTPError as error:
        raise UnsafeOperation(
            f"nobody could approve plan {plan.hash}: the Prefect server does not answer ({type(error).__name__})",
            detail="Nothing was changed.",
            hint=f"Until {until:%H:%M} UTC `{_command(plan)}` carries out the same plan from a terminal, without Prefect;"
            " or start a new run when the server is back.",
        ) from error
    name = answer.name.strip()
    if answer.decision != "carry the plan out" or not name:
        why = f"{name or 'somebody'} decided to do nothing" if answer.decision == "do nothing" else "no name was given"
        raise UnsafeOperation(f"plan {plan.hash} was not approved: {why}", detail="Nothing was changed.")
    return Approval(application=plan.application, plan=plan.hash, by=name, at=datetime.now(UTC))


def _command(plan: Plan) -> str:
    """Return the command that carries out the same plan from a terminal."""
    feature = [plan.options["flag"], plan.options["to"]] if plan.verb is Verb.FEATURE else []
    return shlex.join(["continuity", plan.verb.value, plan.application, *feature, "--approve", plan.hash])
