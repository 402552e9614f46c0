"""Switching a feature: the plan first, then, by its hash, the run; or, since undoing it is exact, both at once."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from deployments.commands.carrying import carry_out_approved, hands
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan
    from continuity.procedures.feature import FeatureWish


def feature(
    application: str,
    flag: str,
    to: Literal["on", "off"],
    *,
    restart: Annotated[bool, Parameter(help="Start pods anew that read the flags only when they start.")] = True,
    yes: Annotated[bool, Parameter(negative="", help="Carry it out at once: undoing it is exact.")] = False,
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    where: Where = HERE,
) -> int:
    """Plan to switch a feature on or off by its flag; with --yes or --approve HASH, do it."""
    from continuity.domain.plan import Verb
    from continuity.procedures.feature import FeatureWish, make_feature_plan
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.procedures.runs import carry_out_at_once
    from continuity.steps.operation import perform_plainly
    from deployments.telling.feature import tell_as_wanted
    from deployments.telling.runs import tell_plan, tell_run
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    wish = FeatureWish(flag=flag, on=to == "on", restart=restart)

    def make() -> "WaitingPlan":
        return make_feature_plan(protected, environment, wish, perform=perform_plainly, now=datetime.now(UTC))

    waiting = make()
    if not waiting.plan.steps:
        return tell_as_wanted(terminal, wish)
    if not yes:
        perform_plainly(KEEP_PLAN, environment, waiting)
        return tell_plan(terminal, waiting, command=_command(application, wish, waiting))
    for note in waiting.estimates.notes:
        terminal.note(f"note: {note}")
    with Validator(parallel=environment.database.parallel) as validator:
        report = carry_out_at_once(
            protected,
            environment,
            Verb.FEATURE,
            make=lambda: make().plan,
            hands=hands(terminal, environment, validator),
        )
    return tell_run(terminal, report, environment)


def _command(application: str, wish: "FeatureWish", waiting: "WaitingPlan") -> str:
    from shlex import quote

    return f"continuity feature {application} {quote(wish.flag)} {wish.options()['to']} --approve {waiting.plan.hash}"
