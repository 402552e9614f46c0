"""The emergency rollback: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan
    from continuity.domain.application import Application
    from continuity.procedures.runs import Hands
    from continuity.settings import Environment
    from deployments.console import Terminal
    from expectations.validator import Validator


def rollback(
    application: str,
    *,
    point: Annotated[str, Parameter(help="An id, or latest: the latest proven point that nobody distrusts.")] = "latest",
    before: Annotated[
        datetime | None, Parameter(help="Only points taken before this moment (local time, or with a zone).")
    ] = None,
    scope: Annotated[Literal["everything", "application", "database"], Parameter(help="What goes back.")] = "everything",
    order: Annotated[Literal["stop-first", "prepare-first"], Parameter(help="When traffic is stopped.")] = "stop-first",
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    where: Where = HERE,
) -> int:
    """Plan to go back to a proven point; with --approve HASH, carry that plan out."""
    from continuity.domain.rollback import Order, Scope
    from continuity.procedures.rollback import RollbackWish, make_plan
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve:
        return _carry_out(terminal, protected, environment, approve)
    moment = before.astimezone(UTC) if before else None
    if before and moment:
        terminal.note(f"before {before.astimezone():%Y-%m-%d %H:%M:%S %Z}, {moment:%Y-%m-%d %H:%M:%S} UTC")
    wish = RollbackWish(point=point, before=moment, scope=Scope(scope), order=Order(order))
    waiting = make_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
    return tell_plan(terminal, waiting, command=_command(application, waiting))


def _command(application: str, waiting: "WaitingPlan") -> str:
    return f"continuity rollback {application} --approve {waiting.plan.hash}"


def _carry_out(terminal: "Terminal", protected: "Application", environment: "Environment", approve: str) -> int:
    from continuity.adapters.approvals import find_plan
    from continuity.domain.approval import Approval
    from continuity.procedures.rollback import RollbackWish, make_plan
    from continuity.procedures.runs import carry_out
    from continuity.steps.operation import perform_plainly
    from continuity.steps.places import journals_of
    from deployments.telling.runs import tell_run
    from expectations.validator import Validator

    plan = find_plan(journals_of(environment), protected.name, approve).plan
    approval = Approval(application=protected.name, plan=plan.hash, by=getuser(), at=datetime.now(UTC))
    wish = RollbackWish.of(plan)
    with Validator(parallel=environment.database.parallel) as validator:
        validator.prepare()
        report = carry_out(
            protected,
            environment,
            plan,
            replan=lambda: make_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC)).plan,
            approvals=[approval],
            hands=hands(terminal, environment, validator),
        )
    return tell_run(terminal, report)


def hands(terminal: "Terminal", environment: "Environment", validator: "Validator") -> "Hands":
    """Return what a terminal hands to a run: plain performing, and every step told as it happens."""
    from continuity.procedures.judging import judge_by
    from continuity.procedures.runs import Hands
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import Progress

    return Hands(
        perform=perform_plainly,
        judge=judge_by(validator, environment),
        observe=Progress(terminal),
        report=terminal.progress,
        told=lambda run: terminal.note(f"run {run}; follow it from anywhere: continuity watch {run}"),
    )
