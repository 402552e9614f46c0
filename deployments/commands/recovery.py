"""Disaster recovery: the plan first, with all that is missing, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.commands.carrying import carry_on_detached, carry_out_approved, hands
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.domain.application import Application
    from continuity.procedures.recovery import RecoveryWish
    from continuity.settings import Environment
    from deployments.console import Terminal


def recover(
    application: str,
    *,
    point: Annotated[str, Parameter(help="An id, or latest: the latest proven point that nobody distrusts.")] = "latest",
    before: Annotated[
        datetime | None, Parameter(help="Only points taken before this moment (local time, or with a zone).")
    ] = None,
    old_primary_gone: Annotated[
        str, Parameter(help="The application's name: you have made sure that the old server cannot come back.")
    ] = "",
    rehearsal: Annotated[
        bool, Parameter(negative="", help="Do all of it in a scratch place, timed like the real thing, and clear it away.")
    ] = False,
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    detach: Annotated[bool, Parameter(negative="", help="Carry it out in the background; follow it with watch.")] = False,
    where: Where = HERE,
) -> int:
    """Plan to stand the application up in an empty place; with --approve HASH, carry that plan out."""
    from continuity.procedures.recovery import RecoveryWish, make_recovery_plan
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve and detach:
        return carry_on_detached(terminal, environment, application)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    moment = before.astimezone(UTC) if before else None
    wish = RecoveryWish(point=point, before=moment, old_primary_gone=old_primary_gone, rehearsal=rehearsal)
    if rehearsal:
        return _rehearse(terminal, protected, environment, wish)
    waiting = make_recovery_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
    perform_plainly(KEEP_PLAN, environment, waiting)
    return tell_plan(terminal, waiting, command=f"continuity recover {application} --approve {waiting.plan.hash}")


def _rehearse(terminal: "Terminal", protected: "Application", environment: "Environment", wish: "RecoveryWish") -> int:
    """Rehearse at once: nobody has to approve what touches nothing of the application."""
    from continuity.procedures.recovery import rehearse
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_run
    from expectations.validator import Validator

    with Validator(parallel=environment.database.parallel) as validator:
        given = hands(terminal, environment, validator)
        report = rehearse(protected, environment, wish, perform=perform_plainly, hands=given, now=datetime.now(UTC))
    return tell_run(terminal, report, environment)
