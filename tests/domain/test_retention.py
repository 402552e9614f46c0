"""Which points expire: examples with their reasons, and invariants that hold for any set of points."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.domain.application import RetentionPolicy
from continuity.domain.retention import decide, objections, too_many
from continuity.domain.verdict import Judgement
from tests.fixtures.point_builders import NOW, make_drill, make_manifest, make_point

SPARSE = RetentionPolicy(keep_all=timedelta(days=1), daily=0, weekly=0, monthly=0, yearly=0, proven_floor=1)


def days(count):
    return timedelta(days=count)


def reasons(points, policy=SPARSE, *, in_use=None, now=NOW):
    return {each.point: (each.keep, each.because) for each in decide(points, policy, in_use=in_use or {}, now=now)}


def kept(points, policy=SPARSE, *, in_use=None, now=NOW):
    return {each.point for each in decide(points, policy, in_use=in_use or {}, now=now) if each.keep}


def test_every_decision_says_why():
    last, older, pinned, used, old = (
        make_point(age=days(2)),
        make_point(age=days(3)),
        make_point(age=days(4), pinned=True),
        make_point(age=days(5)),
        make_point(age=days(6)),
    )
    run = "shop-rollback-20261124T030000Z-1f2e"

    said = reasons([last, older, pinned, used, old], replace(SPARSE, proven_floor=2), in_use={used.manifest.id: run})

    assert said == {
        last.manifest.id: (True, "the last proven point"),
        older.manifest.id: (True, "one of the 2 newest proven points"),
        pinned.manifest.id: (True, "pinned: audit"),
        used.manifest.id: (True, f"the open run {run} relies on it"),
        old.manifest.id: (False, "older than 1 d, and the newest of no period that is kept"),
    }


def test_a_slot_is_filled_by_the_newest_proven_point_of_its_period():
    moments = [datetime(2026, 7, day, hour, tzinfo=UTC) for day, hour in ((27, 2), (27, 14), (29, 2), (30, 2), (31, 2))]
    points = [make_point(created=moment) for moment in (*moments, datetime(2026, 8, 20, tzinfo=UTC))]

    said = reasons(points, replace(SPARSE, daily=3, weekly=2, monthly=2))

    assert [keep for keep, _ in said.values()] == [True, True, True, False, False, False]
    assert said["shop-20260731T020000Z"][1] == "newest of 2026-07-31; newest of week 2026-W31; newest of month 2026-07"


def test_a_failed_backup_never_pushes_a_proven_one_out():
    proven = make_point(created=datetime(2026, 11, 10, 2, tzinfo=UTC))
    failed = make_point(created=datetime(2026, 11, 10, 14, tzinfo=UTC), judgement=Judgement.UNFAITHFUL)
    last = make_point(age=days(2))
    policy = replace(SPARSE, daily=2)

    said = reasons([last, failed, proven], policy)

    assert said[proven.manifest.id] == (True, "newest of 2026-11-10")
    assert said[failed.manifest.id] == (False, f"unfaithful, older than 1 d, and {last.manifest.id} is newer and proven")


@pytest.mark.parametrize("facts", [{"judgement": None}, {"judgement": Judgement.UNFAITHFUL}, {"distrusted": True}])
def test_a_point_that_is_not_proven_stays_while_no_newer_one_is(facts):
    doubtful, older = make_point(age=days(30), **facts), make_point(age=days(40))

    assert reasons([doubtful, older])[doubtful.manifest.id] == (True, "no newer point is proven")
    assert doubtful.manifest.id not in kept([make_point(age=days(2)), doubtful, older])


def test_a_floor_below_one_means_one():
    only = make_point(age=days(900))

    assert kept([only], replace(SPARSE, proven_floor=0)) == {only.manifest.id}


def test_more_than_a_fifth_at_once_is_too_many_but_a_few_are_not():
    young = [make_point(age=timedelta(hours=hour)) for hour in range(6)]
    three = [make_point(age=days(10 + day)) for day in range(3)]

    assert not too_many(decide([*young, *three], SPARSE, in_use={}, now=NOW))
    assert too_many(decide([*young, *three, make_point(age=days(20))], SPARSE, in_use={}, now=NOW)) == (
        "4 of 10 points would go at once, 3 may"
    )


def objected(points, *, damaged=(), store_time=NOW, now=NOW, recovery_point=timedelta(hours=24)):
    return objections(points, damaged=damaged, store_time=store_time, now=now, recovery_point=recovery_point)


def test_nothing_is_objected_to_in_daily_use():
    assert objected([make_point(age=timedelta(hours=20)), make_point(age=days(30))]) == ()


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("the vault shows no recovery point", lambda: objected([])),
        ("a.json (no document) cannot be read", lambda: objected([make_point()], damaged=["a.json (no document)"])),
        ("lies in the future", lambda: objected([make_point(age=-days(1), judgement=None)])),
        (
            "the newest drill",
            lambda: objected([make_point(drills=[make_drill(make_manifest(), finished=NOW + timedelta(hours=1))])]),
        ),
        ("the vault's clock says", lambda: objected([make_point()], store_time=NOW - timedelta(hours=1))),
        ("backups have stopped", lambda: objected([make_point()], now=NOW + days(3650), store_time=NOW + days(3650))),
        ("is 2 d 1 h old", lambda: objected([make_point(age=timedelta(hours=49))])),
        ("outside of its folder", lambda: objected([_foreign()])),
    ],
)
def test_what_cannot_be_trusted_is_objected_to(said, refused):
    [objection] = refused()

    assert said in objection


def _foreign():
    mine, other = make_point(), make_manifest(age=days(1))
    return replace(mine, manifest=replace(mine.manifest, dump=other.dump))


def test_an_objective_of_weeks_lets_the_newest_point_be_weeks_old():
    assert objected([make_point(age=days(13))], recovery_point=days(7)) == ()


# Invariants. Points of any age and verdict; two of one moment would be one point.

points_of_any_kind = st.lists(
    st.builds(
        lambda hours, judgement, distrusted, pinned: make_point(
            age=timedelta(hours=hours), judgement=judgement, distrusted=distrusted, pinned=pinned
        ),
        hours=st.integers(0, 24 * 900),
        judgement=st.sampled_from([Judgement.SOUND, Judgement.SOUND, Judgement.UNHEALTHY, Judgement.UNFAITHFUL, None]),
        distrusted=st.sampled_from([False, False, False, True]),
        pinned=st.sampled_from([False, False, False, True]),
    ),
    max_size=25,
    unique_by=lambda state: state.manifest.id,
)
policies = st.builds(
    RetentionPolicy,
    keep_all=st.integers(1, 60).map(days),
    daily=st.integers(0, 10),
    weekly=st.integers(0, 6),
    monthly=st.integers(0, 6),
    yearly=st.integers(0, 3),
    proven_floor=st.integers(0, 4),
)


@given(points_of_any_kind, policies)
def test_proven_points_never_fall_below_the_floor_and_the_last_one_stays(points, policy):
    stay = kept(points, policy)
    usable = sorted((state for state in points if state.usable), key=lambda state: state.manifest.created, reverse=True)

    assert {state.manifest.id for state in usable[: max(1, policy.proven_floor)]} <= stay


@given(points_of_any_kind, policies, st.data())
def test_pinned_points_and_points_in_use_stay(points, policy, data):
    used = data.draw(st.sets(st.sampled_from([state.manifest.id for state in points]))) if points else set()

    stay = kept(points, policy, in_use=dict.fromkeys(used, "a run"))

    assert used <= stay
    assert {state.manifest.id for state in points if state.pinned} <= stay


@given(points_of_any_kind, policies)
def test_deciding_again_after_the_deletion_expires_nothing_more(points, policy):
    stay = kept(points, policy)

    assert kept([state for state in points if state.manifest.id in stay], policy) == stay


@given(points_of_any_kind, policies, st.integers(0, 900))
def test_time_alone_brings_no_expired_point_back(points, policy, later):
    assert kept(points, policy, now=NOW + days(later)) <= kept(points, policy)


@given(points_of_any_kind, policies)
def test_a_newer_proven_point_brings_no_expired_point_back(points, policy):
    newer = make_point(age=-timedelta(seconds=1))

    assert kept([*points, newer], policy) - {newer.manifest.id} <= kept(points, policy)


@given(points_of_any_kind, policies)
def test_points_that_are_not_proven_never_cost_a_proven_one_its_place(points, policy):
    usable = [state for state in points if state.usable]

    assert kept(usable, policy) == kept(points, policy) & {state.manifest.id for state in usable}


@given(points_of_any_kind, policies, st.sampled_from(["daily", "weekly", "monthly", "yearly", "proven_floor"]))
def test_a_wider_policy_keeps_no_fewer_points(points, policy, slot):
    wider = replace(policy, **{slot: getattr(policy, slot) + 1})

    assert kept(points, policy) <= kept(points, wider)


@given(points_of_any_kind, policies)
def test_whatever_was_proven_and_young_or_unproven_and_newest_stays(points, policy):
    stay = kept(points, policy)

    for state in points:
        if NOW - state.manifest.created < policy.keep_all:
            assert state.manifest.id in stay
    assert bool(stay) == bool(points)
