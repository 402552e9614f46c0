"""What a register of risks tells: the matrix, then the risks, the open ones first and the worst of them before the others."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.risks import IMPACTS, MATRIX, Mitigation, ProbabilityEvidence
from continuity.procedures.register import LastResult, LastResults, WeighedRegister
from deployments.console import EXIT_DONE, EXIT_LOOK, Terminal

_STYLES = {Level.CRITICAL: "bold red", Level.HIGH: "yellow", Level.MEDIUM: "cyan", Level.LOW: "green"}


def tell_risks(terminal: Terminal, application: ApplicationName, weighed: WeighedRegister) -> int:
    """Tell the register. Incidents that suggest another probability, or name no entry of it, need a look."""
    register = weighed.register
    document = {
        "matrix": {probability.value: [each.value for each in levels] for probability, levels in MATRIX.items()},
        "impacts": [each.value for each in IMPACTS],
        "risks": [_document(each, weighed.results) for each in register.entries],
        "unnamed": list(register.unnamed),
        "unknown": [{"incident": incident, "risk": risk} for incident, risk in register.unknown],
        "unreadable": [{"key": each.key, "because": each.because} for each in weighed.unreadable],
    }
    if not register.entries:
        lines: list[str | Text | Table] = [f"{application} has no register: write risks.toml beside its application.toml"]
    else:
        still_open = sum(not each.risk.closed for each in register.entries)
        said = f"{application}: {still_open} open risks; of {len(register.disagreements)} the stated level is not the matrix's"
        lines = [Text(said, style="bold"), "", _matrix(), ""]
    lines += [line for each in register.entries for line in _lines(each, weighed.results)]
    lines += [f"names no risk: {incident}" for incident in register.unnamed]
    lines += [Text(f"names a risk that is not there: {incident}: {risk}", style="yellow") for incident, risk in register.unknown]
    lines += [Text(f"cannot be read: {each.key}: {each.because}", style="bold red") for each in weighed.unreadable]
    terminal.result(document, lines)
    differs = any(each.differs for each in register.entries)
    return EXIT_LOOK if differs or register.unknown or weighed.unreadable else EXIT_DONE


def _matrix() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("PROBABILITY")
    for impact in IMPACTS:
        table.add_column(f"{impact.upper()} IMPACT", no_wrap=True)
    for probability, levels in MATRIX.items():
        table.add_row(probability.value, *(Text(level.value, style=_STYLES[level]) for level in levels))
    return table


def _lines(entry: ProbabilityEvidence, results: LastResults) -> Iterator[str | Text | Table]:
    risk = entry.risk
    yield Text.assemble((risk.level.upper(), _STYLES[risk.level]), f"  {risk.title}", (f"  [{risk.name}]", "dim"))
    phase = f"phase {risk.phase}, " if risk.phase else ""
    yield f"    {risk.probability} x {risk.impact} ({risk.consequence}); {phase}owner: {risk.owner}"
    if risk.closed:
        yield f"    closed: {risk.closed}"
    if risk.disagrees:
        yield Text.assemble("    stated ", risk.level, ", by the matrix ", (risk.computed, _STYLES[risk.computed]))
    level = f": {entry.level} by the matrix" if entry.differs else ""
    yield Text(f"    {entry}{level}", style="yellow" if entry.differs else "")
    yield from (f"      {incident}" for incident in entry.incidents)
    for mitigation in risk.mitigations:
        yield from _mitigation_lines(mitigation, results)


def _mitigation_lines(mitigation: Mitigation, results: LastResults) -> Iterator[str | Text]:
    yield f"    - {mitigation.what}" + ("" if mitigation.is_linked else " (people's word)")
    for kind, name, result in _links(mitigation, results):
        if result is None:
            yield f"        {kind} {name}: no record"
            continue
        style = {True: "green", False: "bold red", None: ""}[result.good]
        yield Text.assemble(f"        {kind} {name}: ", (result.said, style), f", {result.at:%Y-%m-%d %H:%M} UTC")


def _links(mitigation: Mitigation, results: LastResults) -> Iterator[tuple[str, str, LastResult | None]]:
    yield from (("check", name, results.checks.get(name)) for name in mitigation.checks)
    yield from (("flow", name, results.flows.get(name)) for name in mitigation.flows)
    yield from (("alert", name, results.alerts.get(name)) for name in mitigation.alerts)


def _document(entry: ProbabilityEvidence, results: LastResults) -> dict[str, Any]:
    risk = entry.risk
    return {
        "name": risk.name,
        "title": risk.title,
        "phase": risk.phase,
        "level": risk.level.value,
        "computed": risk.computed.value,
        "disagrees": risk.disagrees,
        "probability": risk.probability.value,
        "impact": risk.impact.value,
        "consequence": risk.consequence,
        "owner": risk.owner,
        "closed": risk.closed,
        "evidence": {
            "incidents": list(entry.incidents),
            "since": entry.since.isoformat(),
            "suggested": entry.suggested.value,
            "level": entry.level.value,
            "because": str(entry),
        },
        "mitigations": [
            {
                "what": each.what,
                "links": [
                    {
                        "kind": kind,
                        "name": name,
                        "last": {"at": last.at.isoformat(), "said": last.said, "good": last.good} if last else None,
                    }
                    for kind, name, last in _links(each, results)
                ],
            }
            for each in risk.mitigations
        ],
    }
