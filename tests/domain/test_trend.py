from datetime import timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.domain.trend import trend
from tests.fixtures.point_builders import make_manifest

BIG = 50_000_000


def nights(values, make):
    """Make one point a night, the last value tonight's."""
    manifests = [make(value, timedelta(days=len(values) - 1 - night)) for night, value in enumerate(values)]
    return trend(manifests[-1], manifests)


def sizes(values):
    return nights(values, lambda value, age: make_manifest(age=age, size_bytes=value))


def orders(values, table="public.orders"):
    return nights(values, lambda value, age: make_manifest(age=age, rows={} if value is None else {table: value}))


def seconds(values):
    return nights(values, lambda value, age: make_manifest(age=age, seconds=value))


@pytest.mark.parametrize("last", [BIG // 3, BIG * 3])
def test_a_size_far_from_the_median_is_said(last):
    [said] = sizes([BIG] * 7 + [last]).out_of_line

    assert said.startswith(f"size: {last:,} bytes, far {'below' if last < BIG else 'above'} the usual 50,000,000")


def test_one_odd_night_moves_nothing():
    assert not sizes([BIG, BIG, BIG * 9, BIG, BIG, BIG]).out_of_line
    assert sizes([BIG, BIG, BIG * 9, BIG, BIG, BIG // 5]).out_of_line


def test_growth_is_not_said():
    assert not sizes([int(BIG * 1.05**night) for night in range(30)]).out_of_line


def test_what_always_varies_is_not_said():
    queue = [9_000, 200, 4_000, 15_000, 700, 2_500, 12_000, 300]

    assert not orders(queue).out_of_line


def test_a_table_that_collapses_is_named():
    said = orders([5_000, 5_010, 5_020, 5_030, 5_040, 3]).out_of_line

    assert "rows of public.orders: 3 rows, far below the usual 5,020 (median of the last 5 points)" in said


def test_a_table_that_is_gone_counts_as_empty():
    assert any(said.startswith("rows of public.orders: 0 rows") for said in orders([5_000] * 5 + [None]).out_of_line)


@pytest.mark.parametrize("history", [[], [5_000], [5_000] * 3])
def test_nothing_is_said_on_few_points(history):
    assert not orders([*history, 1]).out_of_line
    assert orders([*history, 1]).compared_with == len(history)


def test_nothing_is_said_of_tiny_tables_short_backups_and_small_vaults():
    assert not orders([20] * 8 + [0]).out_of_line
    assert not seconds([2] * 8 + [40]).out_of_line
    assert not sizes([2_000] * 8 + [500_000]).out_of_line


def test_a_backup_that_takes_much_longer_is_said():
    assert seconds([300] * 8 + [1500]).out_of_line


@given(st.lists(st.integers(100, 10**9), min_size=4, max_size=14))
def test_the_usual_itself_is_never_said(values):
    assert not orders([*values, int(median(values))]).out_of_line


@given(st.lists(st.integers(0, 10**9), max_size=14), st.integers(0, 10**9))
def test_only_what_is_out_of_line_is_said_and_always_with_the_usual(values, last):
    for measure in orders([*values, last]).measures:
        if measure.out_of_line:
            assert measure.median is not None
            assert not measure.median / 1.9 <= measure.value <= measure.median * 1.9
