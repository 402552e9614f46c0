"""Who is told what, at which level and along which chain, by blottr's own file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from continuity.adapters.people_files import load_people
from continuity.domain.alerts import Level
from continuity.domain.incident import Chain, IncidentId, MessageKind, Told
from continuity.domain.people import Audience, addressees, undelivered

APPLICATIONS = Path(__file__).parents[2] / "applications"
INCIDENT = IncidentId("blottr-incident-20261123T191515Z-3f2a9c0d4b5e6f70")
OPENED, UPDATE, ESCALATED, RESOLVED = MessageKind.OPENED, MessageKind.UPDATE, MessageKind.ESCALATED, MessageKind.RESOLVED


@pytest.fixture(scope="module")
def people():
    return load_people(APPLICATIONS, "blottr")


def told(to: str, channel: str = "team-mail", *, delivered: bool = True, text: str = "", audience=Audience.OPERATORS) -> Told:
    return Told(
        incident=INCIDENT,
        at=datetime(2026, 11, 23, tzinfo=UTC),
        message=OPENED,
        audience=audience,
        to=to,
        channel=channel,
        delivered=delivered,
        text=text,
    )


def names(people, message, level, *, chain=Chain.TECHNICAL, step=0, before=()):
    return [each.name for each in addressees(people, message, level=level, chain=chain, step=step, told=before)]


def minutes(length: timedelta | None) -> float | None:
    return length.total_seconds() / 60 if length else None


def test_the_matrix_says_whom_each_level_tells_and_by_when(people):
    assert {level: (minutes(promise.deadline), promise.wakes) for level, promise in people.levels.items()} == {
        Level.CRITICAL: (15, True),
        Level.HIGH: (60, True),
        Level.MEDIUM: (240, False),
        Level.LOW: (None, False),
    }
    assert {"developer", "cto", "ceo", "legal", "stakeholders"} <= set(names(people, OPENED, Level.CRITICAL))
    assert names(people, OPENED, Level.HIGH) == ["tech lead", "project manager"]
    assert names(people, OPENED, Level.MEDIUM) == ["developer"]
    assert names(people, OPENED, Level.LOW) == []


@pytest.mark.parametrize(
    ("chain", "roles"),
    [
        (Chain.TECHNICAL, ["developer", "tech lead", "cto", "ceo"]),
        (Chain.BUSINESS, ["project manager", "business owner", "stakeholders"]),
        (Chain.SECURITY, ["security lead", "cto", "legal", "ceo"]),
        (Chain.LEGAL, ["legal", "management", "external counsel"]),
    ],
)
def test_each_chain_asks_its_roles_in_order_and_begins_anew(people, chain, roles):
    asked = [names(people, ESCALATED, Level.HIGH, chain=chain, step=step)[0] for step in range(len(roles) * 2)]

    assert asked == roles * 2
    assert all(people.step(chain, step).wait > timedelta(0) for step in range(len(roles)))


def test_a_level_that_wakes_nobody_asks_quietly_and_the_others_do_not(people):
    def channels(message, level, before=()):
        return {each.name: each.channels for each in addressees(people, message, level=level, chain=Chain.TECHNICAL, told=before)}

    assert channels(OPENED, Level.CRITICAL)["developer"] == ("on-call", "team-chat", "team-mail")
    assert channels(ESCALATED, Level.HIGH)["developer"] == ("on-call", "team-chat", "team-mail")
    assert channels(ESCALATED, Level.MEDIUM)["developer"] == ("team-chat", "team-mail")
    # News of what somebody knows wakes nobody; whoever hears of it for the first time is woken.
    updated = channels(UPDATE, Level.CRITICAL, before=[told("developer", "on-call")])
    assert updated["developer"] == ("team-chat", "team-mail")
    assert updated["tech lead"] == ("lead-phone", "team-chat", "team-mail")


def test_whoever_was_asked_is_not_told_again_that_it_is_open(people):
    before = [told("developer", "on-call"), told("tech lead", "lead-phone", delivered=False)]

    opened = names(people, OPENED, Level.CRITICAL, before=before)

    assert "developer" not in opened
    assert "tech lead" in opened


def test_the_end_is_told_to_everybody_who_was_told_whatever_the_file_says_today(people):
    before = [
        told("ceo", "management-phone", audience=Audience.STAKEHOLDERS),
        told("somebody who left", "old-mail", delivered=False),
        told("somebody who left", "older-mail"),
    ]

    end = addressees(people, RESOLVED, level=Level.MEDIUM, chain=Chain.TECHNICAL, told=before)

    assert {each.name: (each.audience, each.channels) for each in end} == {
        "ceo": (Audience.STAKEHOLDERS, ("management-mail",)),
        "somebody who left": (Audience.OPERATORS, ("old-mail", "older-mail")),
    }


def test_what_nobody_has_taken_is_known_until_something_reaches_them():
    lost = told("ceo", delivered=False, text="it burns")

    assert undelivered([told("cto"), lost]) == (lost,)
    assert undelivered([lost, told("ceo")]) == ()
