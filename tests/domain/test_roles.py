"""Which roles a database needs, and what makes the missing ones, is chosen from a dump of all roles of a server."""

from continuity.domain.roles import needed_roles, role_statements, split_statements

QUOTED = '"the ""desk"""'
GLOBALS = """--
-- Roles
--
\\restrict abc

CREATE ROLE shop;
ALTER ROLE shop WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;
CREATE ROLE @desk;
ALTER ROLE @desk WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS;
COMMENT ON ROLE @desk IS 'signs in;
and writes';
CREATE ROLE other;
ALTER ROLE other WITH NOSUPERUSER INHERIT LOGIN;
ALTER ROLE shop IN DATABASE shop SET search_path TO 'public';
ALTER ROLE shop SET work_mem TO '8MB';
GRANT shop TO @desk GRANTED BY postgres;
GRANT other TO @desk GRANTED BY postgres;
GRANT pg_read_all_data TO @desk GRANTED BY postgres;
""".replace("@desk", QUOTED)
DESK = 'the "desk"'


def test_whoever_acts_as_a_needed_role_is_needed_too_and_nobody_else():
    assert needed_roles(GLOBALS, ["shop"]) == ("shop", DESK)


def test_missing_roles_come_with_attributes_settings_comments_and_the_memberships_that_belong_here():
    made = role_statements(GLOBALS, ["shop", DESK], ["shop", DESK])

    assert made.sign_in == (DESK,)
    assert made.without_password([]) == (DESK,)
    assert made.left_out == (f"{DESK} in other",)
    assert [each.split(" ")[0] for each in made.statements] == [
        "CREATE", "ALTER", "CREATE", "ALTER", "COMMENT", "ALTER", "GRANT", "GRANT",
    ]  # fmt: skip
    assert not any("IN DATABASE" in each for each in made.statements)


def test_roles_that_are_there_are_not_touched():
    made = role_statements(GLOBALS, [DESK], ["shop", DESK])

    assert not any(each.startswith(("CREATE ROLE shop", "ALTER ROLE shop")) for each in made.statements)


def test_a_statement_ends_outside_of_quotes_alone():
    assert f"COMMENT ON ROLE {QUOTED} IS 'signs in;\nand writes';" in list(split_statements(GLOBALS))
