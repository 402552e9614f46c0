"""What a person is told: the first line says which of four things it is, then what it means and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import Manifest, PointState
from continuity.domain.verdict import Axis, Finding, Judgement, Outcome, Trouble, Verdict

NEXT = {
    Judgement.SOUND: "Nothing to do.",
    Judgement.UNHEALTHY: "The point can be used. Look at the rules that did not hold: they failed in the source too."
    " Known and tolerated: `continuity accept APP FINDING --until DATE --because TEXT`.",
    Judgement.UNFAITHFUL: "Do not rely on this point. Make another with `continuity backup APP`, drill an older one with"
    " `continuity drill APP --point ID`, and follow docs/runbooks/backup.md.",
    Judgement.NOT_PROVEN: "Run the drill again; when it stays so, follow docs/runbooks/validation.md.",
}

NEXT_ON_LIVE = {
    Judgement.SOUND: "Nothing to do.",
    Judgement.UNHEALTHY: "Look at the rows that the findings name, and at what wrote them."
    " Known and tolerated: `continuity accept APP FINDING --until DATE --because TEXT`.",
    Judgement.UNFAITHFUL: "Find out what changed the database, before another backup takes it for granted;"
    " follow docs/runbooks/validation.md.",
    Judgement.NOT_PROVEN: "Run the validation again; when it stays so, follow docs/runbooks/validation.md.",
}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How well an application is protected, apart from the run that is being told of."""

    points: int
    last_proven: PointState | None
    age: timedelta | None
    damaged: int = 0

    def __str__(self) -> str:
        damaged = f"; {self.damaged} documents of the vault cannot be read, see `continuity points`" if self.damaged else ""
        if self.last_proven is None or self.age is None:
            return f"{self.points} recovery points, none of them proven{damaged}"
        return f"last proven point {self.last_proven.manifest.id}, {duration(self.age)} old, of {self.points}{damaged}"


def standing(points: Sequence[PointState], *, now: datetime, damaged: int = 0) -> Standing:
    """Tell the last point that is proven and not distrusted, and its age."""
    proven = [state for state in points if state.usable]
    last = max(proven, key=lambda state: state.manifest.created, default=None)
    age = now - last.manifest.created if last else None
    return Standing(points=len(points), last_proven=last, age=age, damaged=damaged)


def headline(verdict: Verdict, *, subject: str) -> str:
    """Say in one line which of four things it is, or that all is well."""
    if verdict.trouble is Trouble.NONE:
        return f"{verdict.judgement.value}: {subject}: {verdict.because}"
    return f"{verdict.trouble.value}: {subject} is {verdict.judgement.value}: {verdict.because}"


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Order findings as a person needs them: what failed first, faithfulness before health, then what passed."""
    outcomes = (Outcome.FAILED, Outcome.NOT_PROVEN, Outcome.PASSED)
    axes = (Axis.FAITHFUL, Axis.HEALTHY)
    return sorted(findings, key=lambda finding: (outcomes.index(finding.outcome), axes.index(finding.axis)))


def finding_row(finding: Finding, *, accepted: Sequence[str] = ()) -> dict[str, str]:
    """Return a finding as a row of a table, in words."""
    result = finding.outcome.value
    if finding.name in accepted and finding.axis is Axis.HEALTHY:
        result = f"{result}, accepted"
    return {
        "result": result,
        "finding": finding.name,
        "detail": finding.detail,
        "severity": finding.severity.value,
        "speaks of": finding.axis.value,
    }


def _release(manifest: Manifest) -> str:
    if manifest.workloads is None:
        return "not recorded"
    said = manifest.workloads.release
    named = " ".join(part for part in (said.version, f"({said.revision[:12]})" if said.revision else "") if part)
    running = ", ".join(f"{state.ref} x {state.replicas}" for state in manifest.workloads.states)
    return f"{named or 'unnamed'}: {running}"


def point_facts(manifest: Manifest) -> dict[str, str]:
    """Return what a person wants to know of a point, in words."""
    rows = sum(table.rows for table in manifest.tables)
    media = f"{manifest.media.objects:,} objects mapped" if manifest.media else "none"
    return {
        "recovery point": manifest.id,
        "moment": f"{manifest.snapshot.taken:%Y-%m-%d %H:%M:%S} UTC",
        "database": f"{manifest.database.name}, PostgreSQL {manifest.database.server_version},"
        f" {len(manifest.tables)} tables, {rows:,} rows",
        "stored": f"{size(manifest.stored_bytes)} ({' + '.join(manifest.dump.encodings)}, from"
        f" {size(manifest.dump.content_bytes)})",
        "release": _release(manifest),
        "migration head": manifest.migration_head or "not configured",
        "media": media,
        "snapshot held": f"{manifest.snapshot.held_seconds} s",
    }


def size(size_bytes: int) -> str:
    """Say a size in decimal units."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 -- decimal units
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(length: timedelta) -> str:
    """Say a duration in its two largest units."""
    seconds = int(length.total_seconds())
    for unit, name, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            rest = seconds % unit // smaller
            return f"{seconds // unit} {name}" + (f" {rest} {small}" if rest else "")
    return f"{seconds} s"


