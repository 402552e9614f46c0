"""What is due of an incident: no step is lost, none comes before its time, and none once somebody has answered."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.domain.alerts import Level
from continuity.domain.escalation import Timetable, Turn, after, next_turn, timetable_of
from continuity.domain.incident import Acknowledged, Chain, LevelChanged, MessageKind, Resolved, Taken
from continuity.domain.incidents import fold
from continuity.domain.people import Audience, ChainStep, Escalation, People, Promise, Role
from tests.fixtures.incidents import BLOTTR, NOON, make_incident, make_opened

MINUTE = timedelta(minutes=1)
ID = make_opened().incident
TIMES = Timetable(waits=(5 * MINUTE, 10 * MINUTE), updates=30 * MINUTE)
RETAKEN = timedelta(seconds=60)
O, E, U, R = MessageKind.OPENED, MessageKind.ESCALATED, MessageKind.UPDATE, MessageKind.RESOLVED  # noqa: E741 -- in tables


def play(until: timedelta, *happen, times: Timetable = TIMES, **changes):
    """Send everything at its due time, with what happens meanwhile; return it as minutes from noon, message and step."""
    sent, log = [], [make_opened(**changes)]
    happening = sorted(happen, key=lambda each: each.at)
    while (turn := next_turn(fold(log), times)) or happening:
        if happening and (turn is None or happening[0].at <= turn.due):
            log.append(happening.pop(0))
            continue
        if turn.due > NOON + until:
            break
        taken = Taken(incident=ID, at=turn.due, message=turn.message, step=turn.step, by="p", attempt=turn.attempt)
        log += [taken, *after(turn, times, taken)]
        sent.append((int((turn.due - NOON) / MINUTE), turn.message, turn.step))
    return sent


def test_a_chain_is_asked_step_by_step_and_again_until_somebody_answers_while_updates_go_on():
    answered = Acknowledged(incident=ID, at=NOON + 22 * MINUTE, by="ada", via="link")
    ended = Resolved(incident=ID, at=NOON + 70 * MINUTE, ended=NOON + 70 * MINUTE, by="ada", because="x")

    assert play(timedelta(days=1), answered, ended) == [
        (0, E, 0), (0, O, 0), (5, E, 1), (15, E, 2), (20, E, 3), (30, U, 1), (60, U, 2), (70, R, 0),
    ]  # fmt: skip


def test_a_chain_that_does_not_repeat_ends_and_one_without_steps_asks_nobody():
    once = Timetable(waits=(5 * MINUTE, 10 * MINUTE), repeats=False)
    assert play(timedelta(days=1), times=once) == [(0, E, 0), (0, O, 0), (5, E, 1)]
    assert play(timedelta(days=1), times=Timetable()) == [(0, O, 0)]
    assert play(timedelta(days=1), times=Timetable(tells=False, waits=(MINUTE,))) == []


def test_what_becomes_worse_is_told_at_once_and_what_becomes_better_is_not():
    worse = LevelChanged(incident=ID, at=NOON + 7 * MINUTE, level=Level.CRITICAL, by="rule", because="x")
    better = LevelChanged(incident=ID, at=NOON + 8 * MINUTE, level=Level.MEDIUM, by="ada", because="x")
    answered = Acknowledged(incident=ID, at=NOON + MINUTE, by="ada", via="link")

    sent = play(40 * MINUTE, answered, worse, better, level=Level.HIGH)

    assert sent == [(0, E, 0), (0, O, 0), (7, U, 1), (37, U, 2)]
    quiet = Timetable(waits=())
    assert play(40 * MINUTE, worse, times=quiet, level=Level.HIGH) == [(0, O, 0), (7, U, 1)]


def test_a_message_that_was_taken_and_not_sent_is_due_again_once_its_process_is_taken_for_gone():
    taken = Taken(incident=ID, at=NOON, message=E, step=0, by="killed")
    incident = make_incident(taken)

    assert next_turn(incident, Timetable(waits=(MINUTE,))).message is O
    alone = make_incident(taken, *after(Turn(message=O, step=0, due=NOON), Timetable(), taken))
    assert next_turn(alone, TIMES, retaken_after=RETAKEN) == Turn(message=E, step=0, due=NOON + RETAKEN, attempt=2)


def test_nobody_is_told_of_the_end_twice_and_of_nothing_after_it():
    ended = Resolved(incident=ID, at=NOON, ended=NOON, by="ada", because="x")
    assert play(timedelta(days=9), ended) == [(0, R, 0)]


def test_a_timetable_is_what_the_application_says_of_level_and_chain():
    people = People(
        application=BLOTTR,
        roles={"dev": Role(name="dev", audience=Audience.OPERATORS, channels=("mail",))},
        levels={
            Level.CRITICAL: Promise(roles=("dev",), deadline=15 * MINUTE, update=30 * MINUTE),
            Level.LOW: Promise(roles=("dev",), deadline=None),
        },
        chains={Chain.TECHNICAL: Escalation(steps=(ChainStep(role="dev", wait=5 * MINUTE),), repeats=False)},
    )
    assert timetable_of(people, make_incident()) == Timetable(waits=(5 * MINUTE,), repeats=False, updates=30 * MINUTE)
    assert not timetable_of(people, make_incident(level=Level.LOW)).tells
    assert not timetable_of(people, make_incident(level=Level.HIGH)).tells
    assert not timetable_of(None, make_incident()).tells


LATEST = 90
looks = st.lists(
    st.tuples(
        st.integers(0, 2),  # which process looks
        st.floats(0.01, 4.0),  # how many minutes after the last look
        st.sampled_from(["lives", "killed before sending", "killed after sending"]),
    ),
    max_size=60,
)
skews = st.tuples(*[st.floats(-2.0, 2.0)] * 3)


@dataclass
class World:
    """The records that processes share, the real time, and who was asked when."""

    now: datetime = NOON
    log: list = field(default_factory=lambda: [make_opened()])
    asked: list = field(default_factory=list)

    def look(self, skew: timedelta, fate: str) -> None:
        """Let a process with a clock of its own carry out what is due, until it is killed."""
        clock = self.now + skew
        while (turn := next_turn(fold(self.log), TIMES, retaken_after=RETAKEN)) and turn.due <= clock:
            taken = Taken(incident=ID, at=clock, message=turn.message, step=turn.step, by="p", attempt=turn.attempt)
            assert not [each for each in self.log if isinstance(each, Taken) and replace(each, at=clock) == taken]
            self.log.append(taken)
            if fate == "killed before sending":
                return
            if turn.message is E:
                self.asked.append((turn.step, self.now))
            if fate == "killed after sending":
                return
            self.log.extend(after(turn, TIMES, taken))


@settings(max_examples=60, deadline=None)
@given(looks=looks, skews=skews, answered=st.floats(1, LATEST))
def test_killed_at_any_point_no_step_is_lost_none_comes_early_and_none_after_an_answer(looks, skews, answered):
    """Three processes with clocks of their own look at random moments, and are killed where it hurts; one lives on."""
    world, skew = World(), [timedelta(minutes=each) for each in skews]
    said = Acknowledged(incident=ID, at=NOON + timedelta(minutes=answered), by="ada", via="link")
    before = None
    for process, pause, fate in [*looks, *[(0, 0.5, "lives")] * (2 * LATEST + 20)]:
        world.now += timedelta(minutes=pause)
        if before is None and world.now >= said.at:
            world.log.append(said)
            before = len(world.asked)
        world.look(skew[process], fate)

    assert len(world.asked) == before, "nobody is asked after an answer"
    steps = [step for step, _ in world.asked]
    assert sorted(set(steps)) == list(range(len(set(steps)))), "no step is left out"
    for step in sorted(set(steps))[1:]:
        first = min(at for number, at in world.asked if number == step)
        last_before = max(at for number, at in world.asked if number == step - 1)
        assert first - last_before >= TIMES.waits[(step - 1) % 2] - (max(skew) - min(skew)), "none comes before its time"
