"""The register of what may go wrong, the matrix that says how bad that is, and what incidents say of its probability. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from continuity.domain.alerts import Level
from continuity.domain.incident import IncidentId
from continuity.domain.incidents import Incident


class Probability(StrEnum):
    """How likely a risk is to come true, by the word of who has written it down."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


IMPACTS = (Level.LOW, Level.MEDIUM, Level.HIGH, Level.CRITICAL)
"""From least to worst: the columns of the matrix, and the order of levels."""

MATRIX: Mapping[Probability, tuple[Level, ...]] = {
    Probability.HIGH: (Level.LOW, Level.MEDIUM, Level.HIGH, Level.CRITICAL),
    Probability.MEDIUM: (Level.LOW, Level.LOW, Level.MEDIUM, Level.HIGH),
    Probability.LOW: (Level.LOW, Level.LOW, Level.LOW, Level.MEDIUM),
}
"""Level by probability, one for each impact in the order of `IMPACTS`."""

YEAR = timedelta(days=365)
SUGGESTED: tuple[tuple[int, Probability], ...] = ((2, Probability.HIGH), (1, Probability.MEDIUM))
"""From so many real incidents a year on they suggest this probability; the first that fits counts."""

_PROBABILITIES = (Probability.LOW, Probability.MEDIUM, Probability.HIGH)


def level_of(probability: Probability, impact: Level) -> Level:
    """Return the level that the matrix gives."""
    return MATRIX[probability][IMPACTS.index(impact)]


@dataclass(frozen=True, kw_only=True)
class Mitigation:
    """Something that is done about a risk, and what of the system shows that it is. Without a link it is people's word."""

    what: str
    checks: tuple[str, ...] = ()
    """Rules, tests and queries of the application, and findings of every restore, by name."""
    flows: tuple[str, ...] = ()
    """Flows that are offered for the application, by name."""
    alerts: tuple[str, ...] = ()
    """Alerts that the application has a route for."""

    @property
    def is_linked(self) -> bool:
        """Whether anything of the system shows it."""
        return bool(self.checks or self.flows or self.alerts)


@dataclass(frozen=True, kw_only=True)
class Risk:
    """One entry of the register. Its stated level and the matrix may disagree: both are kept."""

    name: str
    title: str
    phase: str
    """The phase of the application that has brought it; "" where it belongs to none."""
    level: Level
    """As it is stated."""
    probability: Probability
    impact: Level
    consequence: str
    owner: str
    mitigations: tuple[Mitigation, ...]
    closed: str = ""
    """Why it is none any more; "" while it is one."""

    @property
    def computed(self) -> Level:
        """The level that the matrix gives."""
        return level_of(self.probability, self.impact)

    @property
    def disagrees(self) -> bool:
        """Whether the stated level and the matrix differ."""
        return self.level is not self.computed


@dataclass(frozen=True, kw_only=True)
class ProbabilityEvidence:
    """What the real incidents of a period say of a risk's probability."""

    risk: Risk
    incidents: tuple[IncidentId, ...]
    since: datetime
    until: datetime
    suggested: Probability
    """As stated, or higher. That few incidents have come does not show that few can: lowering is a person's word."""

    @property
    def differs(self) -> bool:
        """Whether another probability is suggested than is stated."""
        return self.suggested is not self.risk.probability

    @property
    def level(self) -> Level:
        """What the matrix says of the suggested probability."""
        return level_of(self.suggested, self.risk.impact)

    def __str__(self) -> str:
        count, days = len(self.incidents), (self.until - self.since).days
        seen = f"{count} {'incident' if count == 1 else 'incidents'} in {days} days"
        if self.differs:
            return f"{seen} suggest {self.suggested}, {self.risk.probability} is stated"
        return f"{seen}: {self.risk.probability}, as stated"


@dataclass(frozen=True, kw_only=True)
class Register:
    """All risks of an application with what incidents say of them, the open ones first, the worst before the others."""

    entries: tuple[ProbabilityEvidence, ...]
    unnamed: tuple[IncidentId, ...] = ()
    """Real incidents of which nobody has said which risk has come true."""
    unknown: tuple[tuple[IncidentId, str], ...] = ()
    """Those that name a risk which the register does not have."""

    @property
    def disagreements(self) -> tuple[Risk, ...]:
        """Entries whose stated level and the matrix differ."""
        return tuple(each.risk for each in self.entries if each.risk.disagrees)


def weigh(risks: Sequence[Risk], incidents: Iterable[Incident], *, until: datetime) -> Register:
    """Weigh a register against the real incidents that were noticed in the year before a moment."""
    since = until - YEAR
    real = [each for each in incidents if not each.opened.exercise and since <= each.opened.noticed < until]
    named = {each.id: risk_of(each) for each in sorted(real, key=lambda each: (each.opened.noticed, each.id))}
    known = {risk.name for risk in risks}
    entries = [
        _evidence(risk, tuple(incident for incident, name in named.items() if name == risk.name), since=since, until=until)
        for risk in risks
    ]
    return Register(
        entries=tuple(sorted(entries, key=_place)),
        unnamed=tuple(incident for incident, name in named.items() if not name),
        unknown=tuple((incident, name) for incident, name in named.items() if name and name not in known),
    )


def risk_of(incident: Incident) -> str:
    """Return the risk that has come true: as people have assessed it, or else as it was opened."""
    return incident.assessed.risk or incident.opened.risk


def suggested(stated: Probability, incidents_a_year: int) -> Probability:
    """Return the probability that so many real incidents a year suggest, never a lower one than is stated."""
    seen = next((probability for least, probability in SUGGESTED if incidents_a_year >= least), stated)
    return max(stated, seen, key=_PROBABILITIES.index)


def _evidence(risk: Risk, incidents: tuple[IncidentId, ...], *, since: datetime, until: datetime) -> ProbabilityEvidence:
    probability = suggested(risk.probability, len(incidents))
    return ProbabilityEvidence(risk=risk, incidents=incidents, since=since, until=until, suggested=probability)


def _place(entry: ProbabilityEvidence) -> tuple[bool, int, int, str]:
    """Place an entry by the worst that is said of it: stated, by the matrix, or by what incidents suggest."""
    risk = entry.risk
    ranks = [IMPACTS.index(each) for each in (risk.level, risk.computed, entry.level)]
    return bool(risk.closed), -max(ranks), -sum(ranks), risk.name