def markdown_table(facts: dict[str, str]) -> str:
    """Lay facts out as a Markdown table."""
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in facts.items())
    return f"| what | value |\n| --- | --- |\n{rows}"


def drill_markdown(
    manifest: Manifest,
    verdict: Verdict,
    *,
    seconds: float,
    protection: Standing,
    all_findings: str = "",
    warnings: Sequence[str] = (),
) -> str:
    """Write the report of a drill; `all_findings` is a link to the whole table."""
    parts = [
        f"# {_title(verdict)}: {manifest.id}",
        f"**{verdict.because}**",
        f"Backups: {protection}.",
        f"**Next:** {_for(NEXT[verdict.judgement], manifest.application)}",
    ]
    parts += [*_what_did_not_hold(verdict, all_findings), *_warnings(warnings)]
    parts += ["## The point", markdown_table({**point_facts(manifest), "drill": f"{seconds:.0f} s"})]
    parts += ["## Not in the point", "\n".join(f"- {each}" for each in manifest.not_included)]
    return "\n\n".join(parts)


def _what_did_not_hold(verdict: Verdict, all_findings: str) -> list[str]:
    wrong = [finding for finding in in_order(verdict.findings) if not finding.passed]
    parts: list[str] = []
    if wrong:
        rows = [finding_row(each, accepted=verdict.accepted) for each in wrong]
        lines = [f"| {_cell(row['finding'])} | {row['result']} | {_cell(row['detail'])} |" for row in rows]
        parts += ["## What did not hold", "| finding | result | detail |\n| --- | --- | --- |\n" + "\n".join(lines)]
    count = f"All findings ({len(verdict.findings)})"
    parts.append(f"[{count}]({all_findings})" if all_findings else count)
    return parts


def backup_markdown(manifest: Manifest, *, seconds: float, out_of_line: Sequence[str] = ()) -> str:
    """Write the report of a backup. Until a drill has judged it, it is a backup and no proof."""
    parts = [
        f"# stored: {manifest.id}",
        f"**Next:** a drill proves it; its report is `{manifest.application}-drill`, of this run unless it was switched off.",
        markdown_table({**point_facts(manifest), "backup": f"{seconds:.0f} s"}),
    ]
    parts += _warnings((*out_of_line, *manifest.warnings))
    parts += ["## Not in the point", "\n".join(f"- {each}" for each in manifest.not_included)]
    return "\n\n".join(parts)


def validation_markdown(
    application: ApplicationName,
    database: str,
    verdict: Verdict,
    *,
    seconds: float,
    all_findings: str = "",
    warnings: Sequence[str] = (),
) -> str:
    """Write the report of an examination of a live database; `all_findings` is a link to the whole table."""
    parts = [
        f"# {_title(verdict)}: live database {database}",
        f"**{verdict.because}** ({seconds:.0f} s)",
        f"**Next:** {_for(NEXT_ON_LIVE[verdict.judgement], application)}",
        *_what_did_not_hold(verdict, all_findings),
        *_warnings(warnings),
    ]
    return "\n\n".join(parts)


def _warnings(warnings: Sequence[str]) -> list[str]:
    return ["## Warnings", "\n".join(f"- {each}" for each in warnings)] if warnings else []


def _for(advice: str, application: ApplicationName) -> str:
    """Make the commands of an advice ready to paste."""
    return advice.replace(" APP", f" {application}")


def _title(verdict: Verdict) -> str:
    return str(verdict.trouble.value or verdict.judgement.value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
