"""The emergency rollback: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from deployments.commands.carrying import carry_on_detached, carry_out_approved
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan


def rollback(  # noqa: PLR0913 -- the options of a verb
    application: str,
    *,
    point: Annotated[str, Parameter(help="An id, or latest: the latest proven point that nobody distrusts.")] = "latest",
    before: Annotated[
        datetime | None, Parameter(help="Only points taken before this moment (local time, or with a zone).")
    ] = None,
    scope: Annotated[Literal["everything", "application", "database"], Parameter(help="What goes back.")] = "everything",
    order: Annotated[Literal["stop-first", "prepare-first"], Parameter(help="When traffic is stopped.")] = "stop-first",
    image: Annotated[str, Parameter(help="Run this image (by digest) instead of the point's.")] = "",
    workload: Annotated[tuple[str, ...], Parameter(help="Whose release goes back; default: every workload's.")] = (),
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    detach: Annotated[bool, Parameter(negative="", help="Carry it out in the background; follow it with watch.")] = False,
    where: Where = HERE,
) -> int:
    """Plan to go back to a proven point; with --approve HASH, carry that plan out."""
    from continuity.domain.rollback import Order, Scope
    from continuity.procedures.rollback import KEEP_PLAN, RollbackWish, make_plan
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve and detach:
        return carry_on_detached(terminal, environment, application)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    moment = before.astimezone(UTC) if before else None
    if before and moment:
        terminal.note(f"before {before.astimezone():%Y-%m-%d %H:%M:%S %Z}, {moment:%Y-%m-%d %H:%M:%S} UTC")
    wish = RollbackWish(point=point, before=moment, scope=Scope(scope), order=Order(order), image=image, workloads=workload)
    waiting = make_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
    perform_plainly(KEEP_PLAN, environment, waiting)
    return tell_plan(terminal, waiting, command=_command(application, waiting))


def _command(application: str, waiting: "WaitingPlan") -> str:
    return f"continuity rollback {application} --approve {waiting.plan.hash}"
