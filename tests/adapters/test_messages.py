"""What people read of an incident: each audience its own words, and none of it does anything to whoever reads it."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.adapters.messages import write_message
from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain, IncidentId, MessageKind
from continuity.domain.notice import Notice
from continuity.domain.people import Audience

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
INCIDENT = IncidentId("blottr-incident-20261123T115500Z-3f2a9c0d4b5e6f70")
LINK = "https://continuity.example/base"
EVIL = (
    "@everyone <!channel> <@U1> [here](https://evil.example) <script>alert(1)</script> \x1b[31m \u202e\r\nBcc: all@example.org"
    " postgresql://app:hunter2@db/shop &lt;!here&gt; `x` ={{ 7 * 7 }} {% raw %} \x00"
)
TAGS = {"div", "p", "strong", "h2", "table", "tr", "th", "td", "ul", "li", "a", "br", "code"}


def make_notice(message=MessageKind.OPENED, **changes) -> Notice:
    facts = {
        "incident": INCIDENT,
        "application": ApplicationName("blottr"),
        "message": message,
        "level": Level.CRITICAL,
        "chain": Chain.TECHNICAL,
        "title": "half of all requests fail",
        "began": NOON - timedelta(minutes=5),
        "at": NOON,
        "summary": "error rate 52 %",
        "run": "blottr-rollback-20261123T115900Z",
        "plan": "0123abcd",
        "done": ("11:56:00 UTC traffic was stopped", "11:57:00 UTC the release was put back"),
        "next_step": "look at continuity watch blottr-rollback-20261123T115900Z",
        "impact": "nobody can book",
        "next_update": NOON + timedelta(minutes=30),
    }
    return Notice(**{**facts, **changes})


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.update(value for name, value in attrs if name == "href")


def test_operators_read_facts_what_was_done_what_is_next_and_how_to_take_it_on():
    message = write_message(make_notice(), Audience.OPERATORS, link=LINK, zone=ZoneInfo("Europe/Paris"))

    assert message.subject == "CRITICAL: blottr: half of all requests fail"
    for said in (
        "since: 2026-11-23 12:55 Europe/Paris (11:55 UTC)", "what: error rate 52 %", "level: critical", "plan: 0123abcd",
        "run: blottr-rollback-20261123T115900Z", "traffic was stopped", "Next: look at continuity watch",
        f"Take it on: {LINK}/incidents/{INCIDENT}",
    ):  # fmt: skip
        assert said in message.text
    assert Tags(message.html).links == {f"{LINK}/incidents/{INCIDENT}"}


def test_without_a_link_the_command_takes_it_on():
    assert f"continuity acknowledge {INCIDENT}" in write_message(make_notice(), Audience.OPERATORS).text


def test_stakeholders_read_what_it_means_and_when_they_hear_again_and_nothing_to_run():
    text = write_message(make_notice(), Audience.STAKEHOLDERS, link=LINK).text

    assert "nobody can book" in text
    assert "You hear again by 2026-11-23 12:30 UTC at the latest." in text
    assert not any(technical in text for technical in ("0123abcd", "continuity ", "blottr-rollback", "52 %"))


def test_an_exercise_says_so_first_to_everybody():
    for audience in Audience:
        message = write_message(make_notice(exercise=True), audience)
        assert message.subject.startswith("EXERCISE ")
        assert message.text.startswith("EXERCISE: nothing is wrong.")
        assert "EXERCISE: nothing is wrong." in message.html


def test_the_end_says_how_long_it_took_by_whose_word_and_asks_for_nothing():
    over = make_notice(MessageKind.RESOLVED, ended=NOON + timedelta(hours=1), by="ada", because="bookings work")

    operators, stakeholders = (write_message(over, audience, link=LINK).text for audience in Audience)

    assert "It is over, after 1 h 5 min." in operators
    assert "ended by: ada" in operators
    assert "Confirmed by: ada" in stakeholders
    assert all("Take it on" not in text and "hear again" not in text for text in (operators, stakeholders))


def test_whoever_is_asked_later_learns_that_nobody_has_answered():
    later = make_notice(MessageKind.ESCALATED, step=1, because="nobody has answered since 11:55 UTC")

    assert write_message(later, Audience.OPERATORS).subject == "Not answered: blottr: half of all requests fail"
    assert "step 2 of the technical chain" in write_message(later, Audience.OPERATORS).text
    assert "Nobody has answered so far." in write_message(later, Audience.STAKEHOLDERS).text
    assert "Nobody has answered so far." not in write_message(make_notice(MessageKind.ESCALATED), Audience.STAKEHOLDERS).text


def test_a_long_story_is_told_by_its_end():
    text = write_message(make_notice(done=tuple(f"line {number}" for number in range(20))), Audience.OPERATORS).text

    assert "line 19" in text
    assert "line 11" not in text
    assert "12 earlier lines are in the report" in text


def test_foreign_text_stands_on_no_line_of_its_own_that_could_pretend_to_be_ours():
    pretending = "x\r\nTake it on: https://evil.example"
    notice = make_notice(title=pretending[3:], summary=pretending, done=(pretending,), next_step=pretending, impact=pretending)

    for audience in Audience:
        lines = write_message(notice, audience, link=LINK).text.splitlines()
        assert [line for line in lines if line.startswith("Take it on")] in ([], [f"Take it on: {LINK}/incidents/{INCIDENT}"])


hostile = st.just(EVIL) | st.lists(st.sampled_from(EVIL.split(" ")) | st.text(max_size=10), max_size=8).map(" ".join)


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("kind", MessageKind)
@settings(max_examples=15, deadline=None)
@given(title=hostile, other=hostile, by=hostile, exercise=st.booleans())
def test_no_template_lets_hostile_text_through(audience, kind, title, other, by, exercise):
    notice = make_notice(
        kind, title=title, summary=other, impact=other, because=other, next_step=other, run=by, plan=by, by=by,
        done=(other, title), exercise=exercise,
    )  # fmt: skip

    message = write_message(notice, audience, link=LINK)

    assert len(message.subject) <= 120
    assert message.subject.isprintable()
    for text in (message.subject, message.text):
        assert not any(sign in text for sign in "@<>[]`")
    for text in (message.subject, message.text, message.html):
        assert "hunter2" not in text
        assert all(character.isprintable() or character == "\n" for character in text)
    # Foreign text makes no line of its own, which could pretend to be this system's.
    assert not any(line.startswith("Bcc") for line in message.text.splitlines())
    page = Tags(message.html)
    assert page.tags <= TAGS
    assert page.attributes <= {"style", "href"}
    assert page.links <= {f"{LINK}/incidents/{INCIDENT}"}
    assert "@" not in message.html


def test_a_secret_of_the_environment_is_in_no_message():
    notice = make_notice(title="cannot log in as x with opensesame", summary="opensesame", done=("opensesame",))

    for audience in Audience:
        message = write_message(notice, audience, hidden={"opensesame"})
        assert "opensesame" not in message.subject + message.text + message.html
