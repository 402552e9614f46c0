"""The first phase of a database that the real application made: refused by exact names, set aside with dependents, undone."""

import psycopg
import pytest

from continuity.adapters.brief_locks import Limits
from continuity.adapters.quarantine import put_back, set_aside
from continuity.domain.setting_aside import set_aside_of
from continuity.errors import UnsafeOperation
from tests.schema.conftest import picture, steps_of

PHASE = ("user_type", "phone", "bio", "city_id", "email_verified_at", "avatar_url")
NEEDED_BY_LATER_PHASES = {
    "✗ foreign key artists_city_id_foreign on public.artists needs column public.cities.id",
    "✗ foreign key salons_city_id_foreign on public.salons needs column public.cities.id",
}


def test_the_first_phase_of_the_real_application_is_refused_while_later_ones_need_it_and_undone_exactly_otherwise(make_database):
    dsn = make_database("real")
    with psycopg.connect(dsn) as session:
        rows = session.execute("select attname from pg_attribute where attrelid = 'users'::regclass and attnum > 0").fetchall()
    there = {name for (name,) in rows}
    # The real application says `role` where the page says `user_type`.
    wanted = [f"public.users.{name}" for name in [*PHASE, "role"] if name in there]
    before = picture(dsn)

    with pytest.raises(UnsafeOperation, match=r"no column public\.users\.user_type"):
        steps_of(dsn, "public.users.user_type", "public.cities")
    with pytest.raises(UnsafeOperation) as refused:
        steps_of(dsn, *wanted, "public.cities")
    assert {line for line in refused.value.detail.splitlines() if line.startswith("✗")} == NEEDED_BY_LATER_PHASES
    assert picture(dsn) == before

    [step] = steps_of(dsn, *wanted, "public.cities", with_dependents=True)
    aside, database = set_aside_of(step.arguments), psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    set_aside(dsn, database, aside, comment="a test's", limits=Limits())
    with psycopg.connect(dsn) as session:
        assert session.execute("select to_regclass('public.cities')").fetchone() == (None,)
    put_back(dsn, database, aside, limits=Limits())

    assert picture(dsn) == before
