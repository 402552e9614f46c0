"""What was set aside is dropped by its exact name only: old enough, not needed, and never the only copy."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from continuity.errors import UnsafeOperation
from continuity.procedures.discarding import make_discard_plan
from continuity.steps.operation import perform_plainly
from tests.fixtures.terminal import Seat

SHOP = """
    create table cities (id int primary key, name text);
    create table users (id int primary key, city int references cities, bio text,
        loud text generated always as (upper(bio)) stored);
    alter table cities add mayor int references users;
    create function mayors(cities) returns int language sql begin atomic select $1.mayor; end;
    create view homes as select users.id, cities.name from users join cities on cities.id = city;
    insert into cities values (1, 'Lyon');
    insert into users values (1, 1, 'x');
"""


@pytest.fixture
def shop(shelf):
    shelf.sql(SHOP)
    shelf.set("keep_replaced_days = 0")
    return shelf


def prove_a_point(shop) -> None:
    from continuity.procedures.backup import take_backup
    from continuity.procedures.drill import drill_point
    from tests.fixtures.places import ByDigests

    application, environment = shop.load()
    take_backup(application, environment, created=datetime.now(UTC), perform=perform_plainly)
    report = drill_point(application, environment, wanted="latest", keep=False, perform=perform_plainly, validate=ByDigests())
    assert report.verdict.proven


def waiting(shop):
    return make_discard_plan(*shop.load(), shop.run(), perform=perform_plainly, now=datetime.now(UTC))


def test_what_is_young_needed_and_the_only_copy_is_kept_with_all_reasons(shop):
    shop.environment.write_text(shop.environment.read_text().replace("keep_replaced_days = 0", "keep_replaced_days = 7"))
    shop.set_aside("public.cities", with_dependents=True)
    before = shop.picture()

    with pytest.raises(UnsafeOperation) as refused:
        waiting(shop)

    for reason in (
        "foreign key users_city_fkey on public.users needs",
        "is kept for 7.0 days",
        "no proven point is newer",
    ):
        assert reason in refused.value.detail
    assert shop.picture() == before


def test_it_is_dropped_by_its_exact_name_after_a_look_that_changes_nothing(shop):
    shop.set_aside("public.cities", with_dependents=True)
    shop.sql("alter table users drop constraint users_city_fkey")
    prove_a_point(shop)
    run, before = shop.run(), shop.picture()
    name = waiting(shop).plan.steps[0].arguments["name"]
    seat = Seat(replace(shop.protected), shop.environment)

    looked = seat.run("discard", run)
    assert f"continuity discard {run} --quarantine {name}" in looked.stdout, looked.stderr
    mistyped = seat.run("discard", run, "--quarantine", name[:-1])
    assert mistyped.returncode == 3
    assert "type exactly this name" in mistyped.stderr
    assert shop.picture() == before

    dropped = seat.run("discard", run, "--quarantine", name)

    assert dropped.returncode == 0, dropped.stderr
    assert shop.sql("select count(*) from pg_namespace where nspname like '%quarantine%'") == 0
    assert shop.sql("select count(*) from users") == 1
    again = seat.run("discard", run)
    assert again.returncode == 3
    assert "is gone now" in again.stderr


def test_renamed_columns_are_dropped_with_what_is_generated_from_them(shop):
    shop.set_aside("public.users.bio", with_dependents=True)
    prove_a_point(shop)
    from continuity.domain.approval import Approval
    from continuity.procedures.runs import carry_out
    from tests.fixtures.killing import hands

    plan = waiting(shop)
    approval = Approval(application="empty", plan=plan.plan.hash, by="test", at=datetime.now(UTC))
    carry_out(
        *shop.load(), plan, replan=lambda: waiting_for(shop, plan.plan.options["run"]), approvals=[approval], hands=hands(None)
    )

    columns = "select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = 'users'::regclass"
    assert shop.sql(f"{columns} and attnum > 0 and not attisdropped") == "id city"


def waiting_for(shop, run):
    return make_discard_plan(*shop.load(), run, perform=perform_plainly, now=datetime.now(UTC)).plan
