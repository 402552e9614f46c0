"""Taking one phase of an application back: the plan first, then, by its hash, the run."""

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


def phase(
    application: str,
    name: Annotated[str, Parameter(help="Which phase, as phases.toml calls it.")],
    *,
    with_dependents: Annotated[bool, Parameter(negative="", help="Also take along what needs the phase.")] = False,
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    detach: Annotated[bool, Parameter(negative="", help="Carry it out in the background; follow it with watch.")] = False,
    where: Where = HERE,
) -> int:
    """Plan to take a phase back, with every file, statement, flag and prefix; with --approve HASH, carry that plan out."""
    from continuity.domain.phase_rollback import PhaseWish
    from continuity.procedures.phase import make_phase_plan
    from continuity.steps.operation import perform_plainly

    def make(_terminal: "Terminal", protected: "Application", environment: "Environment") -> "WaitingPlan":
        wish = PhaseWish(phase=name, with_dependents=with_dependents)
        return make_phase_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))

    return plan_first(where, application, make, command=f"continuity phase {application} {name}", approve=approve, detach=detach)
