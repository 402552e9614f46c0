"""The status page: whether what is promised can be kept at this moment, the age of the last proven point first."""

from continuity.domain.measure_table import measure_table
from continuity.domain.overview import Overview
from continuity.domain.overview_parts import drill_blocks, gap_blocks, incident_block, unreadable_sections
from continuity.domain.page import Block, Bullets, Facts, Page, Paragraph, Said, Section, Text, Tile, Tone, count, moment
from continuity.domain.reports import duration, size
from continuity.domain.status import Status


def status_page(overview: Overview) -> Page:
    """Lay the page out."""
    status, name = overview.status, overview.application.name
    return Page(
        title=f"Continuity of {name}",
        lead=_lead(overview),
        tiles=_tiles(overview),
        sections=(
            Section(title="Needs a look", blocks=_to_look(status)),
            Section(title="Open incidents", blocks=(incident_block(overview.open_incidents, none="none"),)),
            Section(title="Drills", blocks=drill_blocks(overview.drills, overview.application.objectives)),
            Section(title="Not protected or not prepared", blocks=gap_blocks(overview.gaps)),
            Section(title="Recovery", blocks=(Facts(items=_facts(status)),)),
            Section(
                title=f"Measures since {moment(overview.since)}", blocks=(measure_table(overview.measures, overview.exercises),)
            ),
            *unreadable_sections(overview.unreadable),
        ),
        written=overview.now,
        source=_source(overview),
    )


def _source(overview: Overview) -> str:
    counted = (
        count(overview.status.protection.points, "point"),
        count(len(overview.drills), "drill"),
        count(len(overview.runs), "run"),
        count(len(overview.incidents), "incident"),
    )
    return f"from the vault alone, {', '.join(counted)}; the same as `continuity status {overview.application.name}`"


def _lead(overview: Overview) -> Said:
    status = overview.status
    if open_incidents := overview.open_incidents:
        number, title = len(open_incidents), open_incidents[0].opened.title
        return Said(text=f"{number} {'incident is' if number == 1 else 'incidents are'} open: {title}", tone=Tone.BAD)
    if not status.recovery_point_met:
        return Said(text=str(status.protection), tone=Tone.BAD)
    if status.to_look or overview.gaps:
        number = len(status.to_look) + len(overview.gaps)
        return Said(text=f"protected, with {count(number, 'thing')} to look at", tone=Tone.LOOK)
    return Said(text="protected, and nothing needs a look", tone=Tone.GOOD)


def _tiles(overview: Overview) -> tuple[Tile, ...]:
    status = overview.status
    return (
        Tile(name="last proven point", value=_proven(status)),
        Tile(name="a recovery would take about", value=_prediction(status)),
        Tile(name="open incidents", value=_count(len(overview.open_incidents), beneath=_unanswered(overview))),
        Tile(name="next drill", value=_next_drill(status)),
    )


def _proven(status: Status) -> Said:
    proven, age = status.protection.last_proven, status.protection.age
    if proven is None or age is None:
        return Said(text="none", tone=Tone.BAD, beneath="nothing that is stored was ever restored and found faithful")
    allowed = f"at most {duration(status.objectives.recovery_point)} may be lost"
    tone = Tone.GOOD if status.recovery_point_met else Tone.BAD
    return Said(text=f"{duration(age)} old", tone=tone, beneath=f"{proven.manifest.id}; {allowed}")


def _prediction(status: Status) -> Said:
    if status.prediction is None:
        return Said(text="not known", tone=Tone.BAD, beneath="no drill has proven anything")
    allowed = f"it may take {duration(status.objectives.recovery_time)}"
    tone = Tone.GOOD if status.recovery_time_met else Tone.BAD
    return Said(text=duration(status.prediction.length), tone=tone, beneath=allowed)


def _count(number: int, *, beneath: str) -> Said:
    return Said(text=str(number), tone=Tone.BAD if number else Tone.GOOD, beneath=beneath)


def _unanswered(overview: Overview) -> str:
    unanswered = sum(each.acknowledged is None for each in overview.open_incidents)
    return f"{unanswered} of them nobody has answered" if unanswered else ""


def _next_drill(status: Status) -> Said:
    if status.due is None:
        return Said(text="nothing to drill", tone=Tone.LOOK)
    point = "drawn when it begins" if status.due.drawn else status.due.point.manifest.id
    which, _, because = status.due.because.partition(": ")
    return Said(text=which, beneath="; ".join(filter(None, [point, because])))


def _to_look(status: Status) -> tuple[Block, ...]:
    if not status.to_look:
        return (Paragraph(text=Said(text="nothing", tone=Tone.GOOD)),)
    return (Bullets(items=tuple(Said(text=each, tone=Tone.LOOK) for each in status.to_look)),)


def _facts(status: Status) -> dict[str, Text]:
    facts: dict[str, Text] = {}
    if status.newest:
        manifest = status.newest.manifest
        tone = Tone.GOOD if status.newest.usable else Tone.BAD
        facts["newest point"] = Said(text=f"{manifest.id}: {status.newest.verdict}", tone=tone)
        rows = sum(table.rows for table in manifest.tables)
        facts["in it"] = f"{len(manifest.tables)} tables, {rows:,} rows, {size(manifest.stored_bytes)} stored"
    if status.drill_time is not None:
        facts["last drill of the proven point"] = duration(status.drill_time)
    facts["predicted recovery"] = str(status.prediction) if status.prediction else "not known"
    facts["open runs"] = ", ".join(f"`{run}`" for run in status.open_runs) or "none"
    for pin in status.pins:
        facts[f"pinned {pin.point}"] = f"{pin.because} ({pin.by})"
    return facts
