"""What init and check tell."""

import shlex
import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text

from continuity.domain import reports
from continuity.domain.checks import Check
from continuity.errors import UnsafeOperation
from continuity.procedures.contact import Contact
from continuity.procedures.readiness import Readiness
from deployments.console import EXIT_DONE, Terminal


def tell_readiness(terminal: Terminal, application: str, ready: tuple[Readiness, ...], environment: Path) -> int:
    """Tell what is there and what is missing: the headline first, then each purpose."""
    failed = [each for each in ready if each.failed]
    checks = [
        {
            "name": check.name,
            "passed": check.passed,
            "detail": check.detail,
            "hint": check.hint,
            "purpose": each.purpose.value,
            "warning": check in each.warnings,
        }
        for each in ready
        for check in each.checks
    ]
    lines = [_headline(application, ready), *(line for each in ready for line in _lines(each))]
    breakglass = break_glass(application, environment)
    terminal.result({"checks": checks, "break_glass": breakglass}, [*lines, "", "in an emergency, from here:", *breakglass])
    return UnsafeOperation.exit_code if failed else EXIT_DONE


def _headline(application: str, ready: tuple[Readiness, ...]) -> Text:
    missing = {each.purpose.value: len(each.failed) for each in ready if each.failed}
    warnings = sum(len(each.warnings) for each in ready)
    warned = f", {warnings} warnings" if warnings > 1 else ", 1 warning" if warnings else ""
    if missing:
        told = ", ".join(f"{purpose} ({count} missing)" for purpose, count in missing.items())
        return Text(f"{application} is not ready for {told}{warned}; nothing was changed", style="bold red")
    purposes = ", ".join(each.purpose.value for each in ready)
    return Text(f"{application} is ready for {purposes}{warned}; nothing was changed", style="bold green")


def _lines(ready: Readiness) -> list[str | Text | Table]:
    lines: list[str | Text | Table] = [f"\n{ready.purpose}"]
    for check in ready.checks:
        mark, style = _mark(check)
        lines.append(Text.assemble("  ", (f"{mark} {check.name}", style), f": {check.detail}"))
        if check.hint:
            lines.append(f"      {check.hint}")
    return lines


def _mark(check: Check) -> tuple[str, str]:
    if not check.passed:
        return "✗", "bold red"
    return ("!", "yellow") if check.hint else ("✓", "green")


def tell_contact(terminal: Terminal, met: Contact) -> int:
    """Tell what was found and written, what must not be lost, and the commands to run next as the last lines."""
    found = met.found
    warnings = _cautions(met)
    document = {
        "application": met.application,
        "files": [str(path) for path in met.files],
        "vault": met.vault_url,
        "warnings": warnings,
        "next": list(met.next_commands),
    }
    lines: list[str | Text | Table] = [
        f"database {found.name}: PostgreSQL {found.version}, {reports.size(found.size_bytes)}, {found.tables} tables",
        *(f"  migrations: {each.tools}, now at {each.head or 'none'}" for each in found.migrations),
        "written, once:",
        *(f"  {path}" for path in met.files),
        Text(f"{met.key} opens every recovery point. Losing it is losing every point: copy it offline now.", style="bold"),
        *(Text(f"warning: {each}", style="yellow") for each in warnings),
        "next:",
        *(f"  {command}" for command in met.next_commands),
    ]
    terminal.result(document, lines)
    return EXIT_DONE


def _cautions(met: Contact) -> list[str]:
    found, cautions = met.found, []
    if met.vault_url.startswith("file:"):
        cautions.append(f"the vault {met.vault_url} is a folder: on this machine it is lost with it; see --vault s3://…")
    if found.superuser:
        cautions.append(f"{found.role} is a superuser; the environment file says what less would do")
    if not found.tables:
        others = ", ".join(found.siblings)
        cautions.append(f"database {found.name} has no tables" + (f"; others on the server: {others}" if others else ""))
    if met.passfile:
        cautions.append(f"the password is in {met.passfile}, for this user alone; the shell's history may have it too")
    return cautions


def break_glass(application: str, environment: Path) -> list[str]:
    """Return the commands that roll back from this place, with everything pinned that a shell at night may not have set.

    They need no Prefect. Detached, a run outlives the terminal, and is followed from a laptop by its journal.
    """
    here = f"CONTINUITY_ENVIRONMENT={shlex.quote(str(environment.absolute()))}"
    program = f"{here} {shlex.quote(str(Path(sys.argv[0]).absolute()))}"
    return [
        f"  {program} hold {application}",
        f"  {program} rollback {application}",
        f"  {program} rollback {application} --approve HASH --detach",
    ]
