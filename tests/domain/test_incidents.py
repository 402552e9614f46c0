"""What an incident is follows from its records, in whatever order they are read."""

import random
from datetime import date, timedelta

from continuity.domain.alerts import Level
from continuity.domain.incident import (
    Acknowledged,
    Assessed,
    FollowUp,
    FollowUpDone,
    FollowUpKind,
    LevelChanged,
    Linked,
    Origin,
    Remark,
    Resolved,
)
from continuity.domain.incidents import State, fold, in_order
from continuity.domain.opening import belongs_to
from tests.fixtures.incidents import NOON, make_incident, make_opened

MINUTE = timedelta(minutes=1)
ID = make_opened().incident


def records():
    def followed(name: str, due: int) -> FollowUp:
        kind = FollowUpKind.PROCESS
        return FollowUp(incident=ID, at=NOON + 20 * MINUTE, name=name, what="x", kind=kind, owner="ada", due=date(2026, 12, due))

    return [
        LevelChanged(incident=ID, at=NOON + 2 * MINUTE, level=Level.MEDIUM, by="ada", because="a replica"),
        LevelChanged(incident=ID, at=NOON + 3 * MINUTE, level=Level.HIGH, by="ada", because="the primary after all"),
        Acknowledged(incident=ID, at=NOON + 4 * MINUTE, by="ada", via="command"),
        Acknowledged(incident=ID, at=NOON + 5 * MINUTE, by="bob", via="link"),
        Linked(incident=ID, at=NOON + 6 * MINUTE, origin=Origin.RUN, refers="blottr-rollback-1"),
        Assessed(incident=ID, at=NOON + 7 * MINUTE, by="ada", root_cause="a migration", users_affected=3),
        Assessed(incident=ID, at=NOON + 8 * MINUTE, by="bob", users_affected=4),
        Resolved(incident=ID, at=NOON + 9 * MINUTE, ended=NOON + 8 * MINUTE, by="ada", because="rolled back"),
        Resolved(incident=ID, at=NOON + 10 * MINUTE, ended=NOON + 10 * MINUTE, by="bob", because="again"),
        followed("test migrations", 3),
        followed("warn earlier", 2),
        FollowUpDone(incident=ID, at=NOON + 30 * MINUTE, name="test migrations", by="ada"),
        Remark(incident=ID, at=NOON + 1 * MINUTE, by="ada", text="looking"),
    ]


def test_the_first_answer_and_ending_count_the_newest_level_and_the_newest_word_on_each_field():
    shuffled = records()
    random.Random(7).shuffle(shuffled)

    incident = make_incident(*shuffled)

    assert (incident.state, incident.level, incident.worse_since) == (State.RESOLVED, Level.HIGH, NOON + 3 * MINUTE)
    assert incident.acknowledged.by == "ada"
    assert incident.resolved.because == "rolled back"
    assert (incident.assessed.root_cause, incident.assessed.users_affected) == ("a migration", 4)
    assert [each.name for each in incident.open_follow_ups] == ["warn earlier"]
    assert incident.refers == {"alert-1", "blottr-rollback-1"}
    assert incident.lasted(NOON + timedelta(days=1)) == 9 * MINUTE
    assert [line.text for line in incident.timeline[:3]] == ["began", "opened as critical: DatabaseCorruption", "looking"]
    assert incident == make_incident(*reversed(shuffled))


def test_without_its_opening_nothing_is_said_of_an_incident():
    assert fold(records()) is None


def test_an_incident_that_ended_before_it_began_by_another_clock_has_lasted_no_time():
    ended = Resolved(incident=ID, at=NOON, ended=NOON - 5 * MINUTE, by="ada", because="x")
    assert make_incident(ended).lasted(NOON) == timedelta()


def test_the_worst_open_incident_comes_first_and_what_is_over_last():
    over = make_incident(records()[7], title="over")
    high = make_incident(level=Level.HIGH, title="high")
    critical = make_incident(began=NOON - timedelta(days=3), title="critical")
    assert [each.opened.title for each in in_order([over, high, critical])] == ["critical", "high", "over"]


def test_a_storm_belongs_to_one_incident_and_what_is_worse_is_opened():
    standing = make_incident(level=Level.HIGH)

    def other(**changes):
        return belongs_to(make_opened(refers="alert-2", level=Level.HIGH, **changes), [standing])

    assert other(noticed=NOON + timedelta(days=9)) == standing  # the same cause, however long it is open
    assert other(title="HighErrorRate", noticed=NOON + 59 * MINUTE) == standing
    assert other(title="HighErrorRate", noticed=NOON + 61 * MINUTE) is None
    assert belongs_to(make_opened(title="Lost"), [standing]) is None  # critical: not hidden behind what is less
    assert belongs_to(make_opened(), [standing]) == standing  # of the same cause: it raises the level
    assert other(exercise=True) is None
    assert belongs_to(make_opened(origin=Origin.RUN, refers="blottr-rollback-1", title="rollback"), [standing]) == standing
    assert belongs_to(make_opened(origin=Origin.PERSON, title="something else"), [standing]) is None
    assert belongs_to(make_opened(), [make_incident(records()[7])]) is None
