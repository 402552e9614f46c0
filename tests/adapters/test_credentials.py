"""A connection string is taken apart so that its password stands in a passfile, in the form in which libpq looks it up."""

import pytest

from continuity.adapters.credentials import Access


def access(**changes: str) -> Access:
    return Access(
        **{"host": "db.internal", "port": "5432", "user": "u", "others": {}, "passfile": "", "password": "p", **changes}
    )


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ["db.internal:5432:*:u:p"]),
        ({"password": "a:b\\c", "user": "x:y"}, ["db.internal:5432:*:x\\:y:a\\:b\\\\c"]),
        ({"host": "a,b"}, ["a:5432:*:u:p", "b:5432:*:u:p"]),
        ({"host": "a,b", "port": "1,2"}, ["a:1:*:u:p", "b:2:*:u:p"]),
        ({"host": "/run/postgresql"}, ["/run/postgresql:5432:*:u:p", "localhost:5432:*:u:p"]),
    ],
)
def test_every_place_has_its_line(changes, lines):
    assert access(**changes).passfile_lines().splitlines() == lines


def test_the_password_is_in_no_string_but_the_passfiles(tmp_path):
    found = access(password="canary", others={"sslmode": "verify-full"})

    assert "canary" not in repr(found) + found.dsn(passfile=tmp_path / "pgpass")
    assert "sslmode=verify-full" in found.dsn(passfile=None)
