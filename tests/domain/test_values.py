from datetime import datetime, timedelta, timezone

import pytest

from continuity.domain.catalog import CatalogEntry, Grant, Kind, compare_objects, compare_property, parse_grants
from continuity.domain.checks import Check, refuse_unless_passed
from continuity.domain.client_versions import Version, vulnerable
from continuity.domain.expressions import equivalent
from continuity.domain.fingerprint import ColumnType, Form, SequencePosition, choose_form
from continuity.domain.recovery_point import application_of, recovery_point_id
from continuity.errors import ConfigurationRefused, UnsafeOperation, VaultError


def make_entry(name="public.users", kind=Kind.TABLE, **properties):
    return CatalogEntry(kind=kind, name=name, properties=properties)


def test_a_point_is_named_by_application_and_moment_in_utc():
    local = datetime(2026, 11, 23, 3, tzinfo=timezone(timedelta(hours=1)))

    assert recovery_point_id("blottr-eu", local) == "blottr-eu-20261123T020000Z"
    assert application_of("blottr-eu-20261123T020000Z") == "blottr-eu"


@pytest.mark.parametrize("text", ["", "blottr", "../x-20261123T020000Z", "blottr-20261123", "Blottr-20261123T020000Z"])
def test_what_is_no_id_of_a_point_is_refused(text):
    with pytest.raises(ConfigurationRefused):
        application_of(text)


def test_differences_name_what_is_missing_extra_and_changed():
    was = [make_entry("a", kind=Kind.VIEW, definition="SELECT 1"), make_entry("b", kind=Kind.VIEW, definition="SELECT 2")]
    now = [make_entry("b", kind=Kind.VIEW, definition="SELECT 3"), make_entry("c", kind=Kind.VIEW, definition="")]

    told = [str(each) for each in compare_objects(Kind.VIEW, was, now)]

    assert told == ["a: missing", "c: not in the recovery point", "b: definition is SELECT 3, was SELECT 2"]


def test_owner_and_grants_are_compared_on_their_own():
    was, now = [make_entry(owner="ada", kind_="r")], [make_entry(owner="eve", kind_="r")]

    assert compare_objects(Kind.TABLE, was, now) == ()
    assert [str(each) for each in compare_property("owner", was, now)] == ["public.users: owner is eve, was ada"]


def test_grants_are_taken_apart_with_quoted_names():
    text = 'PUBLIC=CONNECT/app, "Ada, L."=CREATE*/app, "PUBLIC"=TEMPORARY/"o""x"'

    assert parse_grants(text) == (
        Grant(grantee="", privilege="CONNECT", grantable=False, grantor="app"),
        Grant(grantee="Ada, L.", privilege="CREATE", grantable=True, grantor="app"),
        Grant(grantee="PUBLIC", privilege="TEMPORARY", grantable=False, grantor='o"x'),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "CHECK (((role)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
            "CHECK (((role)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
        ),
        ("(((a >= 1) AND (a <= 2)) AND (b > 3))", "((a >= 1) AND (a <= 2) AND (b > 3))"),
        ("FROM (VALUES (1,'x'::text))", "FROM ( VALUES (1,'x'::text))"),
    ],
)
def test_definitions_that_only_print_otherwise_are_equivalent(one, other):
    assert equivalent(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CHECK ((a > 1))", "CHECK ((a > 2))"),
        ("'a b'::text", "'ab'::text"),
        ("'(x)'::text", "'x'::text"),
        ("(ARRAY['a'::varchar])::text[]", "(ARRAY['b'::varchar])::text[]"),
    ],
)
def test_definitions_that_differ_are_not_equivalent(one, other):
    assert not equivalent(one, other)


def make_column(base, **changes):
    facts = {"builtin": True, "unconstrained": True, "nondeterministic": False, "hashable": True, **changes}
    return ColumnType(base=base, **facts)


@pytest.mark.parametrize(
    ("column", "form"),
    [
        (make_column("int4"), Form.NATIVE),
        (make_column("text"), Form.NATIVE),
        (make_column("jsonb"), Form.NATIVE),
        (make_column("text", nondeterministic=True), Form.BINARY_COLLATION),
        (make_column("numeric"), Form.TEXT),
        (make_column("numeric", unconstrained=False), Form.NATIVE),
        (make_column("float8"), Form.FLOAT8_BYTES),
        (make_column("interval"), Form.INTERVAL_BYTES),
        (make_column("json", hashable=False), Form.TEXT),
        (make_column("xml", hashable=False), Form.OUTPUT),
        (make_column("citext", builtin=False), Form.TEXT),
        (make_column("mood", builtin=False), Form.TEXT),
        (make_column("_text"), Form.TEXT),
    ],
)
def test_each_type_enters_the_digest_in_the_cheapest_exact_form(column, form):
    assert choose_form(column) is form


@pytest.mark.parametrize(
    ("now", "called", "increment", "behind"),
    [
        (10, True, 1, False),
        (9, True, 1, True),
        (11, False, 1, False),
        (10, False, 1, True),
        (9, True, -1, False),
        (11, True, -1, True),
    ],
)
def test_a_sequence_is_behind_when_it_would_hand_out_again(now, called, increment, behind):
    was = SequencePosition(name="s", position=10, called=True, increment=increment)

    assert SequencePosition(name="s", position=now, called=called, increment=increment).behind(was) is behind


def test_all_failed_preconditions_are_named_with_their_remedies():
    checks = [
        Check(name="a", passed=False, detail="is wrong", hint="Mend a."),
        Check(name="b", passed=True, detail="is old", hint="Update b."),
        Check(name="c", passed=False, detail="is gone", hint="Bring c."),
    ]

    with pytest.raises(UnsafeOperation, match="2 of 3") as refused:
        refuse_unless_passed(checks, what="the backup of x")

    for text in ("a: is wrong", "Mend a.", "c: is gone", "Bring c.", "Nothing was changed"):
        assert text in refused.value.detail
    assert refuse_unless_passed(checks[1:2], what="x") == ("b: is old",)


def test_a_client_without_known_fixes_is_named():
    assert vulnerable(Version(major=15, minor=18)).startswith("client 15.18 lacks the fixes of 15.19")
    assert vulnerable(Version(major=15, minor=19)) == ""


def test_errors_survive_pickling():
    import pickle

    error = pickle.loads(pickle.dumps(VaultError("gone", detail="d", hint="h", transient=True)))

    assert (error.message, error.detail, error.hint, error.transient) == ("gone", "d", "h", True)


def test_only_what_postgresql_prints_from_a_tree_is_compared_by_meaning():
    def differences(kind, **properties):
        was = [make_entry("x", kind=kind, **{name: one for name, (one, _) in properties.items()})]
        now = [make_entry("x", kind=kind, **{name: other for name, (_, other) in properties.items()})]
        return [*compare_objects(kind, was, now), *compare_property("comment", was, now)]

    assert not differences(Kind.KEY, definition=("CHECK ((a > 1))", "CHECK (a > 1)"))
    assert differences(Kind.ROUTINE, definition=("AS $$select (1 + 2) * 3$$", "AS $$select 1 + 2 * 3$$"))
    assert not differences(Kind.ROUTINE, definition=("BEGIN ATOMIC SELECT (1); END", "BEGIN ATOMIC SELECT 1; END"))
    assert differences(Kind.TABLE, comment=("a b", "ab"))
    assert differences(Kind.DATABASE, settings=('[["", ["a=b c"]]]', '[["", ["a=bc"]]]'))
