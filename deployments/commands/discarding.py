"""Dropping what a run has replaced or set aside: the facts first, then, by the exact name, what is dropped."""

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.commands.carrying import hands
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan


def discard(
    run: str,
    *,
    database: Annotated[str, Parameter(help="Exact name of the replaced database; without it nothing is dropped.")] = "",
    quarantine: Annotated[str, Parameter(help="Exact name of what was set aside; without it nothing is dropped.")] = "",
    where: Where = HERE,
) -> int:
    """Look at what a run has replaced or set aside; with its exact name, drop it. This cannot be taken back."""
    from continuity.domain.approval import Approval
    from continuity.domain.discarding_aside import DROP_ASIDE
    from continuity.domain.run import RunId, application_of_run
    from continuity.procedures.discarding import confirm_name, make_discard_plan
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.procedures.runs import carry_out
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan, tell_run
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), where.load(application_of_run(run))

    def make() -> "WaitingPlan":
        return make_discard_plan(protected, environment, RunId(run), perform=perform_plainly, now=datetime.now(UTC))

    waiting = make()
    name = waiting.plan.steps[0].arguments["name"]
    option = "quarantine" if waiting.plan.steps[0].kind == DROP_ASIDE else "database"
    typed = quarantine if option == "quarantine" else database
    if not typed:
        perform_plainly(KEEP_PLAN, environment, waiting)
        return tell_plan(terminal, waiting, command=f"continuity discard {run} --{option} {name}")
    confirm_name(waiting.plan, typed)
    approval = Approval(application=protected.name, plan=waiting.plan.hash, by=getuser(), at=datetime.now(UTC))
    with Validator(parallel=environment.database.parallel) as validator:
        report = carry_out(
            protected,
            environment,
            waiting,
            replan=lambda: make().plan,
            approvals=[approval],
            hands=hands(terminal, environment, validator),
        )
    return tell_run(terminal, report, environment)
