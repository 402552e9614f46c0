"""A rollback may let sequences pass values by and sign everybody out, before anybody can enter what it brings back."""

from datetime import UTC, datetime

import psycopg
import pytest

from continuity.domain.given_out import GivenOut
from continuity.domain.rollback import Scope
from continuity.domain.run import Outcome
from continuity.errors import UnsafeOperation
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.steps.operation import perform_plainly
from tests.fixtures.killing import carry_out_here


def test_ids_of_the_replaced_database_are_not_given_out_again(place):
    with psycopg.connect(place.dsn, autocommit=True) as session:
        session.execute("select nextval('guest_numbers') from generate_series(1, 40)")
        [given] = session.execute("select last_value from guest_numbers").fetchone()
    application, environment = place.load()
    wish = RollbackWish(given_out=GivenOut(values=100))

    waiting = make_plan(application, environment, wish, perform=perform_plainly, now=datetime.now(UTC))
    report = carry_out_here(application, environment, waiting)

    assert report.ended.outcome is Outcome.DONE, report.ended
    with psycopg.connect(place.dsn, autocommit=True) as session:
        assert session.execute("select nextval('guest_numbers')").fetchone() == (given + 61,)


def test_without_a_database_that_goes_back_there_is_nothing_to_pass_by(place):
    application, environment = place.load()
    wish = RollbackWish(scope=Scope.APPLICATION, given_out=GivenOut(values=100))

    with pytest.raises(UnsafeOperation) as refused:
        make_plan(application, environment, wish, perform=perform_plainly, now=datetime.now(UTC))

    assert "scope: the database stays as it is" in refused.value.detail
