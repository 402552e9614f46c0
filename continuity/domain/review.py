"""A review: what has changed since the last one of its kind, and what is still to be done. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.coverage import gap_names
from continuity.domain.incident import IncidentId
from continuity.domain.incidents import FollowedUp, Incident
from continuity.domain.measure import Measure, amount
from continuity.domain.overview import Overview
from continuity.domain.page import Said, Tone
from continuity.domain.records import DrillDone, Review, ReviewKind, RunEnded

LENGTHS = {
    ReviewKind.WEEKLY: timedelta(days=7),
    ReviewKind.MONTHLY: timedelta(days=31),
    ReviewKind.QUARTERLY: timedelta(days=92),
}
"""How far the first review of a kind looks back; every later one goes on where the one before it has ended."""
EXERCISE = "exercise: "
"""Before the name of a measure in a review's record, where it is one of exercises."""


@dataclass(frozen=True, kw_only=True)
class HeldReview:
    """A review as it is held: the overview, cut to its period."""

    kind: ReviewKind
    overview: Overview
    previous: Review | None
    since: datetime
    until: datetime
    changes: tuple[Said, ...]
    follow_ups: tuple[tuple[IncidentId, FollowedUp], ...]
    """Those that are open, and those that were done in the period."""

    @property
    def drills(self) -> tuple[DrillDone, ...]:
        """The drills of the period."""
        return tuple(each for each in self.overview.drills if each.finished >= self.since)

    @property
    def runs(self) -> tuple[RunEnded, ...]:
        """The runs of the period."""
        return tuple(each for each in self.overview.runs if each.ended >= self.since)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The incidents that were noticed in the period, and those that are still open."""
        return tuple(each for each in self.overview.incidents if each.resolved is None or each.opened.noticed >= self.since)

    @property
    def record(self) -> Review:
        """What is kept of it for the next one."""
        return Review(
            application=self.overview.application.name,
            kind=self.kind,
            since=self.since,
            until=self.until,
            held=self.until,
            measures=_values(self.overview),
            open_follow_ups=tuple(_name(incident, each) for incident, each in self.follow_ups if each.done is None),
            unprotected=gap_names(self.overview.gaps),
        )


def review_period(kind: ReviewKind, reviews: Sequence[Review], *, now: datetime) -> tuple[Review | None, datetime]:
    """Return the last review of a kind and the moment from which the next one looks: where that has ended."""
    before = [each for each in reviews if each.kind is kind and each.until < now]
    previous = max(before, key=lambda each: each.until, default=None)
    return previous, previous.until if previous else now - LENGTHS[kind]


def hold_review(kind: ReviewKind, overview: Overview) -> HeldReview:
    """Hold a review at the moment of the overview."""
    previous, since = review_period(kind, overview.reviews, now=overview.now)
    follow_ups = tuple(
        (incident.id, each)
        for incident in overview.incidents
        for each in incident.follow_ups
        if each.done is None or each.done.at >= since
    )
    return HeldReview(
        kind=kind,
        overview=overview,
        previous=previous,
        since=since,
        until=overview.now,
        changes=tuple(_changes(previous, overview, follow_ups, since)),
        follow_ups=follow_ups,
    )


def _changes(
    previous: Review | None, overview: Overview, follow_ups: Sequence[tuple[IncidentId, FollowedUp]], since: datetime
) -> Iterator[Said]:
    """Say what differs from the last review: gaps, measures, follow-ups, incidents."""
    new = [each for each in overview.incidents if each.opened.noticed >= since and not each.opened.exercise]
    for incident in new:
        tone = Tone.PLAIN if incident.resolved else Tone.BAD
        yield Said(text=f"incident, {incident.level.value}: {incident.opened.title}", tone=tone, beneath=incident.id)
    if previous is None:
        return
    now, then = gap_names(overview.gaps), previous.unprotected
    yield from (Said(text=f"no longer covered: {gap}", tone=Tone.BAD) for gap in now if gap not in then)
    yield from (Said(text=f"covered again: {gap}", tone=Tone.GOOD) for gap in then if gap not in now)
    for measure in (*overview.measures, *overview.exercises):
        yield from _measure_change(measure, previous)
    names = {_name(incident, each): each for incident, each in follow_ups}
    for name, each in names.items():
        if each.done:
            yield Said(text=f"done: {each.follow_up.what}", tone=Tone.GOOD, beneath=name)
        elif name not in previous.open_follow_ups:
            yield Said(text=f"new follow-up: {each.follow_up.what}", beneath=name)


def _measure_change(measure: Measure, previous: Review) -> Iterator[Said]:
    name = _key(measure)
    if name not in previous.measures or previous.measures[name] == measure.value:
        return
    then = previous.measures[name]
    was = "not known" if then is None else amount(then, measure.unit)
    now = "not known" if measure.value is None else amount(measure.value, measure.unit)
    if was == now:
        return
    better = None if then is None or measure.value is None else (measure.value > then) is measure.more_is_better
    tone = {True: Tone.GOOD, False: Tone.LOOK, None: Tone.PLAIN}[better]
    apart = " in exercises" if measure.exercise else ""
    yield Said(text=f"{measure.title}{apart}: was {was}, is {now}", tone=tone)


def _values(overview: Overview) -> dict[str, float | None]:
    return {_key(each): each.value for each in (*overview.measures, *overview.exercises)}


def _key(measure: Measure) -> str:
    return f"{EXERCISE}{measure.name}" if measure.exercise else measure.name


def _name(incident: IncidentId, each: FollowedUp) -> str:
    return f"{incident}/{each.follow_up.name}"
