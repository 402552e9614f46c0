"""The command line: every verb without Prefect. Each command calls a procedure and shows what it returns."""

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import App, Parameter

from continuity.errors import ConfigurationRefused, ContinuityError

if TYPE_CHECKING:
    from continuity.domain.application import Application
    from continuity.settings import Environment
    from deployments.console import Terminal

app = App(
    name="continuity",
    help="Backups that are proven by a restore, for applications made of PostgreSQL, Kubernetes and S3.",
    version="0.1.0",
)
stack = App(name="stack", help="The embedded stack: PostgreSQL, a vault, S3 and a Prefect server on this machine.")
app.command(stack)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """Which environment, and how to answer."""

    environment: Annotated[Path | None, Parameter(help="Environment file; default: CONTINUITY_ENVIRONMENT.")] = None
    applications: Annotated[Path | None, Parameter(help="Folder of applications; default: the environment's.")] = None
    json: Annotated[bool, Parameter(negative="", help="One JSON document on stdout.")] = False

    def terminal(self) -> "Terminal":
        """Open the terminal."""
        from deployments.console import Terminal

        return Terminal(as_json=self.json)

    def load_environment(self) -> "Environment":
        """Read the environment."""
        from continuity.settings import load_environment

        environment = load_environment(self.environment)
        return environment.model_copy(update={"applications": self.applications}) if self.applications else environment

    def load(self, name: str) -> "tuple[Application, Environment]":
        """Read the environment and an application."""
        from continuity.adapters.application_files import load_application

        environment = self.load_environment()
        return load_application(environment.applications, name), environment


@app.command
def backup(application: str, *, drill: bool = True, where: Where = Where()) -> int:
    """Make a recovery point, and prove it by a restore unless --no-drill."""
    from continuity.procedures.backup import take_backup
    from continuity.steps.operation import perform_plainly
    from deployments import telling

    terminal, (protected, environment) = where.terminal(), where.load(application)
    report = take_backup(protected, environment, created=datetime.now(UTC), perform=perform_plainly, report=terminal.progress)
    proof = _drill(terminal, protected, environment, point=report.manifest.id, keep=False) if drill else None
    return telling.tell_backup(terminal, report, proof)


@app.command
def drill(application: str, *, point: str = "latest", keep: bool = False, where: Where = Where()) -> int:
    """Restore a point (an id, latest, oldest or random) into a scratch database and judge it."""
    from deployments import telling

    terminal, (protected, environment) = where.terminal(), where.load(application)
    report = _drill(terminal, protected, environment, point=point, keep=keep)
    return telling.tell_drill(terminal, report, protected, environment)


def _drill(terminal: "Terminal", protected: "Application", environment: "Environment", *, point: str, keep: bool):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from continuity.procedures.drill import drill_point
    from continuity.steps.operation import perform_plainly
    from expectations.validator import Validator

    with Validator(parallel=environment.database.parallel) as validate:
        return drill_point(
            protected,
            environment,
            wanted=point,
            keep=keep,
            perform=perform_plainly,
            validate=validate,
            report=terminal.progress,
        )


@app.command
def validate(application: str, *, database: str = "", where: Where = Where()) -> int:
    """Judge a live database by its suites and rules. Reads only."""
    from continuity.procedures.validation import validate_live
    from continuity.steps.operation import perform_plainly
    from deployments import telling
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), where.load(application)
    with Validator(parallel=environment.database.parallel) as validator:
        report = validate_live(protected, environment, database=database, perform=perform_plainly, validate=validator)
    return telling.tell_validation(terminal, report)


@app.command
def points(application: str, *, where: Where = Where()) -> int:
    """List the recovery points, newest first, with their verdicts."""
    from deployments import telling

    terminal, (protected, environment) = where.terminal(), where.load(application)
    return telling.tell_points(terminal, protected, environment)


@app.command
def distrust(recovery_point: str, *, because: str, where: Where = Where()) -> int:
    """Mark a point as holding bad data: it is never chosen by rule."""
    from continuity.procedures.trust import distrust_point

    terminal = where.terminal()
    marked = distrust_point(where.load_environment(), recovery_point, because=because, by=getuser(), now=datetime.now(UTC))
    terminal.result({"recovery_point": marked.point}, [f"{marked.point} is distrusted from now on: {marked.because}"])
    return 0


@app.command
def accept(application: str, finding: str, *, until: datetime, because: str, where: Where = Where()) -> int:
    """Tolerate a failing finding of health until a date (UTC), with the reason."""
    from continuity.procedures.trust import accept_finding

    terminal, (protected, environment) = where.terminal(), where.load(application)
    accepted = accept_finding(protected, environment, finding, until=until, because=because, by=getuser(), now=datetime.now(UTC))
    line = f"{accepted.finding!r} is accepted until {accepted.until:%Y-%m-%d %H:%M} UTC: {accepted.because}"
    terminal.result({"finding": accepted.finding, "until": accepted.until.isoformat()}, [line])
    return 0


@stack.command
def up(*, directory: Path = Path(".continuity/stack"), where: Where = Where()) -> int:
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


@stack.command
def down(*, directory: Path = Path(".continuity/stack"), where: Where = Where()) -> int:
    """Stop the embedded stack; its data stays."""
    from deployments.local.stack import stop_stack

    stop_stack(directory.absolute())
    where.terminal().result({"urls": {}}, ["stopped"])
    return 0


@app.command
def demo(*, where: Where = Where()) -> int:
    """Show the whole story on the embedded stack: backup, proof, damage, and that the damage is found."""
    from deployments.local.demo import tell_story

    return tell_story(where.terminal())


def main() -> None:
    """Run a command and leave with its exit code."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    as_json = "--json" in sys.argv
    try:
        code = app(exit_on_error=False, result_action="return_value")
    except cyclopts.CycloptsError:
        code = ConfigurationRefused.exit_code
    except ContinuityError as error:
        from deployments.console import Terminal

        code = Terminal(as_json=as_json).error(error)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
