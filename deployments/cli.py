"""The command line: every verb without Prefect. A verb's module is loaded when the verb is called."""

import gc
import os
import signal
import sys

import cyclopts
from cyclopts import App

from continuity.errors import ConfigurationRefused, ContinuityError

VERBS = {
    "init": ("contact", "Write the files for a database that was never seen. Never overwrites one."),
    "check": (
        "contact",
        "Show what backup, drill, rollback, recovery and messages need: ✓, or ✗ with the remedy. Changes nothing.",
    ),
    "backup": ("protection", "Make a recovery point, and prove it by a restore."),
    "drill": ("protection", "Restore a point into a scratch database and judge it."),
    "validate": ("protection", "Judge a live database by its suites and rules."),
    "points": ("protection", "List the recovery points, newest first, with their verdicts."),
    "status": ("protection", "Tell the age of the last proven point, the objectives, and what needs a look."),
    "distrust": ("trust", "Mark a point or an image as bad: no rollback goes there by rule."),
    "accept": ("trust", "Tolerate a failing finding of health until a date."),
    "hold": ("holding", "Stop traffic and writes now, without a plan."),
    "release": ("holding", "Put back exactly what a hold has stopped."),
    "rollback": ("rollback", "Plan to go back to a proven point, or carry such a plan out."),
    "recover": ("recovery", "Plan to stand everything up again in an empty place, or carry such a plan out."),
    "phase": ("phase", "Plan to take one phase of the application back, or carry such a plan out."),
    "feature": ("feature", "Switch a feature of the application on or off by its flag, or plan to."),
    "media": ("media", "Plan to bring the media bucket back to a moment, or carry such a plan out."),
    "column": ("column", "Plan to set one column, table or constraint aside, or carry such a plan out."),
    "approve": ("runs", "Approve a plan with your signature."),
    "resume": ("runs", "Finish a run that was killed."),
    "undo": ("runs", "Take a run back."),
    "confirm": ("runs", "Confirm that the application works after a run."),
    "discard": ("discarding", "Drop what a run has replaced or set aside, by its exact name."),
    "watch": ("runs", "Follow a run from anywhere."),
    "verify-journal": ("runs", "Verify that a run's journal is whole and unchanged."),
    "expire": ("retention", "Let points expire by the application's policy; without --yes nothing goes."),
    "pin": ("retention", "Keep a point from expiring."),
    "unpin": ("retention", "Let a pinned point expire by rule again."),
    "webhooks": ("alerting", "Take alerts from Alertmanager, Grafana and signed posts, and act on them once."),
    "alerts": ("alerting", "Show the accepted alerts and what became of them; switch automatic starts off and on."),
    "measures": ("assessing", "Measure a period by its records, each number with its objective, formula and source."),
    "risks": ("assessing", "Show what may go wrong, worst first, with the matrix and what incidents say of it."),
    "deploy": ("deploying", "Put the deployments of applications into a Prefect server that exists."),
    "incidents": ("incidents", "List the incidents of an application, the open ones first."),
    "incident": ("incidents", "Open an incident by hand, show one, or change its level."),
    "acknowledge": ("incidents", "Take an incident on: nobody else is asked from now on."),
    "resolve": ("incidents", "Say that an incident is over; everyone who was told is told."),
    "assess": ("incidents", "Say what is known of an incident's cause and damage."),
    "follow-up": ("incidents", "Say what is to be done so that an incident does not happen again, or that it is done."),
    "notices": ("notices", "Show who is told of incidents, at each level and by which chain, and try their channels."),
    "report": ("reporting", "Show the report of an incident, written by the system; as .html or .md with --output."),
    "review": ("reporting", "Hold a weekly, monthly or quarterly review: what changed, what is open, what is not covered."),
    "demo": ("stack", "Show the whole story on the embedded stack."),
}
"""Verbs, each with its module in `deployments.commands` and its line in --help: showing them loads no module."""

app = App(
    name="continuity",
    help="Backups that are proven by a restore, for applications made of PostgreSQL, Kubernetes and S3.",
    version="0.1.0",
    suppress_keyboard_interrupt=False,  # a signal is told of here, with its own exit code
)
stack = App(name="stack", help="The embedded stack: PostgreSQL, a vault, S3 and a Prefect server on this machine.")
stack.command("deployments.commands.stack:up", name="up", help="Start it, load the sample applications, print the addresses.")
stack.command("deployments.commands.stack:down", name="down", help="Stop it; its data stays.")
app.command(stack)
for verb, (module, line) in VERBS.items():
    app.command(f"deployments.commands.{module}:{verb.replace('-', '_')}", name=verb, help=line)


class Stopped(KeyboardInterrupt):
    """A signal asks this process to end: every block on the way out ends its programs and removes what it has begun."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


def _stop(number: int, _frame: object) -> None:
    for each in (signal.SIGTERM, signal.SIGHUP):
        # Supervisors repeat themselves, and the way out is short; who wants out at once has Ctrl-C again, and SIGKILL.
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def _tell_stopped(stopped: KeyboardInterrupt) -> int:
    name = stopped.signal.name if isinstance(stopped, Stopped) else signal.SIGINT.name
    print(  # noqa: T201 -- the console may be what was interrupted
        f"error: stopped by {name}\nNothing half-written counts."
        "\nNext: Run the same command again: it goes on where that is possible, and starts anew otherwise.",
        file=sys.stderr,
    )
    return 128 + signal.Signals[name]


def main() -> None:
    """Run a command and leave with its exit code."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and shells without job control ignore some on purpose
            signal.signal(number, _stop)
    as_json = "--json" in sys.argv
    try:
        code = app(exit_on_error=False, result_action="return_value")
    except cyclopts.CycloptsError:
        code = ConfigurationRefused.exit_code
    except ContinuityError as error:
        from deployments.console import Terminal

        code = Terminal(as_json=as_json).error(error)
    except KeyboardInterrupt as stopped:
        code = _tell_stopped(stopped)
    # Python would look through everything for garbage once more: a tenth of what `points` takes, for a process that ends.
    gc.freeze()
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
