"""How the terminal carries out approved plans: what every verb that plans first does with --approve HASH."""

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuity.adapters.approvals import WaitingPlan
    from continuity.domain.application import Application
    from continuity.domain.plan import Plan
    from continuity.domain.run import RunId
    from continuity.procedures.runs import Hands
    from continuity.settings import Environment
    from deployments.commands.where import Where
    from deployments.console import Terminal
    from expectations.validator import Validator

    MakePlan = Callable[[Terminal, Application, Environment], WaitingPlan]


def plan_first(
    where: "Where", application: str, make: "MakePlan", *, command: str, approve: str = "", detach: bool = False
) -> int:
    """Make a plan, keep it for approval and tell it, with the command that carries it out; or carry an approved one out."""
    from continuity.procedures.rollback import KEEP_PLAN
    from continuity.steps.operation import perform_plainly
    from deployments.telling.runs import tell_plan

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if approve and detach:
        return carry_on_detached(terminal, environment, application)
    if approve:
        return carry_out_approved(terminal, protected, environment, approve)
    waiting = make(terminal, protected, environment)
    perform_plainly(KEEP_PLAN, environment, waiting)
    return tell_plan(terminal, waiting, command=f"{command} --approve {waiting.plan.hash}")


def tell_moment(terminal: "Terminal", what: str, moment: datetime) -> datetime:
    """Tell a moment back as it was understood, in local time and in UTC, and return it in UTC."""
    terminal.note(f"{what} {moment.astimezone():%Y-%m-%d %H:%M:%S %Z}, {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    return moment.astimezone(UTC)


def carry_out_approved(terminal: "Terminal", protected: "Application", environment: "Environment", approve: str) -> int:
    """Carry out the plan of that hash in the name of the person at the terminal, and tell what it came to."""
    from continuity.adapters.approvals import find_plan
    from continuity.domain.approval import Approval
    from continuity.procedures.remaking import remake
    from continuity.procedures.runs import carry_out
    from continuity.steps.operation import perform_plainly
    from continuity.steps.places import journals_of
    from deployments.telling.runs import tell_run
    from expectations.validator import Validator

    waiting = find_plan(journals_of(environment), protected.name, approve)
    plan = waiting.plan
    approval = Approval(application=protected.name, plan=plan.hash, by=getuser(), at=datetime.now(UTC))
    with Validator(parallel=environment.database.parallel) as validator:
        report = carry_out(
            protected,
            environment,
            waiting,
            replan=lambda: remake(protected, environment, plan, perform=perform_plainly, now=datetime.now(UTC)),
            approvals=[approval],
            hands=hands(terminal, environment, validator),
        )
    return tell_run(terminal, report, environment)


def carry_on_detached(terminal: "Terminal", environment: "Environment", application: str) -> int:
    """Start this very command in the background, in a session of its own, and leave once its run has begun.

    What it says goes to a file that is named. The terminal may close: the run goes on, and is followed by its journal.
    """
    import subprocess
    import sys
    import tempfile
    import time
    from pathlib import Path

    from continuity.domain.application import ApplicationName
    from continuity.procedures.runs import open_run
    from continuity.steps.places import journals_of

    log = Path(tempfile.mkdtemp(prefix="continuity-")) / "run.log"
    argv = [sys.argv[0], *(word for word in sys.argv[1:] if word != "--detach")]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 -- this command again
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    while process.poll() is None:
        if run := open_run(journals_of(environment), ApplicationName(application)):
            lines = [f"run {run}, process {process.pid}, output in {log}", f"follow it: continuity watch {run}"]
            terminal.result({"run": run, "pid": process.pid, "log": str(log)}, lines)
            return 0
        time.sleep(0.1)
    terminal.note(log.read_text(errors="replace"))
    return process.returncode


def hands(terminal: "Terminal", environment: "Environment", validator: "Validator") -> "Hands":
    """Return what a terminal hands to a run: plain performing, and every step told as it happens."""
    from continuity.procedures.judging import judge_by, judge_live_by
    from continuity.procedures.runs import Hands
    from continuity.procedures.stopwatch import over_budget
    from continuity.steps.live import VALIDATE_LIVE
    from continuity.steps.operation import perform_plainly
    from continuity.steps.shadow import JUDGE_SHADOW
    from deployments.telling.runs import Progress

    def begun(run: "RunId", plan: "Plan") -> None:
        terminal.note(f"run {run}; follow it from anywhere: continuity watch {run}")
        if any(step.kind in {JUDGE_SHADOW, VALIDATE_LIVE} for step in plan.steps):
            validator.prepare()

    return Hands(
        perform=perform_plainly,
        judge=judge_by(validator, environment),
        judge_live=judge_live_by(validator, environment),
        observe=Progress(terminal),
        report=terminal.progress,
        begun=begun,
        over_budget=lambda stage, budget: terminal.alarm(over_budget(stage, budget)),
    )
