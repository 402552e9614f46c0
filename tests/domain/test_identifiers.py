"""Names as PostgreSQL writes them: found in the text of a function, and made up so that no two become one."""

import pytest

from continuity.domain.identifiers import mentions, quoted
from continuity.domain.plan import PlanHash
from continuity.domain.setting_aside import is_set_aside, quarantine_name

MARK = PlanHash("0123456789abcdef")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("select bio from users", "bio"),
        ("SELECT BIO FROM Users", "users"),
        ('select "Full Name" from users', "Full Name"),
        ("execute format('select %I from users', 'Full Name')", "Full Name"),
        ("-- bio is read elsewhere", "bio"),
        ("execute 'select u.bio from ' || t", "bio"),
        ('select "with ""quotes"""', 'with "quotes"'),
    ],
)
def test_a_text_that_may_speak_of_a_name_is_told(text, name):
    assert mentions(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("select biology from users", "bio"), ("select bio_text, my_bio", "bio"), ('select "Bio"', "bio"), ("", "bio")],
)
def test_a_word_that_only_looks_alike_is_no_mention(text, name):
    assert not mentions(text, name)


def test_two_long_names_that_differ_at_their_ends_only_get_names_of_their_own():
    names = ["é" * 30 + end for end in ("1", "2")] + ["x" * 62 + end for end in ("1", "2")] + ["short"]

    made = [quarantine_name(name, MARK) for name in names]

    assert len(set(made)) == len(names)
    assert all(len(name.encode()) <= 63 and is_set_aside(name) for name in made)
    assert made[-1] == "short_quarantine_01234567"


def test_what_is_not_plain_is_quoted_for_people():
    assert quoted("public", "My Table", 'a"b') == 'public."My Table"."a""b"'
