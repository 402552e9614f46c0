"""One column, table or constraint: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.carrying import carry_out_approved
from deployments.commands.where import HERE, Where


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
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    wish = ColumnWish(name=name, constraint=constraint, with_dependents=with_dependents)
    waiting = make_column_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
    perform_plainly(KEEP_PLAN, environment, waiting)
    return tell_plan(terminal, waiting, command=f"continuity column {application} --approve {waiting.plan.hash}")
