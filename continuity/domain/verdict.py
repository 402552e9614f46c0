"""Observations of a restored or live database, and the judgement of all of them, on two axes that never mix."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Axis(StrEnum):
    """What a finding speaks of.

    FAITHFUL: the restore equals what was there; this is the gate. HEALTHY: business rules hold; a rule that already
    failed when the backup was taken is shown, and never makes a faithful point unusable.
    """

    FAITHFUL = "faithful"
    HEALTHY = "healthy"


class Severity(StrEnum):
    """How much a failed finding matters; the names are Great Expectations' own."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Outcome(StrEnum):
    """What a check came to. A check that raised, was dropped or looked at nothing is NOT_PROVEN, whatever its severity."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_PROVEN = "not proven"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One observation. `detail` carries names, keys and counts, never the contents of rows."""

    name: str
    axis: Axis
    severity: Severity
    outcome: Outcome
    detail: str = ""
    hint: str = ""

    @property
    def passed(self) -> bool:
        """Whether the check ran and held."""
        return self.outcome is Outcome.PASSED


class Judgement(StrEnum):
    """The verdict in a word."""

    SOUND = "sound"
    UNHEALTHY = "unhealthy"
    UNFAITHFUL = "unfaithful"
    NOT_PROVEN = "not proven"


class Trouble(StrEnum):
    """Which of four things an operator has to deal with; "" is none."""

    NONE = ""
    DATA = "the data is bad"
    BYTES = "the stored bytes are bad"
    MACHINE = "the drill's machine failed"
    UNDECIDED = "nothing could be decided"


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """A person's word that a failing health finding is known and tolerated until a moment."""

    finding: str
    until: datetime
    because: str
    by: str

    def covers(self, finding: Finding, *, now: datetime) -> bool:
        """Whether this acceptance still speaks for the finding. Only health can be accepted, never faithfulness."""
        return finding.axis is Axis.HEALTHY and finding.name == self.finding and now < self.until


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement of all findings, with its reason."""

    judgement: Judgement
    because: str
    trouble: Trouble
    findings: tuple[Finding, ...]
    accepted: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether the bytes were found faithful; health never changes this."""
        return self.judgement in {Judgement.SOUND, Judgement.UNHEALTHY}


STORED_BYTES = "stored bytes"
"""The finding about hashes of stored objects; its failure means the vault, not the data."""


def judge(findings: Iterable[Finding], *, acceptances: Iterable[Acceptance] = (), now: datetime) -> Verdict:
    """Judge a restore: faithful gates, healthy warns, and no evidence is no proof."""
    seen = tuple(findings)
    faithful = [finding for finding in seen if finding.axis is Axis.FAITHFUL]
    failed = [finding for finding in faithful if finding.outcome is Outcome.FAILED]
    unproven = [finding for finding in faithful if finding.outcome is Outcome.NOT_PROVEN]
    if failed:
        trouble = Trouble.BYTES if any(finding.name == STORED_BYTES for finding in failed) else Trouble.DATA
        return Verdict(judgement=Judgement.UNFAITHFUL, because=_named(failed, "failed"), trouble=trouble, findings=seen)
    if not faithful or unproven:
        because = _named(unproven, "could not be decided") if unproven else "no check of faithfulness was made"
        return Verdict(judgement=Judgement.NOT_PROVEN, because=because, trouble=Trouble.UNDECIDED, findings=seen)
    return _judge_health(seen, gate=f"{len(faithful)} checks of faithfulness passed", acceptances=acceptances, now=now)


def judge_live(findings: Iterable[Finding], *, acceptances: Iterable[Acceptance] = (), now: datetime) -> Verdict:
    """Judge a live database, of which only health can be said: it is not compared with a recovery point's rows."""
    seen = tuple(findings)
    unproven = [finding for finding in seen if finding.outcome is Outcome.NOT_PROVEN]
    if len(unproven) == len(seen):
        because = _named(unproven, "could not be decided") if unproven else "no check was made"
        return Verdict(judgement=Judgement.NOT_PROVEN, because=because, trouble=Trouble.UNDECIDED, findings=seen)
    return _judge_health(seen, gate="the live database was examined", acceptances=acceptances, now=now)


def _judge_health(seen: tuple[Finding, ...], *, gate: str, acceptances: Iterable[Acceptance], now: datetime) -> Verdict:
    known = tuple(acceptances)
    health = [finding for finding in seen if finding.axis is Axis.HEALTHY and not finding.passed]
    accepted = [finding for finding in health if any(each.covers(finding, now=now) for each in known)]
    # A rule that raised says nothing, so it counts whatever its severity: on doubt, someone looks.
    open_findings = [
        finding
        for finding in health
        if finding not in accepted and (finding.severity is Severity.CRITICAL or finding.outcome is Outcome.NOT_PROVEN)
    ]
    names = tuple(finding.name for finding in accepted)
    if open_findings:
        failed = any(finding.outcome is Outcome.FAILED for finding in open_findings)
        return Verdict(
            judgement=Judgement.UNHEALTHY,
            because=f"{gate}, but {_named(open_findings, 'did not hold')}",
            trouble=Trouble.DATA if failed else Trouble.UNDECIDED,
            findings=seen,
            accepted=names,
        )
    rules = sum(finding.axis is Axis.HEALTHY for finding in seen)
    because = f"{gate}, {rules} of health" + (f", {len(accepted)} accepted" if accepted else "")
    return Verdict(judgement=Judgement.SOUND, because=because, trouble=Trouble.NONE, findings=seen, accepted=names)


def _named(findings: list[Finding], what: str) -> str:
    first = "; ".join(f"{finding.name}" for finding in findings[:3])
    more = f" and {len(findings) - 3} more" if len(findings) > 3 else ""  # noqa: PLR2004 -- three names fit a line
    return f"{first}{more} {what}"
