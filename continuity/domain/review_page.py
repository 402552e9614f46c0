"""A review as one page. All three kinds have the same parts; what a kind is held for comes first."""

from collections.abc import Callable, Mapping

from continuity.domain.follow_ups import COLUMNS, follow_up_row, overdue_days
from continuity.domain.measure_table import measure_table
from continuity.domain.overview_parts import drill_blocks, gap_blocks, incident_block, run_block, unreadable_sections
from continuity.domain.page import Block, Bullets, Page, Paragraph, Said, Section, Table, Text, Tile, Tone, count, moment
from continuity.domain.records import ReviewKind
from continuity.domain.reports import duration
from continuity.domain.review import HeldReview
from continuity.domain.risks import ProbabilityEvidence

TITLES: Mapping[ReviewKind, str] = {
    ReviewKind.WEEKLY: "Weekly risk review",
    ReviewKind.MONTHLY: "Monthly audit",
    ReviewKind.QUARTERLY: "Quarterly business review",
}


def review_page(review: HeldReview) -> Page:
    """Lay a review out."""
    name, overview = review.overview.application.name, review.overview
    previous = f"the one of {moment(review.previous.until)}" if review.previous else "none before it"
    return Page(
        title=f"{TITLES[review.kind]} of {name}",
        lead=_lead(review),
        tiles=_tiles(review),
        sections=(
            Section(title=f"Changed since {moment(review.since)}", blocks=(_changes(review),)),
            *(part(review) for part in _PARTS[review.kind]),
            *unreadable_sections(overview.unreadable),
        ),
        written=review.until,
        source=f"from the records of {moment(review.since)} to {moment(review.until)}; the review before: {previous}",
    )


def _lead(review: HeldReview) -> Said:
    missed = [each.title for each in review.overview.measures if each.met is False]
    late = sum(each.done is None and overdue_days(each.follow_up, now=review.until) > 0 for _, each in review.follow_ups)
    gaps = len(review.overview.gaps)
    if not (missed or late or gaps):
        return Said(text="every objective that can be measured is met, nothing is overdue, nothing is uncovered", tone=Tone.GOOD)
    said = [f"missed: {', '.join(missed)}"] if missed else []
    said += [f"overdue: {count(late, 'follow-up')}"] if late else []
    said += [f"not covered: {count(gaps, 'thing')}"] if gaps else []
    return Said(text="; ".join(said), tone=Tone.BAD if missed or late else Tone.LOOK)


def _tiles(review: HeldReview) -> tuple[Tile, ...]:
    real = [each for each in review.incidents if not each.opened.exercise]
    proven = sum(each.proven for each in review.drills)
    open_ones = [each for _, each in review.follow_ups if each.done is None]
    drills = Said(
        text=f"{proven} of {len(review.drills)} proven", tone=_tone(bool(review.drills) and proven == len(review.drills))
    )
    status = review.overview.status
    age = status.protection.age
    point = Said(text=f"{duration(age)} old" if age is not None else "none", tone=_tone(status.recovery_point_met))
    return (
        Tile(name="last proven point", value=point),
        Tile(name="drills", value=drills),
        Tile(name="incidents", value=Said(text=str(len(real)), tone=Tone.LOOK if real else Tone.GOOD)),
        Tile(name="open follow-ups", value=Said(text=str(len(open_ones)), tone=Tone.LOOK if open_ones else Tone.GOOD)),
        Tile(name="not covered", value=Said(text=str(len(review.overview.gaps)), tone=_tone(not review.overview.gaps))),
    )


def _tone(good: bool) -> Tone:  # noqa: FBT001 -- it is what is asked
    return Tone.GOOD if good else Tone.BAD


def _changes(review: HeldReview) -> Block:
    if review.changes:
        return Bullets(items=review.changes)
    since = "nothing, in what is compared" if review.previous else "this is the first review of its kind: the next one compares"
    return Paragraph(text=since)


def _follow_ups(review: HeldReview) -> Section:
    ordered = sorted(review.follow_ups, key=lambda pair: (pair[1].done is not None, pair[1].follow_up.due))
    rows = tuple((*follow_up_row(each, now=review.until), incident) for incident, each in ordered)
    none = Paragraph(text=Said(text="none is open", tone=Tone.GOOD))
    table = Table(columns=(*COLUMNS, "incident"), rows=rows)
    return Section(title="Follow-ups", blocks=(table if rows else none,))


def _drills(review: HeldReview) -> Section:
    return Section(title="Drills", blocks=drill_blocks(review.drills, review.overview.application.objectives))


def _measures(review: HeldReview) -> Section:
    return Section(title="Objectives", blocks=(measure_table(review.overview.measures, review.overview.exercises),))


def _coverage(review: HeldReview) -> Section:
    return Section(title="Not covered", blocks=gap_blocks(review.overview.gaps))


def _risks(review: HeldReview) -> Section:
    register = review.overview.risks
    if register is None:
        return Section(title="Risks", blocks=(Paragraph(text=Said(text="there is no register that can be read", tone=Tone.BAD)),))
    rows = tuple(_risk(each) for each in register.entries if not each.risk.closed)
    blocks: list[Block] = [Table(columns=("risk", "stated", "by the matrix", "incidents", "owner"), rows=rows)]
    if register.unnamed:
        lines = (Said(text=f"`continuity assess {each} --risk NAME`", tone=Tone.LOOK) for each in register.unnamed)
        blocks.append(Bullets(title="Nobody has said which risk has come true", items=tuple(lines)))
    if register.unknown:
        unknown = (Said(text=f"{name}: named by {incident}", tone=Tone.LOOK) for incident, name in register.unknown)
        blocks.append(Bullets(title="Named by incidents, and not in the register", items=tuple(unknown)))
    return Section(title="Risks", blocks=tuple(blocks))


def _risk(entry: ProbabilityEvidence) -> tuple[Text, ...]:
    risk = entry.risk
    matrix = Said(text=risk.computed.value, tone=Tone.LOOK if risk.disagrees else Tone.PLAIN)
    seen = Said(text=str(entry), tone=Tone.LOOK if entry.differs else Tone.PLAIN)
    return Said(text=risk.title, beneath=risk.name), risk.level.value, matrix, seen, risk.owner


def _incidents(review: HeldReview) -> Section:
    return Section(title="Incidents", blocks=(incident_block(review.incidents, none="none in this period"),))


def _runs(review: HeldReview) -> Section:
    return Section(title="Runs", blocks=(run_block(review.runs, none="none in this period"),))


_PARTS: Mapping[ReviewKind, tuple[Callable[[HeldReview], Section], ...]] = {
    ReviewKind.WEEKLY: (_risks, _coverage, _follow_ups, _incidents, _drills, _measures, _runs),
    ReviewKind.MONTHLY: (_coverage, _drills, _runs, _measures, _risks, _follow_ups, _incidents),
    ReviewKind.QUARTERLY: (_measures, _incidents, _follow_ups, _risks, _coverage, _drills, _runs),
}
