"""What incidents say: how soon they are noticed, taken on and over, and whom they have hit. Pure.

docs/measures.md explains each formula. An incident belongs to the period in which it was noticed, so that each one is
counted in exactly one of two periods that touch, and one that went unseen for weeks is not lost between them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from continuity.domain.alerts import Level
from continuity.domain.incident import IncidentId
from continuity.domain.incidents import Incident
from continuity.domain.measure import Measure, Unit
from continuity.domain.reports import duration

DETECTION_SECONDS = 15 * 60.0
RECOVERY_SECONDS = 3600.0
USERS_SHARE = 0.01
REVENUE_HOURS = 4.0
"""At most: a mean time to detect and to recover of critical incidents; a share of users and hours without revenue of any one."""

FEWEST_FOR_A_MEAN = 3
"""Of fewer the times are told one by one: a mean of them would say how the last one was, under another name."""
SKEW = timedelta(minutes=1)
"""By so much the clocks of two machines may differ before their times count as contradicting each other."""
NAMED = 3

_HIT_USERS = frozenset({Level.CRITICAL, Level.HIGH})
"""Levels that mean, by their definition, that users feel it: how many has to be said by somebody."""


@dataclass(frozen=True, kw_only=True)
class IncidentTimes:
    """What of an incident is measured. All times are aware; None where it has not come to that, or nobody has said."""

    incident: IncidentId
    level: Level
    began: datetime
    noticed: datetime
    acknowledged: datetime | None = None
    ended: datetime | None = None
    users_affected: int | None = None
    users_total: int | None = None
    revenue_hours: float | None = None
    exercise: bool = False


def times_of(incident: Incident) -> IncidentTimes:
    """Return what of an incident is measured."""
    said = incident.assessed
    return IncidentTimes(
        incident=incident.id,
        level=incident.level,
        began=incident.opened.began,
        noticed=incident.opened.noticed,
        acknowledged=incident.acknowledged.at if incident.acknowledged else None,
        ended=incident.resolved.ended if incident.resolved else None,
        users_affected=said.users_affected,
        users_total=said.users_total,
        revenue_hours=said.revenue_hours,
        exercise=incident.opened.exercise,
    )


@dataclass(frozen=True, kw_only=True)
class _Term:
    """One incident's time, from and to. `said` is what has to be told of it."""

    began: datetime
    ended: datetime
    said: str = ""


def incident_measures(
    incidents: Sequence[IncidentTimes], *, exercise: bool, recorded: bool, now: datetime
) -> tuple[Measure, ...]:
    """Measure the incidents of a period. `recorded` is whether the period's records show that somebody was keeping them."""
    critical = [each for each in incidents if each.level is Level.CRITICAL]
    source = f"records of incidents: {len(critical)} critical of {len(incidents)}"

    def mean(terms: Iterable[_Term], *, name: str, title: str, formula: str, objective: float | None) -> Measure:
        value, records, because = _mean_of(terms, len(critical), exercise=exercise)
        return Measure(
            name=name, title=title, value=value, unit=Unit.SECONDS, objective=objective, more_is_better=False,
            formula=formula, source=source, records=records, exercise=exercise, because=because,
        )  # fmt: skip

    def worst(figure: Callable[[IncidentTimes], float | None], *, name: str, title: str, unit: Unit, objective: float,
              formula: str) -> Measure:  # fmt: skip
        value, because = _worst_of(incidents, figure, unit=unit, objective=objective, zero=recorded and not exercise)
        return Measure(
            name=name, title=title, value=value, unit=unit, objective=objective, more_is_better=False, formula=formula,
            source=f"assessments of incidents: {len(incidents)} incidents", records=len(incidents), exercise=exercise,
            because=because,
        )  # fmt: skip

    return (
        mean(
            (_Term(began=each.began, ended=each.noticed) for each in critical),
            name="mttd",
            title="mean time to detect",
            formula="mean over critical incidents of: noticed - began",
            objective=DETECTION_SECONDS,
        ),
        mean(
            (_until_acknowledged(each, now) for each in critical),
            name="mtta",
            title="mean time to acknowledge",
            formula="mean over critical incidents of: acknowledged - noticed; unanswered ones until they were over, or until now",
            objective=None,
        ),
        mean(
            (_until_over(each, now) for each in critical),
            name="mttr",
            title="mean time to recover",
            formula="mean over critical incidents of: ended - began; open ones until now",
            objective=RECOVERY_SECONDS,
        ),
        worst(
            _users_share,
            name="users-affected",
            title="users affected",
            unit=Unit.FRACTION,
            objective=USERS_SHARE,
            formula="the worst incident's: users affected / users in all",
        ),
        worst(
            lambda each: each.revenue_hours,
            name="revenue-impact",
            title="revenue impact",
            unit=Unit.HOURS,
            objective=REVENUE_HOURS,
            formula="the worst incident's: hours for which the application could not earn",
        ),
    )


