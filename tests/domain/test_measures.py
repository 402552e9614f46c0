"""Each formula on a case that is computed by hand, and what no order, zone, clock or exercise may change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName, Objectives
from continuity.domain.availability import Watched, watched_by
from continuity.domain.incident import IncidentId
from continuity.domain.incident_measures import IncidentTimes
from continuity.domain.measure import Measure
from continuity.domain.measures import Evidence, measure
from continuity.domain.records import DrillDone, RunEnded
from continuity.domain.shares import share_at_least, trials_to_show
from continuity.domain.spans import Span, covered_seconds, merge

BLOTTR = ApplicationName("blottr")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=90)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")


def measured(*, exercise: bool = False, since: datetime = SINCE, until: datetime = NOW, **evidence) -> dict[str, Measure]:
    given_evidence = Evidence(**{name: tuple(each) if isinstance(each, list) else each for name, each in evidence.items()})
    found = measure(given_evidence, Objectives(), since=since, until=until, exercise=exercise, now=NOW)
    return {each.name: each for each in found}


def incident(number: int = 1, *, detect=5 * MINUTE, answer=2 * MINUTE, last=30 * MINUTE, **changes) -> IncidentTimes:
    began = changes.pop("began", NOW - timedelta(days=number))
    noticed = changes.pop("noticed", began + detect)
    times = IncidentTimes(
        incident=IncidentId(f"blottr-incident-{number:03}"),
        level=Level.CRITICAL,
        began=began,
        noticed=noticed,
        acknowledged=noticed + answer if answer is not None else None,
        ended=began + last if last is not None else None,
        users_affected=0,
        revenue_hours=0.0,
    )
    return replace(times, **changes)


def run(number: int = 1, *, verb: str = "rollback", took=10 * MINUTE, point_age=6 * HOUR, **changes) -> RunEnded:
    began = changes.pop("began", NOW - timedelta(days=number))
    ended = RunEnded(
        application=BLOTTR,
        run=f"blottr-{verb}-{number:03}",
        verb=verb,
        outcome="done",
        succeeded=True,
        began=began,
        ended=began + took,
        point_created=began - point_age,
        rows_discarded=0,
    )
    return replace(ended, **changes)


def drill(hours_ago: float, *, point_hours_ago: float, proven: bool = True) -> DrillDone:
    return DrillDone(
        application=BLOTTR,
        point=f"blottr-{point_hours_ago}",
        point_created=NOW - point_hours_ago * HOUR,
        finished=NOW - hours_ago * HOUR,
        seconds=95,
        stored_bytes=1 << 20,
        verdict="sound" if proven else "unfaithful",
        proven=proven,
    )


# Incidents ------------------------------------------------------------------------------------------------------------


def test_the_mean_times_of_critical_incidents_are_as_computed_by_hand():
    found = measured(
        incidents=[
            incident(1, detect=2 * MINUTE, answer=1 * MINUTE, last=20 * MINUTE),
            incident(2, detect=4 * MINUTE, answer=3 * MINUTE, last=40 * MINUTE),
            incident(3, detect=12 * MINUTE, answer=5 * MINUTE, last=90 * MINUTE),
            incident(4, detect=9 * HOUR, level=Level.HIGH),
        ]
    )

    assert found["mttd"].value == (2 + 4 + 12) * 60 / 3
    assert found["mtta"].value == (1 + 3 + 5) * 60 / 3
    assert found["mttr"].value == (20 + 40 + 90) * 60 / 3
    assert [found[name].met for name in ("mttd", "mtta", "mttr")] == [True, None, True]
    assert found["mttd"].source == "records of incidents: 3 critical of 4"


def test_fewer_than_three_make_no_mean_and_are_told_one_by_one():
    found = measured(incidents=[incident(1, last=20 * MINUTE), incident(2, last=5 * HOUR)])["mttr"]

    assert (found.value, found.met, found.records) == (None, None, 2)
    assert found.because == "a mean takes 3 critical incidents, there are 2: 5 h, 20 min"


def test_open_and_unanswered_incidents_count_until_now_and_it_is_said():
    found = measured(incidents=[incident(1), incident(2), incident(3, began=NOW - 10 * HOUR, last=None, answer=None)])

    assert found["mttr"].value == (30 + 30 + 600) * 60 / 3
    assert found["mttr"].met is False
    assert found["mttr"].because == "1 still open, counted until now"
    assert found["mtta"].value == (2 + 2 + 595) * 60 / 3
    assert found["mtta"].because == "1 not acknowledged yet, counted until now"


def test_an_incident_that_nobody_answered_counts_until_it_was_over():
    found = measured(incidents=[incident(1), incident(2), incident(3, answer=None)])["mtta"]

    assert found.value == (2 + 2 + 25) * 60 / 3
    assert found.because == "1 never acknowledged, counted until over"


def test_clocks_that_contradict_each_other_never_make_a_time_negative_in_silence():
    good = [incident(number) for number in (1, 2, 3)]
    a_little = incident(4, detect=timedelta(seconds=-30))
    much = incident(5, detect=-2 * HOUR, last=-3 * HOUR)

    found = measured(incidents=[*good, a_little, much])

    assert found["mttd"].value == 3 * 5 * 60 / 4
    assert found["mttd"].because == (
        "1 whose times contradict each other, left out; 1 within the difference of two clocks, counted as 0 s"
    )
    assert found["mttr"].because == "1 whose times contradict each other, left out"


def test_a_sender_whose_clock_is_ahead_makes_no_incident_shorter_than_it_was_seen_to_be():
    ahead = incident(3, detect=-20 * MINUTE, last=10 * MINUTE)  # noticed 30 minutes before it ended

    assert measured(incidents=[incident(1), incident(2), ahead])["mttr"].value == 30 * 60


def test_an_end_in_the_future_counts_until_now():
    found = measured(incidents=[incident(1), incident(2), incident(3, began=NOW - HOUR, last=9 * HOUR)])["mttr"]

    assert found.value == (30 + 30 + 60) * 60 / 3
    assert found.because == "1 said to end in the future, counted until now"


def test_an_incident_belongs_to_the_period_in_which_it_was_noticed():
    unseen = incident(1, began=SINCE - timedelta(days=20), noticed=SINCE + HOUR, last=21 * timedelta(days=1))
    edges = [incident(2, began=SINCE - HOUR, noticed=SINCE), incident(3, noticed=NOW - timedelta(seconds=1))]

    assert measured(incidents=[unseen, *edges])["mttd"].records == 3
    assert measured(incidents=[unseen, *edges], until=SINCE + 2 * HOUR)["mttd"].records == 2
    assert measured(incidents=[unseen, *edges], since=SINCE - timedelta(days=9), until=SINCE)["mttd"].records == 0


def test_what_a_clock_ahead_of_ours_has_recorded_is_part_of_the_present():
    found = measured(incidents=[incident(1, began=NOW - HOUR, noticed=NOW + HOUR)], runs=[run(1, began=NOW)])

    assert found["mttd"].records == found["rollback-success"].records == 1
    assert measured(incidents=[incident(1, noticed=NOW - HOUR)], until=NOW - 2 * HOUR)["mttd"].records == 0


def test_users_and_revenue_are_those_of_the_worst_incident():
    found = measured(
        incidents=[
            incident(1, users_affected=30, users_total=10_000, revenue_hours=0.5),
            incident(2, users_affected=80, users_total=10_000, revenue_hours=4.5),
            incident(3, level=Level.LOW, users_affected=None, revenue_hours=None),
        ]
    )

    assert (found["users-affected"].value, found["users-affected"].met) == (0.008, True)
    assert found["users-affected"].because == "1 of the levels medium and low not assessed, counted as none; together 1.1 %"
    assert (found["revenue-impact"].value, found["revenue-impact"].met) == (4.5, False)
    assert "together 5 h" in found["revenue-impact"].because


@pytest.mark.parametrize(
    "said",
    [
        {"users_affected": None},
        {"users_affected": 3, "users_total": None},
        {"users_affected": 3, "users_total": 2},
        {"users_affected": -1, "users_total": 100},
        {"users_affected": 3, "users_total": 0},
    ],
)
def test_nobody_knows_whom_a_critical_incident_has_hit_until_somebody_says_it(said):
    found = measured(incidents=[incident(1, users_affected=1, users_total=1000), incident(2, **said)])["users-affected"]
    missed = measured(incidents=[incident(1, users_affected=20, users_total=1000), incident(2, **said)])["users-affected"]

    assert (found.value, found.met) == (None, None)
    assert "nobody has said it of blottr-incident-002" in found.because
    assert (missed.value, missed.met) == (0.02, False)


def test_without_incidents_nobody_was_hit_where_records_were_kept_and_nothing_is_known_where_none_were():
    kept, none = measured(drills=[drill(9, point_hours_ago=10)]), measured()

    assert [kept[name].value for name in ("users-affected", "revenue-impact", "mttd", "mttr")] == [0, 0, None, None]
    assert all(each.value is None for each in none.values())
    assert all(each.because for each in none.values())


# Runs and drills ------------------------------------------------------------------------------------------------------


def test_three_of_three_rollbacks_do_not_show_more_than_99_percent():
    found = measured(runs=[run(1), run(2, verb="feature"), run(3, verb="undo"), run(4, verb="recovery"), run(5, verb="hold")])
    success = found["rollback-success"]

    assert (success.value, success.met, success.records) == (1.0, None, 3)
    assert success.at_least == pytest.approx(0.05 ** (1 / 3))
    assert success.because == ("3 of 3; that shows at least 36.8 %, with a confidence of 95 %: 99 % takes 299 without a failure")


def test_a_rollback_that_has_put_everything_back_has_not_succeeded():
    failed = run(2, succeeded=False, outcome="undone", rows_discarded=0)
    found = measured(runs=[run(1), failed])["rollback-success"]

    assert (found.value, found.met, found.because) == (0.5, False, "1 of 2")


def test_enough_rollbacks_without_a_failure_show_it():
    enough = [run(1, began=NOW - number * HOUR, run=f"r{number}") for number in range(1, 300)]

    assert measured(runs=enough)["rollback-success"].met is True
    assert measured(runs=enough[:-1])["rollback-success"].met is None


@pytest.mark.parametrize(
    ("successes", "trials", "bound"),
    # One-sided 95 %: n of n by 0.05^(1/n); the others as SciPy's beta.ppf(0.05, k, n - k + 1) has them.
    [(0, 5, 0.0), (1, 1, 0.05), (3, 3, 0.368403), (9, 10, 0.605837), (98, 100, 0.938381), (299, 299, 0.990031)],
)
def test_the_lower_bound_of_a_share_is_the_exact_one(successes, trials, bound):
    assert share_at_least(successes, trials) == pytest.approx(bound, abs=1e-6)
    assert trials_to_show(0.99) == 299


def test_rows_lost_are_added_and_an_unknown_loss_is_no_zero():
    assert measured(runs=[run(1), run(2)])["rows-lost"].met is True
    lost = measured(runs=[run(1, rows_discarded=114), run(2, rows_discarded=190), run(3, rows_discarded=None)])["rows-lost"]
    unknown = measured(runs=[run(1), run(2, rows_discarded=None)])["rows-lost"]
    undone = measured(runs=[run(1), run(2, succeeded=False, rows_discarded=None)])["rows-lost"]

    assert (lost.value, lost.met, lost.because) == (304, False, "1 do not say")
    assert (unknown.value, unknown.because) == (None, "1 do not say")
    assert undone.value == 0


def test_the_recovery_point_and_time_achieved_are_the_worst_ones():
    found = measured(
        runs=[
            run(1, took=12 * MINUTE, point_age=7 * HOUR),
            run(2, verb="recovery", took=3 * HOUR, point_age=25 * HOUR),
            run(3, verb="phase", took=9 * HOUR, point_age=99 * HOUR),
            run(4, took=8 * HOUR, point_age=50 * HOUR, succeeded=False),
            run(5, point_age=-HOUR),
        ]
    )

    assert (found["rpo"].value, found["rpo"].met) == (25 * 3600, False)
    assert found["rpo"].because == "1 whose point is younger than the run, left out"
    assert (found["rto"].value, found["rto"].met) == (3 * 3600, True)
    assert found["rto"].because == "1 came to nothing"


def test_attempts_of_one_incident_are_one_recovery():
    first = run(1, began=NOW - 5 * HOUR, succeeded=False, incident="i", run="first")
    second = run(2, began=NOW - 3 * HOUR, took=HOUR, incident="i", run="second")

    assert measured(runs=[second, first])["rto"].value == 3 * 3600
    assert measured(runs=[second, replace(first, incident=None)])["rto"].value == 3600


def test_drills_say_how_old_the_newest_proven_point_has_become():
    drills = [
        drill(60, point_hours_ago=61),  # from here on the newest proven point is of 61 hours ago
        drill(50, point_hours_ago=80),  # an old one at random: none the newer
        drill(40, point_hours_ago=41, proven=False),
        drill(20, point_hours_ago=21),  # the one before had become 41 hours old
    ]
    found = measured(drills=drills, exercise=True)

    assert (found["rpo"].value, found["rpo"].met, found["rpo"].records) == (41 * 3600, False, 3)
    assert measured(drills=drills[:1], exercise=True)["rpo"].value == 61 * 3600
    assert found["rto"].value is None
    assert found["rto"].because == (
        "no recovery was rehearsed; 4 drills restore and judge the database alone, in at most 1 min 35 s"
    )


def test_a_rehearsal_is_measured_among_exercises_alone():
    rehearsal = run(1, verb="rehearsal", took=40 * MINUTE, exercise=True)

    assert measured(runs=[rehearsal], exercise=True)["rto"].value == 40 * 60
    assert measured(runs=[rehearsal])["rto"].value is None
    assert "availability" not in measured(exercise=True)


# Availability ---------------------------------------------------------------------------------------------------------


def watched(*outages: tuple[float, float | None], hours: float = 1000) -> Watched:
    """Watch for so many hours until now; outages in hours before now."""
    ends = [(NOW - began * HOUR, None if ended is None else NOW - ended * HOUR) for began, ended in outages]
    return Watched(spans=(Span(began=NOW - hours * HOUR, ended=NOW),), outages=tuple(ends))


def test_availability_is_as_computed_by_hand_and_overlapping_outages_count_once():
    found = measured(watched=watched((10, 9.5), (9.75, 9.25), (5, 4.75)))["availability"]

    assert found.value == pytest.approx(1 - (0.75 + 0.25) / 1000)
    assert (found.met, found.records) == (True, 2)
    assert found.source == "history of health: 2 outages, 1 h in all, watched for 41 d 16 h"


def test_an_outage_that_lasts_counts_until_now_and_one_that_ends_before_it_begins_is_left_out():
    found = measured(watched=watched((2, None), (30, 31)))["availability"]

    assert found.value == pytest.approx(1 - 2 / 1000)
    assert (found.met, found.because) == (False, "1 still open, counted until now; 1 that end before they begin, left out")


def test_only_the_part_of_an_outage_within_the_period_counts():
    found = measured(watched=watched((110, 90), hours=500), since=NOW - 100 * HOUR)["availability"]

    assert found.value == pytest.approx(1 - 10 / 100)


def test_less_than_a_day_of_watching_shows_nothing_and_no_watching_is_no_availability():
    assert measured(watched=watched(hours=23))["availability"].because == "watched for 23 h, it takes 1 d"
    assert measured(watched=watched(hours=25))["availability"].value == 1
    assert measured()["availability"].because == "nobody has watched"


def test_an_outage_counts_in_full_where_the_watch_has_died_with_the_application():
    looks = [NOW - 40 * HOUR + each * MINUTE for each in range(20 * 60 + 1)] + [
        NOW - 10 * HOUR + each * MINUTE for each in range(600)
    ]
    seen = watched_by(looks, [(NOW - 21 * HOUR, NOW - 10 * HOUR)], patience=3 * MINUTE)

    assert [round(each.seconds / 3600) for each in seen.spans] == [20, 10]
    assert measured(watched=seen)["availability"].value == pytest.approx(1 - 11 / 40, abs=2e-4)


# What changes nothing -------------------------------------------------------------------------------------------------


def test_the_hour_that_is_there_twice_is_an_hour():
    # On 25 October 2026 at 3:00 Berlin sets its clocks back to 2:00: on the wall these are 20 minutes, in the world 80.
    began = datetime(2026, 10, 25, 2, 50, tzinfo=BERLIN)
    ended = datetime(2026, 10, 25, 3, 10, tzinfo=BERLIN)
    over = [incident(number, began=began, noticed=began, ended=ended) for number in (1, 2, 3)]
    down = replace(watched(hours=2000), outages=((began, ended),))

    found = measured(incidents=over, watched=down, runs=[run(1, began=began, ended=ended)])

    assert found["mttr"].value == found["rto"].value == 80 * 60
    assert found["availability"].source.startswith("history of health: 1 outages, 1 h 20 min in all")


@st.composite
def evidence(draw) -> Evidence:
    moments = st.integers(0, 60 * 24 * 80).map(lambda minutes: NOW - minutes * MINUTE)
    maybe = st.one_of(st.none(), moments)
    counts = st.one_of(st.none(), st.integers(0, 50))
    incidents = [
        incident(
            number,
            began=draw(moments),
            noticed=draw(moments),
            acknowledged=draw(maybe),
            ended=draw(maybe),
            level=draw(st.sampled_from(Level)),
            users_affected=draw(counts),
            users_total=draw(counts),
            exercise=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    runs = [
        run(
            number,
            verb=draw(st.sampled_from(["rollback", "recovery", "phase", "rehearsal", "undo", "hold"])),
            began=draw(moments),
            ended=draw(moments),
            point_created=draw(maybe),
            succeeded=draw(st.booleans()),
            rows_discarded=draw(counts),
            exercise=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 5)))
    ]
    drills = [
        replace(drill(1, point_hours_ago=2), finished=draw(moments), point_created=draw(moments), proven=draw(st.booleans()))
        for _ in range(draw(st.integers(0, 4)))
    ]
    outages = tuple((draw(moments), draw(maybe)) for _ in range(draw(st.integers(0, 4))))
    return Evidence(
        incidents=tuple(incidents), runs=tuple(runs), drills=tuple(drills), watched=replace(watched(), outages=outages)
    )


def all_of(found: Evidence) -> tuple[Measure, ...]:
    both = (measure(found, Objectives(), since=SINCE, until=NOW, exercise=each, now=NOW) for each in (False, True))
    return tuple(each for measures in both for each in measures)


def turned(found: Evidence, change) -> Evidence:
    watched = found.watched and replace(found.watched, outages=tuple(change(found.watched.outages)))
    return replace(
        found,
        incidents=tuple(change(found.incidents)),
        runs=tuple(change(found.runs)),
        drills=tuple(change(found.drills)),
        watched=watched,
    )


@settings(max_examples=60, deadline=None)
@given(evidence(), st.randoms())
def test_the_order_of_records_matters_to_nothing_and_no_measure_is_ever_negative(found, random):
    def shuffled(records: Sequence) -> list:
        return random.sample(list(records), len(records))

    assert all_of(found) == all_of(turned(found, shuffled))
    assert all(each.value is None or each.value >= 0 for each in all_of(found))
    assert all(each.value is not None or each.because for each in all_of(found))


def zoned(value):
    """Return records with their moments as they are told in another zone."""
    if isinstance(value, datetime):
        return value.astimezone(BERLIN)
    if isinstance(value, tuple):
        return tuple(map(zoned, value))
    return replace(value, **{name: zoned(each) for name, each in vars(value).items() if isinstance(each, datetime)})


@settings(max_examples=40, deadline=None)
@given(evidence())
def test_the_zone_in_which_moments_are_told_matters_to_nothing(found):
    elsewhere = turned(found, lambda records: [each and zoned(each) if not isinstance(each, tuple) else
                                               tuple(one and zoned(one) for one in each) for each in records])  # fmt: skip

    assert all_of(elsewhere) == all_of(found)


@settings(max_examples=40, deadline=None)
@given(evidence(), evidence())
def test_exercises_change_no_measure_of_the_real_thing(found, added):
    more = replace(
        found,
        incidents=(*found.incidents, *(replace(each, exercise=True) for each in added.incidents)),
        runs=(*found.runs, *(replace(each, exercise=True) for each in added.runs)),
    )

    def real(of: Evidence) -> tuple[Measure, ...]:
        return measure(of, Objectives(), since=SINCE, until=NOW, now=NOW)

    assert real(more) == real(found)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-20, 140), st.integers(0, 60)), max_size=12), st.integers(0, 119), st.integers(1, 120))
def test_merged_spans_cover_what_a_grid_of_minutes_counts(drawn, first, length):
    spans = [Span(began=NOW + began * MINUTE, ended=NOW + (began + lasts) * MINUTE) for began, lasts in drawn]
    within = Span(began=NOW + first * MINUTE, ended=NOW + (first + length) * MINUTE)
    grid = [minute for minute in range(first, first + length) if any(began <= minute < began + lasts for began, lasts in drawn)]

    merged = merge(spans)

    assert covered_seconds(spans, within=within) == 60 * len(grid)
    assert merge(merged) == merged == merge(reversed(spans))
    assert all(one.ended < other.began for one, other in pairwise(merged))


def test_records_that_cannot_be_read_are_told_beside_every_figure():
    assert all("2 records cannot be read" in each.because for each in measured(unreadable=2).values())
