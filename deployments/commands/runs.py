"""Runs that are there: follow them, finish them, take them back, verify their journals."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.commands.carrying import carry_out_approved, hands
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
    from deployments.telling.runs import tell_run
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), _load(where, run)
    with Validator(parallel=environment.database.parallel) as validator:
        report = go_on(protected, environment, RunId(run), hands=hands(terminal, environment, validator))
    return tell_run(terminal, report, environment)


def undo(run: str, *, approve: str = "", where: Where = HERE) -> int:
    """Take back an open run at once; for one that is done, plan to swap back, and with --approve HASH do it."""
    from continuity.domain.run import RunId
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.procedures.runs import open_run, take_back
    from continuity.procedures.undoing import make_undo_plan
    from continuity.steps.operation import perform_plainly
    from continuity.steps.places import journals_of
    from deployments.telling.runs import tell_plan, tell_run
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), _load(where, run)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    if open_run(journals_of(environment), protected.name) == run:
        with Validator(parallel=environment.database.parallel) as validator:
            report = take_back(protected, environment, RunId(run), hands=hands(terminal, environment, validator))
        return tell_run(terminal, report, environment)
    waiting = make_undo_plan(protected, environment, RunId(run), perform=perform_plainly, now=datetime.now(UTC))
    perform_plainly(KEEP_PLAN, environment, waiting)
    return tell_plan(terminal, waiting, command=f"continuity undo {run} --approve {waiting.plan.hash}")


def approve(
    plan: str,
    *,
    name: Annotated[str, Parameter(name="--as", help="Your name in `[rollback.approvers]`.")],
    key: Annotated[Path, Parameter(help="Your OpenSSH private key (ed25519).")] = Path("~/.ssh/id_ed25519"),
    where: Where = HERE,
) -> int:
    """Approve a plan with your signature, after having looked at what it says."""
    from continuity.adapters.application_files import list_applications
    from continuity.adapters.approvals import check_signature, find_application, find_plan, sign_approval, store_approval
    from continuity.domain.approval import Approval
    from continuity.steps.places import journals_of
    from deployments.telling.runs import tell_approval

    terminal, environment = where.terminal(), where.load_environment()
    journals = journals_of(environment)
    application = find_application(journals, plan, list_applications(environment.applications))
    waiting = find_plan(journals, application, plan)
    approval = Approval(application=application, plan=waiting.plan.hash, by=name, at=datetime.now(UTC))
    signed = sign_approval(approval, key.expanduser(), ask_passphrase=terminal.ask_secret)
    check_signature(signed, environment.rollback.approvers)
    store_approval(journals, signed)
    return tell_approval(terminal, waiting, signed)


def confirm(
    run: str,
    *,
    name: Annotated[str, Parameter(name="--as", help="Who has looked.")],
    because: Annotated[str, Parameter(help="What you have looked at.")] = "",
    where: Where = HERE,
) -> int:
    """Confirm that you have looked at the application after a run, and that it works."""
    from continuity.domain.run import RunId
    from continuity.procedures.confirmation import confirm_run
    from deployments.telling.runs import tell_confirmation

    terminal, (_, environment) = where.terminal(), _load(where, run)
    kept = confirm_run(environment, RunId(run), by=name, because=because, now=datetime.now(UTC))
    return tell_confirmation(terminal, kept, by=name)


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
