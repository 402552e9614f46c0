"""Measures as a table: each with its formula beside it, the real thing and exercises apart, and why a figure is missing."""

from collections.abc import Sequence

from continuity.domain.measure import Measure, amount
from continuity.domain.page import Block, Paragraph, Said, Table, Text, Tone

COLUMNS = ("measure", "in earnest", "in exercises", "objective")


def measure_table(measures: Sequence[Measure], exercises: Sequence[Measure]) -> Block:
    """Lay measures out, a row each."""
    if not measures and not exercises:
        return Paragraph(text=Said(text="nothing is measured yet", tone=Tone.LOOK))
    real = {each.name: each for each in measures}
    trained = {each.name: each for each in exercises}
    names = list(dict.fromkeys([*real, *trained]))
    rows = tuple(_row(real.get(name), trained.get(name)) for name in names)
    return Table(columns=COLUMNS, rows=rows)


def _row(real: Measure | None, trained: Measure | None) -> tuple[Text, ...]:
    either = real or trained
    if either is None:
        raise ValueError("a row of no measure")
    return Said(text=either.title, beneath=either.formula), _value(real), _value(trained), objective_text(either)


def _value(measure: Measure | None) -> Text:
    if measure is None:
        return "not measured"
    if measure.value is None:
        return Said(text="too few records", beneath=measure.because or measure.source)
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.PLAIN}[measure.met]
    least = f"at least {amount(measure.at_least, measure.unit)}" if measure.at_least is not None else ""
    beneath = "; ".join(filter(None, [least, measure.source, measure.because]))
    return Said(text=amount(measure.value, measure.unit), tone=tone, beneath=beneath)


def objective_text(measure: Measure) -> str:
    """Say what a measure should be."""
    if measure.objective is None:
        return "none"
    sign = "≥" if measure.more_is_better else "≤"
    return f"{sign} {amount(measure.objective, measure.unit)}"
