"""The emergency rollback: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt

from deployments.commands.carrying import plan_first, tell_moment
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan
    from continuity.domain.application import Application
    from continuity.settings import Environment
    from deployments.console import Terminal


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
    bump_sequences: Annotated[
        NonNegativeInt, Parameter(help="Let every sequence that feeds a column pass so many values by: no id is given out twice.")
    ] = 0,
    revoke_sessions: Annotated[
        bool, Parameter(negative="", help="Sign everybody out: empty what `[sessions] revoke` of application.toml names.")
    ] = False,
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    detach: Annotated[bool, Parameter(negative="", help="Carry it out in the background; follow it with watch.")] = False,
    where: Where = HERE,
) -> int:
    """Plan to go back to a proven point; with --approve HASH, carry that plan out."""
    from continuity.domain.given_out import GivenOut
    from continuity.domain.rollback import Order, Scope
    from continuity.procedures.rollback import RollbackWish, make_plan
    from continuity.steps.operation import perform_plainly

    def make(terminal: "Terminal", protected: "Application", environment: "Environment") -> "WaitingPlan":
        moment = tell_moment(terminal, "before", before) if before else None
        wish = RollbackWish(
            point=point, before=moment, scope=Scope(scope), order=Order(order), image=image, workloads=workload,
            given_out=GivenOut(values=bump_sequences, sessions=revoke_sessions),
        )  # fmt: skip
        return make_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))

    return plan_first(where, application, make, command=f"continuity rollback {application}", approve=approve, detach=detach)
