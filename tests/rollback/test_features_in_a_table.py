"""Flags in a table of the application's database, under names that need quoting: switched, undone, and what is refused."""

import psycopg
import pytest

from continuity.adapters.flag_table import change_row, open_flags, read_rows
from continuity.domain.application import FlagTable
from continuity.errors import ConfigurationRefused, UnsafeOperation
from continuity.steps.flag_places import observe_flags
from continuity.steps.preconditions.rollback import check_rollback
from tests.fixtures.killing import KillEverywhere, load, start_run

FLAG = 'it\'s "new" %s; drop --'
SCHEMA = '"Odd ""schema"""'
TABLE = f'{SCHEMA}."my.flags %s"'
DESCRIBED = f"""[flags]
table = '{TABLE}'
name_column = "flag name"
value_column = "is on?"
"""
MADE = f"""
create schema {SCHEMA};
create table {TABLE} ("flag name" varchar(80) unique, "is on?" boolean, at timestamptz default now());
"""


@pytest.fixture
def seat(at_terminal, tmp_path):
    seat = at_terminal("guestbook")
    described = tmp_path / "applications/guestbook/application.toml"
    described.write_text(described.read_text() + DESCRIBED)
    with psycopg.connect(seat.protected.dsn, autocommit=True) as session:
        session.execute(MADE)
        for flag, on in ((FLAG, True), ("other", True), ("undecided", None)):
            session.execute(f"insert into {TABLE.replace('%', '%%')} values (%s, %s)", (flag, on))
    return seat


def rows(seat) -> dict[str, bool | None]:
    with psycopg.connect(seat.protected.dsn) as session:
        return dict(session.execute(f'select "flag name", "is on?" from {TABLE}').fetchall())


def set_row(seat, flag: str, on: bool) -> None:
    with psycopg.connect(seat.protected.dsn, autocommit=True) as session:
        session.execute(f'update {TABLE.replace("%", "%%")} set "is on?" = %s where "flag name" = %s', (on, flag))


def test_a_row_is_switched_off_and_undone_and_other_rows_keep_what_is_written_meanwhile(seat):
    said = seat.json("feature", "guestbook", FLAG, "off", "--yes")
    assert (said["outcome"], rows(seat)) == ("done", {FLAG: False, "other": True, "undecided": None})
    assert said["seen"][0].startswith(f"every pod has {FLAG} off with its next look")

    set_row(seat, "other", on=False)
    plan = seat.json("undo", said["run"])["plan"]["hash"]
    assert seat.json("undo", said["run"], "--approve", plan)["outcome"] == "done"
    assert rows(seat) == {FLAG: True, "other": False, "undecided": None}

    said = seat.json("feature", "guestbook", "undecided", "off", "--yes")
    set_row(seat, "undecided", on=True)
    refused = seat.json("undo", said["run"], code=3)
    assert "'undecided' was changed by somebody else since" in refused["error"]
    assert "It was left to the default in the clients' code before: null" in refused["detail"]
    assert rows(seat)["undecided"] is True


def test_the_check_of_a_rollback_tells_whether_the_flags_can_be_switched(seat, tmp_path):
    def check():
        [found] = [each for each in check_rollback(*load(seat.environment, "guestbook")) if each.name == "flags"]
        return found.passed, found.detail

    assert check() == (True, f"3 flags in {TABLE} can be switched")
    described = tmp_path / "applications/guestbook/application.toml"
    described.write_text(described.read_text() + 'names = ["other", "desk"]\n')
    assert check() == (False, f"{TABLE} has no row of desk")


def test_killed_at_every_point_and_resumed_the_row_is_set(seat, tmp_path):
    plan = seat.json("feature", "guestbook", FLAG, "off")["plan"]["hash"]
    while start_run(seat.environment, "guestbook", plan, KillEverywhere(fired=tmp_path / "fired")) == -9:
        pass
    assert rows(seat) == {FLAG: False, "other": True, "undecided": None}


def test_a_row_that_somebody_else_has_changed_is_left_as_it_is(seat):
    application, environment = load(seat.environment, "guestbook")
    with open_flags(environment.rollback_dsn, application.database.name, application.flags) as flags:
        with pytest.raises(UnsafeOperation, match="changed by somebody else: it is on now"):
            change_row(flags, FLAG, expected="false", wanted="null")
        change_row(flags, FLAG, expected="true", wanted="null")
        change_row(flags, FLAG, expected="true", wanted="null")
        assert read_rows(flags)[FLAG] == "null"


@pytest.mark.parametrize(
    ("described", "because"),
    [
        ({"table": "public.nowhere"}, "has no table public.nowhere"),
        ({"name_column": "flag"}, "has no column 'flag'"),
        ({"value_column": "at"}, "is timestamp with time zone, and a flag is a boolean"),
    ],
)
def test_a_table_that_is_not_as_described_is_refused_with_what_there_is(seat, tmp_path, described, because):
    place = {"table": TABLE, "name_column": "flag name", "value_column": "is on?"} | described
    lines = "\n".join(f"{key} = '{value}'" for key, value in place.items())
    file = tmp_path / "applications/guestbook/application.toml"
    file.write_text(file.read_text().partition("[flags]")[0] + f"[flags]\n{lines}\n")

    application, environment = load(seat.environment, "guestbook")
    assert application.flags == FlagTable(**place)
    with pytest.raises(ConfigurationRefused, match=because):
        observe_flags(application, environment)
