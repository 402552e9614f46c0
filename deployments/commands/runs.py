"""Runs that are there: follow them, finish them, take them back, verify their journals."""

import time
from typing import TYPE_CHECKING

from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.domain.application import Application
    from continuity.domain.run import Entry
    from continuity.settings import Environment

WATCH_SECONDS = 1.0


def resume(run: str, *, where: Where = HERE) -> int:
    """Go on with a run that was killed or could not finish. Harmless for one that has ended."""
    from continuity.domain.run import RunId
    from continuity.procedures.runs import resume as go_on
    from deployments.commands.rollback import hands
    from deployments.telling.runs import tell_run
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), _load(where, run)
    with Validator(parallel=environment.database.parallel) as validator:
        validator.prepare()
        report = go_on(protected, environment, RunId(run), hands=hands(terminal, environment, validator))
    return tell_run(terminal, report)


def undo(run: str, *, where: Where = HERE) -> int:
    """Take back an open run that has not passed its pivot."""
    from continuity.domain.run import RunId
    from continuity.procedures.runs import take_back
    from deployments.commands.rollback import hands
    from deployments.telling.runs import tell_run
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), _load(where, run)
    with Validator(parallel=environment.database.parallel) as validator:
        report = take_back(protected, environment, RunId(run), hands=hands(terminal, environment, validator))
    return tell_run(terminal, report)


def watch(run: str, *, where: Where = HERE) -> int:
    """Follow a run from anywhere, from its journal, until it ends."""
    import json

    from continuity.domain.run import RunId
    from continuity.journal import read_history
    from continuity.steps.places import journals_of
    from deployments.telling.runs import entry_line

    terminal, (_, environment) = where.terminal(), _load(where, run)
    shown = 0
    while True:
        history = read_history(journals_of(environment), RunId(run))
        for entry in history.entries[shown:]:
            because = str(entry.facts.get("because", "")) or str(entry.facts.get("outcome", ""))
            moment = f"{entry.at:%H:%M:%S}"
            line = json.dumps(_plain(entry)) if where.json else entry_line(entry.number, entry.kind, entry.step, moment, because)
            terminal.out.print(line, markup=False, soft_wrap=True)
        shown = len(history.entries)
        if history.end is not None:
            return 0
        time.sleep(WATCH_SECONDS)


def verify_journal(run: str, *, where: Where = HERE) -> int:
    """Verify a run's journal: no entry is missing, changed or out of its chain."""
    from continuity.domain.run import RunId
    from continuity.errors import DamagedObject
    from continuity.journal import read_history
    from continuity.steps.places import journals_of

    terminal, (_, environment) = where.terminal(), _load(where, run)
    try:
        history = read_history(journals_of(environment), RunId(run))
    except DamagedObject as error:
        terminal.result({"sound": False, "run": run, "because": error.message}, [f"not sound: {error.message}"])
        return error.exit_code
    count = len(history.entries)
    terminal.result({"sound": True, "run": run, "entries": count}, [f"sound: {run}, {count} entries in one chain"])
    return 0


def _load(where: Where, run: str) -> "tuple[Application, Environment]":
    from continuity.domain.run import application_of_run

    return where.load(application_of_run(run))


def _plain(entry: "Entry") -> dict[str, object]:
    return {
        "number": entry.number,
        "kind": entry.kind.value,
        "step": entry.step,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "facts": {key: value for key, value in entry.facts.items() if key != "plan"},
    }
