"""Expiry by policy, and the pins that hold against it."""

from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


def expire(
    application: str,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Carry it out; without it, say what would go.")] = False,
    allow_many: Annotated[bool, Parameter(negative="", help="Let more than a fifth of the points go at once.")] = False,
    where: Where = HERE,
) -> int:
    """Let points expire by the application's policy. Without --yes nothing goes."""
    from continuity.domain.expiry_reports import expiry_line
    from continuity.procedures.expiry import expire as expire_points
    from continuity.procedures.pinging import Job, pinging
    from continuity.steps.operation import perform_plainly
    from deployments.telling.retention import tell_expiry

    terminal, (protected, environment) = where.terminal(), where.load(application)
    with pinging(protected, environment, Job.EXPIRY) as told:
        report = expire_points(
            protected, environment, carry_out=yes, allow_many=allow_many, by=getuser(), perform=perform_plainly
        )
        told.said = expiry_line(report.decisions, carried_out=report.carried_out)
    return tell_expiry(terminal, report, protected, allowed_many=allow_many)


def pin(recovery_point: str, *, because: str, where: Where = HERE) -> int:
    """Keep a point from expiring."""
    from continuity.procedures.trust import pin_point

    terminal = where.terminal()
    pinned = pin_point(where.load_environment(), recovery_point, because=because, by=getuser(), now=datetime.now(UTC))
    terminal.result({"recovery_point": pinned.point}, [f"{pinned.point} is pinned until `continuity unpin`: {pinned.because}"])
    return 0


def unpin(recovery_point: str, *, where: Where = HERE) -> int:
    """Let a pinned point expire by rule again."""
    from continuity.procedures.trust import unpin_point

    terminal = where.terminal()
    point = unpin_point(where.load_environment(), recovery_point)
    terminal.result({"recovery_point": point}, [f"{point} is no longer pinned"])
    return 0
