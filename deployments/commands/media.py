"""The media rollback: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.carrying import carry_on_detached, carry_out_approved
from deployments.commands.where import HERE, Where


def media(
    application: str,
    *,
    to: Annotated[
        datetime | None, Parameter(help="The last moment at which the files were good (local time, or with a zone).")
    ] = None,
    prefix: Annotated[str, Parameter(help="Only keys that begin with this; default: all that belong to the application.")] = "",
    only: Annotated[
        str, Parameter(help="What goes back, with commas: deletes, overwrites, additions. Default: deletes,overwrites.")
    ] = "",
    approve: Annotated[str, Parameter(help="Hash of the plan to carry out; the options above are the plan's then.")] = "",
    detach: Annotated[bool, Parameter(negative="", help="Carry it out in the background; follow it with watch.")] = False,
    where: Where = HERE,
) -> int:
    """Plan to bring the media bucket back to a moment; with --approve HASH, carry that plan out."""
    from continuity.domain.media_plan import MediaWish
    from continuity.errors import ConfigurationRefused
    from continuity.procedures.media import make_media_plan
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve and detach:
        return carry_on_detached(terminal, environment, application)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    if to is None:
        raise ConfigurationRefused("no moment is given", hint="Say with --to when the files were good for the last time.")
    moment = to.astimezone(UTC)
    terminal.note(f"as of {to.astimezone():%Y-%m-%d %H:%M:%S %Z}, {moment:%Y-%m-%d %H:%M:%S} UTC")
    wish = MediaWish(to=moment, prefix=prefix, changes=MediaWish.chosen(only))
    now = datetime.now(UTC)
    waiting = make_media_plan(protected, environment, wish, perform=perform_plainly, now=now, report=terminal.progress)
    perform_plainly(KEEP_PLAN, environment, waiting)
    return tell_plan(terminal, waiting, command=f"continuity media {application} --approve {waiting.plan.hash}")
