"""What measures tell: each number with its objective, its formula and its source."""

from typing import Any

from rich.table import Table
from rich.text import Text

from continuity.domain.application import ApplicationName
from continuity.domain.measure import Measure, amount
from continuity.procedures.measuring import Measured
from deployments.console import EXIT_DONE, EXIT_LOOK, Terminal

_STATES = {True: ("✓", "met", "green"), False: ("✗", "MISSED", "bold red"), None: ("?", "not shown", "yellow")}
"""Mark, word and colour by whether an objective is met; None where there are too few records to tell."""


def tell_measures(terminal: Terminal, application: ApplicationName, measured: Measured, *, exercise: bool) -> int:
    """Tell the measures of a period. An objective that is missed, or a record that cannot be read, needs a look."""
    document = {
        "since": measured.since.isoformat(),
        "until": measured.until.isoformat(),
        "exercise": exercise,
        "measures": [_document(each) for each in measured.measures],
        "unreadable": [{"key": each.key, "because": each.because} for each in measured.unreadable],
    }
    what = "drills, rehearsals and exercises" if exercise else "the real thing: no drill, rehearsal or exercise counts"
    lines: list[str | Text | Table] = [
        Text(f"{application}, {measured.since:%Y-%m-%d %H:%M %Z} to {measured.until:%Y-%m-%d %H:%M %Z}: {what}", style="bold")
    ]
    lines += [line for each in measured.measures for line in _lines(each)]
    lines += [Text(f"cannot be read: {each.key}: {each.because}", style="bold red") for each in measured.unreadable]
    terminal.result(document, lines)
    missed = any(each.met is False for each in measured.measures)
    return EXIT_LOOK if missed or measured.unreadable else EXIT_DONE


def _lines(measure: Measure) -> list[str | Text | Table]:
    mark, word, style = _STATES[measure.met]
    value = "too few" if measure.value is None else amount(measure.value, measure.unit)
    if measure.objective is None:
        mark, word, style = " ", "no objective", ""
    else:
        bound = "at least" if measure.more_is_better else "at most"
        word = f"{bound} {amount(measure.objective, measure.unit)}: {word if measure.value is not None else 'too few'}"
    lines: list[str | Text | Table] = [Text.assemble((f"{mark} {measure.title:26} {value:>14}   {word}", style))]
    lines.append(f"    = {measure.formula}")
    lines.append(f"    from {measure.source}")
    lines += [f"    {measure.because}"] if measure.because else []
    return lines


def _document(measure: Measure) -> dict[str, Any]:
    return {
        "name": measure.name,
        "title": measure.title,
        "value": measure.value,
        "unit": measure.unit.value,
        "objective": measure.objective,
        "met": measure.met,
        "at_least": measure.at_least,
        "records": measure.records,
        "formula": measure.formula,
        "source": measure.source,
        "because": measure.because,
    }