def _until_acknowledged(incident: IncidentTimes, now: datetime) -> _Term:
    if incident.acknowledged is not None:
        return _Term(began=incident.noticed, ended=incident.acknowledged)
    if incident.ended is not None:
        said = "{} never acknowledged, counted until over"
        return _Term(began=incident.noticed, ended=incident.ended, said=said)
    return _Term(began=incident.noticed, ended=now, said="{} not acknowledged yet, counted until now")


def _until_over(incident: IncidentTimes, now: datetime) -> _Term:
    # A sender's clock that is ahead must not make an incident shorter than we have seen it to be.
    began = min(incident.began, incident.noticed)
    if incident.ended is None:
        return _Term(began=began, ended=now, said="{} still open, counted until now")
    if incident.ended > now + SKEW:
        return _Term(began=began, ended=now, said="{} said to end in the future, counted until now")
    return _Term(began=began, ended=incident.ended)


def _mean_of(terms: Iterable[_Term], critical: int, *, exercise: bool) -> tuple[float | None, int, str]:
    """Return the mean in seconds where there is one, how many records it rests on, and what has to be told of it."""
    seconds: list[float] = []
    said: dict[str, int] = {}
    for term in terms:
        passed = (term.ended - term.began).total_seconds()
        if passed < -SKEW.total_seconds():
            told = "{} whose times contradict each other, left out"
        elif passed < 0:
            told = "{} within the difference of two clocks, counted as 0 s"
        else:
            told = term.said
        if told:
            said[told] = said.get(told, 0) + 1
        if passed >= -SKEW.total_seconds():
            seconds.append(max(passed, 0.0))
    remarks = [text.format(count) for text, count in sorted(said.items())]
    if len(seconds) < FEWEST_FOR_A_MEAN:
        kind = "exercises" if exercise else "incidents"
        times = ", ".join(duration(timedelta(seconds=each)) for each in sorted(seconds, reverse=True))
        few = f"a mean takes {FEWEST_FOR_A_MEAN} critical {kind}, there are {critical}" + (f": {times}" if times else "")
        return None, len(seconds), "; ".join([few, *remarks])
    return sum(sorted(seconds)) / len(seconds), len(seconds), "; ".join(remarks)


def _users_share(incident: IncidentTimes) -> float | None:
    affected, total = incident.users_affected, incident.users_total
    if affected is None or affected < 0:
        return None
    if affected == 0:
        return 0.0
    # More than all cannot be affected: somebody has mistyped, and nobody knows which of the two.
    return affected / total if total and affected <= total else None


def _worst_of(
    incidents: Sequence[IncidentTimes],
    figure: Callable[[IncidentTimes], float | None],
    *,
    unit: Unit,
    objective: float,
    zero: bool,
) -> tuple[float | None, str]:
    if not incidents:
        return (0.0, "no incident was recorded") if zero else (None, "nothing is recorded")
    figures = {each.incident: figure(each) for each in incidents}
    known = [value for value in figures.values() if value is not None]
    worst = max(known, default=0.0)
    unknown = sorted(each.incident for each in incidents if figures[each.incident] is None and each.level in _HIT_USERS)
    lower = sum(value is None for value in figures.values()) - len(unknown)
    said = []
    if unknown:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        said.append(f"nobody has said it of {', '.join(unknown[:NAMED])}{more}")
    if lower:
        said.append(f"{lower} of the levels medium and low not assessed, counted as none")
    if len(known) > 1:
        together = sum(sorted(known))
        said.append(f"together {together * 100:.3g} %" if unit is Unit.FRACTION else f"together {together:.3g} h")
    # A worst one that is known and misses the objective stays one, whatever the others turn out to be.
    return (worst if not unknown or worst > objective else None), "; ".join(said)
