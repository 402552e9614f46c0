"""Who is told of incidents, and whether they would be."""

from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


def notices(
    application: str,
    *,
    test: Annotated[str, Parameter(help="A role, a person or a channel: send a trial message over each of its channels.")] = "",
    where: Where = HERE,
) -> int:
    """Show who is told of incidents at each level, and along which chains; with --test, try channels and tell their answers."""
    from continuity.procedures.notices import show_reach, try_channels
    from deployments.telling import notices as telling

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if test:
        trials = try_channels(protected.name, environment, test, by=getuser(), now=datetime.now(UTC))
        return telling.tell_trials(terminal, trials)
    return telling.tell_reach(terminal, show_reach(protected.name, environment))
