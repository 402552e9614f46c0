"""The databases that tests are given."""

import psycopg

from tests.fixtures.postgres import MakeDatabase, Templates, repeat_properties


def test_two_databases_of_a_kind_are_apart_and_owned_by_the_application(make_database: MakeDatabase) -> None:
    first, second = make_database("blottr"), make_database("blottr")

    with psycopg.connect(first) as connection:
        connection.execute("DROP TABLE users CASCADE")
    with psycopg.connect(second) as connection:
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        users = connection.execute("SELECT count(*) FROM users").fetchone()

    assert owner == ("blottr",)
    assert users is not None
    assert users[0] > 0


def test_a_copy_has_the_settings_and_grants_of_its_template(database_templates: Templates) -> None:
    settings = """
        SELECT setrole::regrole::text, unnest(setconfig) FROM pg_db_role_setting
        JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = %s ORDER BY 1, 2
    """
    properties = """
        SELECT ARRAY(SELECT unnest(datacl)::text ORDER BY 1), datconnlimit,
               shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s
    """
    with psycopg.connect(database_templates.server.dsn("postgres"), autocommit=True) as connection:
        for statement in (
            "CREATE ROLE careful",
            "CREATE DATABASE origin CONNECTION LIMIT 7",
            "COMMENT ON DATABASE origin IS 'it''s the first'",
            "REVOKE CONNECT ON DATABASE origin FROM PUBLIC",
            "GRANT CREATE ON DATABASE origin TO careful WITH GRANT OPTION",
            'ALTER DATABASE origin SET search_path TO "$user", public, "Odd one"',
            "ALTER DATABASE origin SET work_mem TO '7MB'",
            "ALTER ROLE careful IN DATABASE origin SET application_name TO 'it''s = careful'",
            "CREATE DATABASE copy TEMPLATE origin",
        ):
            connection.execute(statement)

        repeat_properties(connection, "origin", "copy")

        originals = [connection.execute(query, ["origin"]).fetchall() for query in (settings, properties)]
        copies = [connection.execute(query, ["copy"]).fetchall() for query in (settings, properties)]
        for statement in ("DROP DATABASE copy", "DROP DATABASE origin", "DROP ROLE careful"):
            connection.execute(statement)

    assert copies == originals
    assert len(copies[0]) == 3
