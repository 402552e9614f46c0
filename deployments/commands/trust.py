"""What people say of points and findings."""

from datetime import UTC, datetime
from getpass import getuser

from deployments.commands.where import HERE, Where


def distrust(recovery_point: str, *, because: str, where: Where = HERE) -> int:
    """Mark a point as holding bad data: it is never chosen by rule."""
    from continuity.procedures.trust import distrust_point

    terminal = where.terminal()
    marked = distrust_point(where.load_environment(), recovery_point, because=because, by=getuser(), now=datetime.now(UTC))
    terminal.result({"recovery_point": marked.point}, [f"{marked.point} is distrusted from now on: {marked.because}"])
    return 0


def accept(application: str, finding: str, *, until: datetime, because: str, where: Where = HERE) -> int:
    """Tolerate a failing finding of health until a date (UTC), with the reason."""
    from continuity.procedures.trust import accept_finding

    terminal, (protected, environment) = where.terminal(), where.load(application)
    accepted = accept_finding(protected, environment, finding, until=until, because=because, by=getuser(), now=datetime.now(UTC))
    line = f"{accepted.finding!r} is accepted until {accepted.until:%Y-%m-%d %H:%M} UTC: {accepted.because}"
    terminal.result({"finding": accepted.finding, "until": accepted.until.isoformat()}, [line])
    return 0
