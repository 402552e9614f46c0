"""Which sequences feed columns, how far each may go, and what signs people in."""

import psycopg
import pytest

from continuity.adapters.given_out import count_signed_in, move_sequence, read_feeding, sign_out
from continuity.adapters.postgres import connect
from continuity.errors import DatabaseError

SEQUENCES = """
create schema "Odd schema";
create table "Odd schema"."T" (id serial, small smallint generated always as identity, down int);
create sequence "Odd schema".falling increment -5 minvalue -100 maxvalue 0 start 0;
alter table "Odd schema"."T" alter down set default nextval('"Odd schema".falling');
create sequence shared;
create table narrow (id int default nextval('shared'));
create table wide (id bigint default nextval('shared'));
create sequence round maxvalue 9 cycle;
create table turns (turn int default nextval('round'));
create sequence alone;
select nextval('shared'), nextval('alone');
"""
SIGNED_IN = """
create table tokens (token text);
create table people (name text, remembered text);
create table kept (token text not null);
insert into tokens values ('a'), ('b');
insert into people values ('ada', 'cookie'), ('bob', null);
insert into kept values ('needed');
"""


@pytest.fixture
def session(make_database):
    dsn = make_database("empty")
    with psycopg.connect(dsn, autocommit=True) as writer:
        writer.execute(SEQUENCES + SIGNED_IN)
    with connect(dsn) as opened:
        yield opened


def test_a_sequence_feeds_what_owns_it_or_asks_it_and_ends_where_the_narrowest_column_does(session):
    found = {each.name: each for each in read_feeding(session)}

    assert set(found) == {"T_id_seq", "T_small_seq", "falling", "round", "shared"}
    assert found["shared"].most == found["T_id_seq"].most == 2**31 - 1
    assert found["T_small_seq"].most == 2**15 - 1
    assert (found["falling"].after(3), found["falling"].least) == (-15, -100)
    assert [each.name for each in found.values() if each.ends_before(21)] == ["falling"]
    assert [each.name for each in found.values() if each.ends_before(2**15)] == ["T_small_seq", "falling"]
    assert found["round"].cycles


def test_a_moved_sequence_gives_out_what_comes_after_and_moving_it_again_moves_it_no_further(session):
    for _ in range(2):
        move_sequence(session, "public", "shared", to=101)
        move_sequence(session, "Odd schema", "falling", to=-50)

    assert session.execute("select nextval('shared') as next").fetchone()["next"] == 102
    # It had given nothing out, so where it stands is what comes next.
    assert session.execute("""select nextval('"Odd schema".falling') as next""").fetchone()["next"] == -50


def test_everybody_is_signed_out_or_nobody(session):
    places = ("public.tokens", "public.people.remembered")
    assert count_signed_in(session, places) == {"public.tokens": 2, "public.people.remembered": 1}

    with pytest.raises(DatabaseError, match=r"public\.kept\.token"):
        sign_out(session, (*places, "public.kept.token"))
    assert sum(count_signed_in(session, places).values()) == 3
    sign_out(session, places)

    assert sum(count_signed_in(session, places).values()) == 0
    assert session.execute("select count(*) as people from people").fetchone()["people"] == 2


def test_a_place_that_is_not_there_is_told_by_its_name(session):
    with pytest.raises(DatabaseError, match=r"public\.nothing"):
        count_signed_in(session, ("public.nothing",))
