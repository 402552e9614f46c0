from datetime import UTC, datetime, timedelta

import pytest

from continuity.domain.verdict import (
    STORED_BYTES,
    Acceptance,
    Axis,
    Finding,
    Judgement,
    Outcome,
    Severity,
    Trouble,
    judge,
    judge_live,
)

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


def make_finding(name="rows", *, axis=Axis.FAITHFUL, outcome=Outcome.PASSED, severity=Severity.CRITICAL):
    return Finding(name=name, axis=axis, severity=severity, outcome=outcome)


FAITHFUL = make_finding()


@pytest.mark.parametrize(
    ("findings", "judgement", "trouble"),
    [
        ([FAITHFUL], Judgement.SOUND, Trouble.NONE),
        ([], Judgement.NOT_PROVEN, Trouble.UNDECIDED),
        ([make_finding(axis=Axis.HEALTHY)], Judgement.NOT_PROVEN, Trouble.UNDECIDED),
        ([FAITHFUL, make_finding("b", outcome=Outcome.NOT_PROVEN)], Judgement.NOT_PROVEN, Trouble.UNDECIDED),
        ([FAITHFUL, make_finding("b", outcome=Outcome.FAILED)], Judgement.UNFAITHFUL, Trouble.DATA),
        ([make_finding(STORED_BYTES, outcome=Outcome.FAILED)], Judgement.UNFAITHFUL, Trouble.BYTES),
        (
            [make_finding("a", outcome=Outcome.NOT_PROVEN), make_finding("b", outcome=Outcome.FAILED)],
            Judgement.UNFAITHFUL,
            Trouble.DATA,
        ),
        ([FAITHFUL, make_finding("r", axis=Axis.HEALTHY, outcome=Outcome.FAILED)], Judgement.UNHEALTHY, Trouble.DATA),
        (
            [FAITHFUL, make_finding("r", axis=Axis.HEALTHY, outcome=Outcome.FAILED, severity=Severity.WARNING)],
            Judgement.SOUND,
            Trouble.NONE,
        ),
        (
            [FAITHFUL, make_finding("r", axis=Axis.HEALTHY, outcome=Outcome.NOT_PROVEN, severity=Severity.INFO)],
            Judgement.UNHEALTHY,
            Trouble.UNDECIDED,
        ),
    ],
)
def test_faithfulness_gates_and_health_warns(findings, judgement, trouble):
    verdict = judge(findings, now=NOW)

    assert (verdict.judgement, verdict.trouble) == (judgement, trouble)
    assert verdict.proven is (judgement in {Judgement.SOUND, Judgement.UNHEALTHY})


def test_an_acceptance_covers_health_until_its_date_and_never_faithfulness():
    broken = make_finding("r", axis=Axis.HEALTHY, outcome=Outcome.FAILED)
    until = NOW + timedelta(hours=1)
    acceptance = Acceptance(finding="r", until=until, because="known", by="ada")

    assert judge([FAITHFUL, broken], acceptances=[acceptance], now=NOW).judgement is Judgement.SOUND
    assert judge([FAITHFUL, broken], acceptances=[acceptance], now=until).judgement is Judgement.UNHEALTHY
    unfaithful = make_finding("r", outcome=Outcome.FAILED)
    assert judge([unfaithful], acceptances=[acceptance], now=NOW).judgement is Judgement.UNFAITHFUL


def test_a_live_database_of_which_nothing_was_looked_at_is_not_proven():
    assert judge_live([], now=NOW).judgement is Judgement.NOT_PROVEN
    raised = make_finding("validation", axis=Axis.HEALTHY, outcome=Outcome.NOT_PROVEN)
    assert judge_live([raised], now=NOW).judgement is Judgement.NOT_PROVEN
