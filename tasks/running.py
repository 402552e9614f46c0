"""What a flow hands to a run: every step a task run of its own name, with Prefect's retries by the step's policy."""

from continuity.domain.plan import Plan
from continuity.domain.run import RunId
from continuity.procedures.judging import judge_by, judge_live_by
from continuity.procedures.runs import Hands
from continuity.procedures.stopwatch import OverBudget
from continuity.settings import Environment
from continuity.steps.live import VALIDATE_LIVE
from continuity.steps.shadow import JUDGE_SHADOW
from expectations.validator import Validator
from tasks.performing import perform_as_task


def task_hands(environment: Environment, validator: Validator, *, over_budget: OverBudget) -> Hands:
    """Return hands that perform steps as tasks; Great Expectations begins to load once the run holds the application."""

    def begun(_run: RunId, plan: Plan) -> None:
        if any(step.kind in {JUDGE_SHADOW, VALIDATE_LIVE} for step in plan.steps):
            validator.prepare()

    return Hands(
        perform=perform_as_task,
        judge=judge_by(validator, environment),
        judge_live=judge_live_by(validator, environment),
        begun=begun,
        over_budget=over_budget,
    )
