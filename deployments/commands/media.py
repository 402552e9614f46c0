"""The media rollback: the plan first, then, by its hash, the run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.commands.carrying import plan_first, tell_moment
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.approvals import WaitingPlan
    from continuity.domain.application import Application
    from continuity.settings import Environment
    from deployments.console import Terminal


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
    from continuity.steps.operation import perform_plainly

    def make(terminal: "Terminal", protected: "Application", environment: "Environment") -> "WaitingPlan":
        if to is None:
            raise ConfigurationRefused("no moment is given", hint="Say with --to when the files were good for the last time.")
        wish = MediaWish(to=tell_moment(terminal, "as of", to), prefix=prefix, changes=MediaWish.chosen(only))
        now = datetime.now(UTC)
        return make_media_plan(protected, environment, wish, perform=perform_plainly, now=now, report=terminal.progress)

    return plan_first(where, application, make, command=f"continuity media {application}", approve=approve, detach=detach)
