"""What a flag says, and that switching it changes its own bytes and no others, in documents as people write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.domain.flags import Says, read_definitions, refuse_unknown, same, says, switched, with_definition
from continuity.errors import ConfigurationRefused, UnsafeOperation

ON = '{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}'
WRITTEN_BY_HAND = """
{ "$schema": "https://flagd.dev/schema/v0/flags.json",
  "$evaluators": {"staff": {"ends_with": [{"var": "email"}, "@blottr.fr"]}},
  "flags" : {
\t"a.b \\"c\\" é": {"state":"ENABLED","variants":{"off":false,"on":true},"defaultVariant":"on"},
    "bookingSystem" :  {
      "metadata": {"flags": "}{", "since": 1.50},
      "variants": { "yes": true , "no": false },
      "defaultVariant":   "yes",
      "targeting": {"if": [{"$ref": "staff"}, "yes", "no"]}, "state":"ENABLED"
    }, "colour": {"state": "ENABLED", "variants": {"red": "#f00"}, "defaultVariant": "red"}
  }
}
"""
names = st.text(min_size=1, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
spacing = st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@st.composite
def documents(draw):
    variants = {"on": True, "off": False}
    flags = {
        name: {
            **draw(st.dictionaries(names, values, max_size=2)),
            "variants": variants,
            "defaultVariant": draw(st.sampled_from(["on", "off"])),
        }
        for name in draw(st.lists(names, min_size=1, max_size=4, unique=True))
    }
    rest = draw(st.dictionaries(names.filter(lambda name: name != "flags"), values, max_size=2))
    return json.dumps({**rest, "flags": flags, "version": draw(values)}, **draw(spacing)), draw(st.sampled_from(sorted(flags)))


@given(documents(), st.booleans())
def test_exactly_one_flag_changes_and_its_former_definition_brings_back_every_byte(given_document, on):
    document, flag = given_document
    former = read_definitions(document)

    changed = with_definition(document, flag, switched(flag, former[flag], on=on))

    assert says(read_definitions(changed)[flag]) is Says.of(on=on)
    assert {**read_definitions(changed), flag: ""} == {**former, flag: ""}
    assert with_definition(changed, flag, former[flag]) == document
    untouched = {**json.loads(document), "flags": None}
    assert {**json.loads(changed), "flags": None} == untouched


def test_off_sets_rules_aside_and_leaves_every_other_byte_of_a_document_that_was_written_by_hand():
    former = read_definitions(WRITTEN_BY_HAND)["bookingSystem"]
    assert says(former) is Says.BY_RULES

    off = with_definition(WRITTEN_BY_HAND, "bookingSystem", switched("bookingSystem", former, on=False))

    rules = '{"if": [{"$ref": "staff"}, "yes", "no"]}'
    assert off == WRITTEN_BY_HAND.replace('"defaultVariant":   "yes"', '"defaultVariant":   "no"').replace(rules, "{}")


def test_a_flag_whose_state_is_disabled_is_not_off_since_clients_then_use_their_own_default():
    disabled = ON.replace("ENABLED", "DISABLED")
    assert says(disabled) is Says.BY_CODE

    off = switched("a", disabled, on=False)

    assert off == ON.replace('"on"}', '"off"}')
    assert says(off) is Says.OFF
    assert says(switched("a", '{"variants": {"on": true, "off": false}}', on=True)) is Says.ON


def test_the_variant_that_is_there_stays_where_it_has_the_value_already():
    both = '{"state": "DISABLED", "variants": {"first": false, "second": false, "on": true}, "defaultVariant": "second"}'
    assert json.loads(switched("a", both, on=False))["defaultVariant"] == "second"


@pytest.mark.parametrize(
    ("flag", "because"),
    [
        ('{"variants": {"red": "#f00"}, "defaultVariant": "red"}', "red: "),
        ('{"variants": {"on": true}, "defaultVariant": "on"}', "on: true"),
        ('{"variants": {"on": 1, "off": 0}, "defaultVariant": "on"}', "on: 1, off: 0"),
        ('{"state": "ENABLED"}', "none"),
    ],
)
def test_what_is_no_switch_is_refused_with_its_variants(flag, because):
    with pytest.raises(UnsafeOperation, match=f"cannot be switched off: its variants are {because}"):
        switched("a", flag, on=False)


def test_on_past_targeting_rules_is_refused():
    with pytest.raises(UnsafeOperation, match="on for everybody would go past them"):
        switched("bookingSystem", read_definitions(WRITTEN_BY_HAND)["bookingSystem"], on=True)


def test_a_flag_of_a_table_is_its_boolean():
    assert [says(value) for value in ("true", "false", "null")] == [Says.ON, Says.OFF, Says.BY_CODE]
    assert switched("a", "null", on=False) == "false"


def test_an_unknown_flag_is_refused_with_the_known_ones_and_the_nearest():
    with pytest.raises(ConfigurationRefused, match="did you mean 'bookingSystem'") as refused:
        refuse_unknown("bookingsystem", ["roleBasedAuth", "bookingSystem"])
    assert refused.value.hint == "Known: roleBasedAuth, bookingSystem."


@pytest.mark.parametrize("document", ["", "[]", '{"flags": []}', '{"flags": {"a": 1}}', '{"flag": {}}', "\ufeff{}"])
def test_a_document_that_is_not_flagds_is_refused(document):
    with pytest.raises(ConfigurationRefused, match="not in flagd's format"):
        read_definitions(document)


def test_definitions_are_compared_by_meaning_and_never_take_one_for_true():
    assert same('{"a":1,"b":[ ]}', '{"b": [], "a": 1}')
    assert not same('{"a": 1}', '{"a": true}')
