"""The matrix, blottr's register as it is stated, and what incidents may say of a probability."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from continuity.adapters.application_files import load_application
from continuity.adapters.risk_files import load_risks
from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Assessed, Chain, Opened, Origin, incident_id
from continuity.domain.incidents import Incident, fold
from continuity.domain.risks import IMPACTS, Probability, Register, level_of, suggested, weigh
from continuity.errors import ConfigurationRefused
from deployments.offers import OFFERS

APPLICATIONS = Path(__file__).parents[2] / "applications"
BLOTTR = load_application(APPLICATIONS, "blottr")
FLOWS = [offer.name for offer in OFFERS]
RISKS = load_risks(APPLICATIONS, BLOTTR, flows=FLOWS)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def incident(days_ago: float, risk: str = "double-booking", *, assessed: str = "", exercise: bool = False) -> Incident:
    noticed = NOW - timedelta(days=days_ago)
    name = incident_id(ApplicationName("blottr"), began=noticed, origin=Origin.PERSON, refers="")
    opened = Opened(
        incident=name,
        application=ApplicationName("blottr"),
        title="two customers in one chair",
        level=Level.HIGH,
        chain=Chain.TECHNICAL,
        origin=Origin.PERSON,
        refers="",
        began=noticed,
        noticed=noticed,
        by="ada",
        risk=risk,
        exercise=exercise,
    )
    said = [Assessed(incident=name, at=noticed, by="ada", risk=assessed)] if assessed else []
    found = fold([opened, *said])
    assert found is not None
    return found


def weighed(*incidents: Incident) -> Register:
    return weigh(RISKS, incidents, until=NOW)


def entry(register: Register, name: str = "double-booking"):
    return next(each for each in register.entries if each.risk.name == name)


@pytest.mark.parametrize(
    ("probability", "levels"),
    [("high", "low medium high critical"), ("medium", "low low medium high"), ("low", "low low low medium")],
)
def test_the_matrix_says_of_every_probability_and_impact_which_level_it_is(probability, levels):
    assert " ".join(level_of(Probability(probability), impact) for impact in IMPACTS) == levels


def test_blottrs_register_has_eleven_risks_in_four_phases():
    assert Counter((risk.phase, risk.level.value) for risk in RISKS) == {
        ("authentication", "critical"): 2,
        ("authentication", "high"): 1,
        ("business-core", "critical"): 1,
        ("business-core", "high"): 2,
        ("content", "critical"): 2,
        ("content", "high"): 1,
        ("booking", "critical"): 2,
    }
    assert {len(risk.mitigations) for risk in RISKS} == {3, 4, 5}
    assert all(risk.owner and risk.consequence for risk in RISKS)


def test_of_nine_entries_the_stated_level_is_worse_than_the_matrix_makes_it_and_both_are_kept():
    register = weighed()

    assert {risk.name: (risk.level.value, risk.computed.value) for risk in register.disagreements} == {
        "sign-in-breaks": ("critical", "high"),
        "rights-grow-by-themselves": ("critical", "medium"),
        "sign-in-slows-down": ("high", "medium"),
        "relations-corrupt-data": ("critical", "high"),
        "rules-contradict-each-other": ("high", "medium"),
        "uploads-infringe-copyright": ("critical", "high"),
        "pictures-fail-to-process": ("high", "medium"),
        "double-booking": ("critical", "high"),
        "bookings-fail-at-peak": ("critical", "high"),
    }
    assert {risk.name for risk in RISKS} - {risk.name for risk in register.disagreements} == {
        "storage-costs-explode",
        "searches-multiply-queries",
    }


def test_the_worst_open_risk_stands_first_and_a_closed_one_last():
    first = RISKS[0]
    register = weigh([replace(RISKS[0], closed="the migration is over"), *RISKS[1:]], [], until=NOW)

    assert register.entries[0].risk.name == "storage-costs-explode"
    assert register.entries[-1].risk.name == first.name
    assert [each.risk.level for each in register.entries[:-1]] == [Level.CRITICAL] * 6 + [Level.HIGH] * 4


@pytest.mark.parametrize(
    ("stated", "incidents", "says"),
    [
        ("low", 0, "low"),
        ("low", 1, "medium"),
        ("low", 2, "high"),
        ("medium", 1, "medium"),
        ("medium", 3, "high"),
        ("high", 0, "high"),
        ("high", 1, "high"),  # that few have come does not show that few can
    ],
)
def test_incidents_suggest_a_higher_probability_and_never_a_lower_one(stated, incidents, says):
    assert suggested(Probability(stated), incidents) is Probability(says)


def test_real_incidents_of_the_last_year_are_the_evidence_and_exercises_never_count():
    one = weighed(incident(3), incident(366), incident(4, exercise=True), incident(5, "sign-in-breaks"))
    two = weighed(incident(3), incident(364))

    assert str(entry(one)) == "1 incident in 365 days: medium, as stated"
    assert not entry(one).differs
    assert str(entry(two)) == "2 incidents in 365 days suggest high, medium is stated"
    assert (entry(two).level, entry(two).risk.level) == (Level.CRITICAL, Level.CRITICAL)


def test_what_people_have_assessed_goes_before_what_an_incident_was_opened_with():
    register = weighed(incident(3, "", assessed="sign-in-breaks"), incident(4, "double-booking", assessed="sign-in-breaks"))

    assert len(entry(register, "sign-in-breaks").incidents) == 2
    assert not entry(register).incidents


def test_incidents_that_name_no_risk_or_one_that_is_not_there_are_told():
    nameless, stray = incident(3, ""), incident(4, "meteor")
    register = weighed(nameless, stray, incident(5, "", exercise=True))

    assert register.unnamed == (nameless.id,)
    assert register.unknown == ((stray.id, "meteor"),)


RISK = (
    '[[risk]]\nname = "one"\ntitle = "t"\nlevel = "high"\nprobability = "low"\nimpact = "low"\nconsequence = "c"\nowner = "o"\n'
    '{more}\n[[risk.mitigation]]\nwhat = "w"\n{links}\n'
)


@pytest.fixture
def described(tmp_path: Path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/application.toml").write_text('name = "shop"\n[database]\nname = "shop"\n')
    (tmp_path / "shop/rules.toml").write_text(
        '[[rule]]\nname = "orders add up"\nseverity = "critical"\nover = ["orders"]\nsql = "select id from orders where false"\n'
    )
    (tmp_path / "shop/alerts.toml").write_text('[[alert]]\nname = "Corrupt"\naction = "hold"\nseverity = "high"\n')

    def load(text: str):
        (tmp_path / "shop/risks.toml").write_text(text)
        return load_risks(tmp_path, load_application(tmp_path, "shop"), flows=FLOWS)

    return load


def test_an_application_needs_no_register_and_its_links_may_name_what_is_there(described):
    links = 'checks = ["orders add up", "references"]\nflows = ["rollback"]\nalerts = ["Corrupt"]'

    [risk] = described(RISK.format(more="", links=links))

    assert risk.mitigations[0].is_linked
    assert load_risks(APPLICATIONS, load_application(APPLICATIONS, "guestbook"), flows=FLOWS) == ()


@pytest.mark.parametrize(
    ("more", "links", "message"),
    [
        ("", 'checks = ["orders ad up"]', "the check 'orders ad up', which the application does not have, did you mean"),
        ("", 'flows = ["rolback"]', "did you mean 'rollback'?"),
        ("", 'alerts = ["Corupt"]', "did you mean 'Corrupt'?"),
        ('phase = "booking"', "", "the phase 'booking'"),
        ('probability_of = "x"', "", "did you mean 'probability'?"),
        ("", f"\n{RISK.format(more='', links='')}", "two risks of the name 'one'"),
    ],
)
def test_a_register_that_links_to_what_is_not_there_is_refused(described, more, links, message):
    with pytest.raises(ConfigurationRefused) as refused:
        described(RISK.format(more=more, links=links))

    assert message in refused.value.message + refused.value.detail


def test_a_risk_without_a_mitigation_is_refused(described):
    with pytest.raises(ConfigurationRefused, match="mitigation"):
        described(RISK.format(more="", links="").split("[[risk.mitigation]]")[0])
