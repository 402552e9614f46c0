"""What people say of points and findings."""

from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


def distrust(
    what: Annotated[str, Parameter(help="Id of a recovery point, or an image as REPOSITORY@sha256:….")],
    *,
    because: str,
    application: Annotated[str, Parameter(help="Of an image: the application whose image it is.")] = "",
    where: Where = HERE,
) -> int:
    """Mark a point as holding bad data, or an image as bad: no rollback goes there by rule."""
    from continuity.procedures.trust import distrust_point, mark_bad_image

    terminal, now = where.terminal(), datetime.now(UTC)
    if "@" in what:
        protected, environment = where.load(application)
        mark = mark_bad_image(protected, environment, what, because=because, by=getuser(), now=now)
        terminal.result({"image": mark.image}, [f"{mark.image} must not run again: {mark.because}"])
        return 0
    marked = distrust_point(where.load_environment(), what, because=because, by=getuser(), now=now)
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
