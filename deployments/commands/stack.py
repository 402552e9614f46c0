"""The embedded stack, and the demonstration on it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


def up(*, directory: Path = Path(".continuity/stack"), where: Where = HERE) -> int:
    """Start the embedded stack, load the sample applications, print the addresses."""
    from deployments.local.samples import bring_up

    terminal = where.terminal()
    started = bring_up(directory.absolute(), report=terminal.note)
    lines = [f"{name:12} {url}" for name, url in started.urls.items()]
    lines.append("")
    exported = {"CONTINUITY_ENVIRONMENT": str(started.environment), **started.variables}
    lines += [f"export {name}={value}" for name, value in exported.items()]
    terminal.result({"urls": started.urls, "environment": str(started.environment)}, lines)
    return 0


def down(*, directory: Path = Path(".continuity/stack"), where: Where = HERE) -> int:
    """Stop the embedded stack; its data stays."""
    from deployments.local.stack import stop_stack

    stop_stack(directory.absolute())
    where.terminal().result({"urls": {}}, ["stopped"])
    return 0


def demo(
    *,
    disaster: Annotated[
        bool, Parameter(negative="", help="Lose everything but the vault, and stand it up again, instead.")
    ] = False,
    where: Where = HERE,
) -> int:
    """Show the whole story on the embedded stack: backup, proof, damage, and the way back."""
    from deployments.local.demo import tell_story
    from deployments.local.demo_recovery import tell_disaster

    return tell_disaster(where.terminal()) if disaster else tell_story(where.terminal())
