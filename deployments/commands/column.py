"""One column, table or constraint: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.commands.carrying import plan_first
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan
    from continuity.domain.application import Application
    from continuity.settings import Environment
    from deployments.console import Terminal


def column(
    application: str,
    name: Annotated[str, Parameter(help="schema.table.column or schema.table, as PostgreSQL writes names.")] = "",
    *,
    constraint: Annotated[str, Parameter(help="Take this constraint of the table out of force instead.")] = "",
    with_dependents: Annotated[bool, Parameter(negative="", help="Include what outside depends on it.")] = False,
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    where: Where = HERE,
) -> int:
    """Plan to set one thing aside, without dropping or copying it; with --approve HASH, carry that plan out."""
    from continuity.domain.column import ColumnWish
    from continuity.procedures.column import make_column_plan
    from continuity.steps.operation import perform_plainly

    def make(_terminal: "Terminal", protected: "Application", environment: "Environment") -> "WaitingPlan":
        wish = ColumnWish(name=name, constraint=constraint, with_dependents=with_dependents)
        return make_column_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))

    return plan_first(where, application, make, command=f"continuity column {application}", approve=approve)
