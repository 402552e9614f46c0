"""Disaster recovery: the plan first, with all that is missing, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt

from deployments.commands.carrying import hands, plan_first, tell_moment
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan
    from continuity.domain.application import Application
    from continuity.procedures.recovery import RecoveryWish
    from continuity.settings import Environment
    from deployments.console import Terminal


def recover(  # noqa: PLR0913 -- the options of a verb
    application: str,
    *,
    point: Annotated[str, Parameter(help="An id, or latest: the latest proven point that nobody distrusts.")] = "latest",
    before: Annotated[
        datetime | None, Parameter(help="Only points taken before this moment (local time, or with a zone).")
    ] = None,
    old_primary_gone: Annotated[
        str, Parameter(help="The application's name: you have made sure that the old server cannot come back.")
    ] = "",
    bump_sequences: Annotated[
        NonNegativeInt,
        Parameter(help="Let every sequence that feeds a column pass so many values by: no id is given out twice."),
    ] = 0,
    revoke_sessions: Annotated[
        bool, Parameter(negative="", help="Sign everybody out: empty what `[sessions] revoke` of application.toml names.")
    ] = False,
    rehearsal: Annotated[
        bool, Parameter(negative="", help="Do all of it in a scratch place, timed like the real thing, and clear it away.")
    ] = False,
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    detach: Annotated[bool, Parameter(negative="", help="Carry it out in the background; follow it with watch.")] = False,
    where: Where = HERE,
) -> int:
    """Plan to stand the application up in an empty place; with --approve HASH, carry that plan out."""
    from continuity.domain.given_out import GivenOut
    from continuity.procedures.recovery import RecoveryWish, make_recovery_plan
    from continuity.steps.operation import perform_plainly

    def wished(terminal: "Terminal") -> RecoveryWish:
        moment = tell_moment(terminal, "before", before) if before else None
        given_out = GivenOut(values=bump_sequences, sessions=revoke_sessions)
        return RecoveryWish(
            point=point, before=moment, old_primary_gone=old_primary_gone, rehearsal=rehearsal, given_out=given_out
        )

    def make(terminal: "Terminal", protected: "Application", environment: "Environment") -> "WaitingPlan":
        return make_recovery_plan(
            protected, environment, wished(terminal), perform=perform_plainly, now=datetime.now(UTC)
        )  # fmt: skip

    if rehearsal:
        terminal, (protected, environment) = where.terminal(), where.load(application)
        return _rehearse(terminal, protected, environment, wished(terminal))
    return plan_first(where, application, make, command=f"continuity recover {application}", approve=approve, detach=detach)


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
