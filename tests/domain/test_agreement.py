import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.domain.agreement import MISSING, ORPHANS, SAMPLE_KEYS, Referenced, compare, findings_of
from continuity.domain.verdict import Outcome, Severity
from continuity.errors import DrillFailed

KEYS = st.sets(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=3))


def _in_bytes(keys):
    return sorted(keys, key=str.encode)


def _referenced(keys):
    return [Referenced(key=key, columns="public.tattoos.media_key") for key in _in_bytes(keys)]


@given(rows=KEYS, files=KEYS)
def test_it_finds_what_is_missing_and_what_nobody_refers_to(rows, files):
    found = compare(_referenced(rows), _in_bytes(files))

    assert (found.referenced, found.missing, found.orphans) == (len(rows), len(rows - files), len(files - rows))
    assert [each.rsplit(" (")[0] for each in found.missing_keys] == _in_bytes(rows - files)[:SAMPLE_KEYS]
    assert list(found.orphan_keys) == _in_bytes(files - rows)[:SAMPLE_KEYS]


def test_a_missing_file_is_critical_and_an_orphan_is_told_and_no_more():
    missing, orphans = findings_of(compare(_referenced("ab"), "bc"), where="bucket pictures")

    assert (missing.name, missing.severity, missing.outcome) == (MISSING, Severity.CRITICAL, Outcome.FAILED)
    assert missing.detail == "1 of 2 keys are not in bucket pictures, the first: a (public.tattoos.media_key)"
    assert (orphans.name, orphans.severity, orphans.outcome) == (ORPHANS, Severity.INFO, Outcome.PASSED)
    assert orphans.detail == "1 keys of bucket pictures, the first: c"


def test_a_stream_in_another_order_says_nothing():
    with pytest.raises(DrillFailed, match="not in the order of their bytes"):
        compare(_referenced("a"), ["b", "a"])
