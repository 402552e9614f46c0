"""The lists for working by hand that the sample application describes can be read from its own database."""

import psycopg

from continuity.adapters.application_files import load_application
from tests.fixtures.protection import APPLICATIONS


def test_the_lists_for_working_by_hand_can_be_read_and_name_whom_to_call(make_database):
    fallback = load_application(APPLICATIONS, "blottr").fallback
    with psycopg.connect(make_database("blottr")) as session:
        heads = [[column.name for column in session.execute(each.sql).description] for each in fallback.lists]

    assert [each.name for each in fallback.lists] == ["appointments of the coming days"]
    assert {"starts_at", "artist", "client", "client_phone"} <= set(heads[0])
