"""Taking one phase of an application back: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.carrying import carry_on_detached, carry_out_approved
from deployments.commands.where import HERE, Where


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
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve and detach:
        return carry_on_detached(terminal, environment, application)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    wish = PhaseWish(phase=name, with_dependents=with_dependents)
    waiting = make_phase_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
    perform_plainly(KEEP_PLAN, environment, waiting)
    return tell_plan(terminal, waiting, command=f"continuity phase {application} {name} --approve {waiting.plan.hash}")
