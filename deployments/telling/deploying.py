"""What a person is told of deployments on a Prefect server."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from continuity.settings import Environment
from deployments.console import EXIT_DONE, Terminal
from deployments.deploying import Deployed, Wish
from deployments.serving import Change, ChangeKind

_MARKS = {
    ChangeKind.CREATED: "+",
    ChangeKind.CHANGED: "~",
    ChangeKind.UNCHANGED: "=",
    ChangeKind.LEFT: "?",
    ChangeKind.REMOVED: "-",
}


def tell_deployed(terminal: Terminal, deployed: Deployed, wish: Wish, environment: Environment) -> int:
    """Tell what was created, changed, left alone and removed, or with a dry run what would be."""
    crons = {each.name: ", ".join(f"{cron.cron} UTC" for cron in each.schedules) for each in deployed.definitions}
    document = {
        "pool": deployed.pool.name,
        "prefix": wish.prefix,
        "dry_run": wish.dry_run,
        "server_version": deployed.server_version,
        "deployments": [{**_document(each), "schedules": crons.get(each.name, "")} for each in deployed.deployments],
        "automations": [_document(each) for each in deployed.automations],
    }
    counts = Counter(each.kind for each in (*deployed.deployments, *deployed.automations))
    said = ", ".join(f"{count} {kind.value}" for kind, count in counts.items())
    head = "a dry run, nothing was changed; there would be" if wish.dry_run else "done"
    pool = f"work pool {deployed.pool.name} ({deployed.pool.type}), Prefect {deployed.server_version}"
    lines = [f"{head}: {said} ({pool})"]
    lines += [_line(each, crons.get(each.name, "")) for each in _shown(deployed.deployments)]
    lines += [_line(each, "automation") for each in _shown(deployed.automations)]
    if counts[ChangeKind.LEFT]:
        lines.append("What is no longer offered goes by --remove; of an application that is not in the folder, by naming it too.")
    if wish.prefix != environment.prefect.prefix:
        lines.append(
            f'The receiver of alerts looks for `[prefect] prefix = "{environment.prefect.prefix}"`: set it to this prefix.'
        )
    terminal.result(document, lines)
    return EXIT_DONE


def _shown(changes: Sequence[Change]) -> list[Change]:
    return [each for each in changes if each.kind is not ChangeKind.UNCHANGED]


def _line(change: Change, aside: str) -> str:
    what = ", ".join(change.what)
    return f"  {_MARKS[change.kind]} {change.name:40} {change.kind.value:18} {'; '.join(filter(None, [what, aside]))}".rstrip()


def _document(change: Change) -> dict[str, Any]:
    return {"name": change.name, "change": change.kind.value, "what": list(change.what)}
