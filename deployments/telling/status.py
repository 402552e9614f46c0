"""What status and points tell. Loads nothing that touches a database: both answer in half a second."""

import gc
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from continuity.adapters.points import Listing
from continuity.domain import reports
from continuity.domain.application import Application
from continuity.domain.status import Status
from continuity.domain.trend import Measure
from continuity.procedures.standing import assess_application
from continuity.settings import Environment
from deployments.console import EXIT_DONE, EXIT_LOOK, Terminal, points_table

_UNITS = {"size": lambda value: reports.size(int(value)), "seconds of snapshot": lambda value: f"{value:.0f} s"}


def tell_points(terminal: Terminal, application: Application, environment: Environment) -> int:
    """List the points; what cannot be read is listed too."""
    listing, status = _assess(application, environment)
    document = {
        "points": [
            {
                "id": state.manifest.id,
                "created": state.manifest.created.isoformat(),
                "bytes": state.manifest.stored_bytes,
                "verdict": state.verdict,
                "drilled": state.last_drill.finished.isoformat() if state.last_drill else None,
                "distrusted": state.distrusted.because if state.distrusted else None,
                "pinned": state.pinned.because if state.pinned else None,
            }
            for state in listing.points
        ],
        "damaged": _damaged_json(listing),
        "trend": _trend_json(status),
    }
    lines: list[str | Text | Table] = [_first_line(status), *_trend_lines(status), points_table(listing.points)]
    lines += _damaged_lines(listing)
    terminal.result(document, lines)
    return EXIT_LOOK if listing.damaged else EXIT_DONE


def tell_status(terminal: Terminal, application: Application, environment: Environment) -> int:
    """Tell how the application stands: the last proven point, what needs a look, then the rest."""
    listing, status = _assess(application, environment, with_runs=True)
    proven, age = status.protection.last_proven, status.protection.age
    document = {
        "proven": {"id": proven.manifest.id, "age_seconds": round(age.total_seconds())} if proven and age is not None else None,
        "objectives": _objectives_json(status),
        "open_runs": list(status.open_runs),
        "to_look": list(status.to_look),
        "points": status.protection.points,
        "newest": _newest_json(status),
        "trend": _trend_json(status),
        "next_drill": _next_drill_json(status),
        "pins": [{"id": each.point, "because": each.because, "by": each.by} for each in status.pins],
        "damaged": _damaged_json(listing),
        "expiry_unfinished": list(listing.leftovers),
    }
    lines: list[str | Text | Table] = [_first_line(status)]
    lines += [Text(f"  ✗ {each}", style="yellow") for each in status.to_look]
    lines += _damaged_lines(listing)
    lines += [f"  {name:15} {value}" for name, value in _facts(status).items()]
    lines += [f"  pinned          {each.point}: {each.because} ({each.by})" for each in status.pins]
    lines += [f"  expiring        {each}: `continuity expire` finishes it" for each in listing.leftovers]
    lines += _trend_lines(status)
    terminal.result(document, lines)
    return EXIT_LOOK if status.to_look else EXIT_DONE


def _assess(application: Application, environment: Environment, *, with_runs: bool = False) -> tuple[Listing, Status]:
    # The process ends right after: collecting garbage among a hundred manifests would take a fifth of its time.
    gc.disable()
    assessed = assess_application(application, environment, now=datetime.now(UTC), with_runs=with_runs)
    return assessed.listing, assessed.status


def _first_line(status: Status) -> Text:
    return Text(str(status), style="bold green" if status.recovery_point_met else "bold red")


def _facts(status: Status) -> dict[str, str]:
    facts = {}
    if status.newest:
        manifest = status.newest.manifest
        facts["newest point"] = f"{manifest.id}: {status.newest.verdict}"
        facts["stored"] = f"{reports.size(manifest.stored_bytes)}, snapshot held for {manifest.snapshot.held_seconds} s"
    if status.drill_time is not None:
        facts["last drill"] = reports.duration(status.drill_time)
    if status.prediction is not None:
        allowed = reports.duration(status.objectives.recovery_time)
        facts["recovery"] = f"{status.prediction}; it may take {allowed}"
    if status.due:
        point = "" if status.due.drawn else f"{status.due.point.manifest.id}: "
        facts["next drill due"] = f"{point}{status.due.because}"
    return facts


def _trend_lines(status: Status) -> list[str | Text | Table]:
    if not status.trend or not status.trend.compared_with:
        return []
    said = ", ".join(_measure_text(each) for each in status.trend.measures if not each.name.startswith("rows of "))
    lines: list[str | Text | Table] = [f"trend, against the median of {status.trend.compared_with} earlier points: {said}"]
    lines += [Text(f"out of line: {each}", style="yellow") for each in status.trend.out_of_line]
    return lines


def _measure_text(measure: Measure) -> str:
    said = _UNITS.get(measure.name, lambda value: f"{value:,.0f}")(measure.value)
    change = "" if measure.change_percent is None else f" ({measure.change_percent:+d} %)"
    return f"{measure.name} {said}{change}"


def _objectives_json(status: Status) -> dict[str, Any]:
    age, drill = status.protection.age, status.drill_time
    return {
        "recovery_point": {
            "hours": status.objectives.recovery_point.total_seconds() / 3600,
            "age_seconds": round(age.total_seconds()) if age is not None else None,
            "met": status.recovery_point_met,
        },
        "recovery_time": {
            "hours": status.objectives.recovery_time.total_seconds() / 3600,
            "drill_seconds": round(drill.total_seconds()) if drill is not None else None,
            "predicted_seconds": round(status.prediction.total_seconds) if status.prediction else None,
            "unmeasured": [stage.value for stage in status.prediction.unmeasured] if status.prediction else [],
            "met": status.recovery_time_met,
        },
    }


def _newest_json(status: Status) -> dict[str, Any] | None:
    if status.newest is None:
        return None
    manifest = status.newest.manifest
    return {
        "id": manifest.id,
        "verdict": status.newest.verdict,
        "bytes": manifest.stored_bytes,
        "snapshot_seconds": manifest.snapshot.held_seconds,
        "rows": sum(table.rows for table in manifest.tables),
    }


def _trend_json(status: Status) -> dict[str, Any] | None:
    if status.trend is None:
        return None
    return {
        "compared_with": status.trend.compared_with,
        "measures": [
            {"name": each.name, "value": each.value, "median": each.median, "out_of_line": each.out_of_line}
            for each in status.trend.measures
        ],
    }


def _next_drill_json(status: Status) -> dict[str, Any] | None:
    if status.due is None:
        return None
    return {"id": None if status.due.drawn else status.due.point.manifest.id, "because": status.due.because}


def _damaged_json(listing: Listing) -> list[dict[str, str]]:
    return [{"key": each.key, "reason": each.reason} for each in listing.damaged]


def _damaged_lines(listing: Listing) -> list[str | Text | Table]:
    return [Text(f"damaged: {each.key}: {each.reason}", style="bold red") for each in listing.damaged]
