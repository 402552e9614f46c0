import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from continuity.adapters.documents import canonical, read_document, write_document
from continuity.errors import ConfigurationRefused, DamagedObject


@dataclass(frozen=True, kw_only=True)
class Note:
    text: str
    number: int
    at: datetime


NOTE = Note(text="é\x7f\n", number=2**62, at=datetime(2026, 11, 23, tzinfo=UTC))


def _read(data: bytes) -> Note:
    return read_document(data, Note, form="note", version=1, key="k")


def test_a_document_is_read_as_it_was_written():
    assert _read(write_document(NOTE, form="note", version=1)) == NOTE


def test_integers_that_json_readers_round_are_written_as_text():
    assert json.loads(write_document(NOTE, form="note", version=1))["body"]["number"] == str(2**62)


def test_a_newer_document_is_refused_by_its_version():
    with pytest.raises(ConfigurationRefused, match="version 2, this release reads up to 1"):
        _read(write_document(NOTE, form="note", version=2))


def test_another_kind_of_document_is_refused():
    with pytest.raises(DamagedObject, match="expected 'note'"):
        _read(write_document(NOTE, form="letter", version=1))


@given(st.data())
def test_no_changed_byte_goes_unseen(data):
    document = bytearray(write_document(NOTE, form="note", version=1))
    at = data.draw(st.integers(0, len(document) - 1))
    document[at] ^= 1 << data.draw(st.integers(0, 7))

    try:
        read = _read(bytes(document))
    except (DamagedObject, ConfigurationRefused):
        return
    # Some changes only touch blanks between tokens, or spell the same value otherwise.
    assert read == NOTE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
@example({"both spell it otherwise": 1e16, "\x7f": "\x7f", "\U0001f600": 1, "\uffff": 2, "too long for one of them": 2**70})
def test_whatever_a_document_holds_comes_back_as_the_standard_library_reads_it(body):
    data = json.dumps(
        {"format": "any", "version": 1, "sha256": hashlib.sha256(canonical(body)).hexdigest(), "body": body}
    ).encode()

    assert read_document(data, dict[str, Any], form="any", version=1, key="k") == json.loads(data)["body"]
