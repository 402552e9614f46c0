"""Uploads in the same instant, answers that are lost, kills: nothing is overwritten, and the way there and back is found."""

import random
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from continuity.adapters.media_versions import VersionedBucket
from continuity.domain.media_rollback import Change
from continuity.errors import MediaError, UnsafeOperation
from tests.fixtures.media import album_in, bucket_on

EVERYTHING = tuple(Change)
ACTS = ("copy_forward", "add_marker", "remove_marker")


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


@pytest.fixture
def bucket(moto_endpoint):
    return bucket_on(moto_endpoint)


@pytest.fixture
def album(bucket, tmp_path):
    return album_in(bucket, tmp_path)


@pytest.fixture
def meddle(monkeypatch):
    """Let something happen before or after each act on the bucket."""

    def around(*, before=lambda _key: None, after=lambda _key: None):
        for name in ACTS:
            original = getattr(VersionedBucket, name)

            def wrapped(self, key, *rest, original=original):
                before(key)
                made = original(self, key, *rest)
                after(key)
                return made

            monkeypatch.setattr(VersionedBucket, name, wrapped)

    yield around
    monkeypatch.undo()


def _once(what):
    """Return a function that does it at the first call alone."""
    calls = []

    def do(key):
        calls.append(key)
        if len(calls) == 1:
            what(key)

    return do


def _history(bucket, kind: str) -> None:
    if kind == "addition":
        bucket.put("a", "bad", 1)
        return
    bucket.put("a", "old", -1)
    bucket.delete("a", 1) if kind == "delete" else bucket.put("a", "bad", 1)


KINDS = ("delete", "overwrite", "addition")


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_between_our_look_and_our_act_stays_current(album, bucket, meddle, kind):
    _history(bucket, kind)
    meddle(before=_once(lambda key: bucket.put(key, "by a customer")))

    done = album.roll_back(changes=EVERYTHING)

    assert bucket.contents() == {"a": b"by a customer"}
    assert album.account(done)["conflicts"] == 1


@pytest.mark.parametrize("way", ["resume", "undo"])
@pytest.mark.parametrize("kind", ["overwrite", "addition"])
def test_killed_before_it_could_give_way_the_next_attempt_does(album, bucket, meddle, kind, way):
    _history(bucket, kind)

    def die(_key):
        raise Killed

    meddle(before=_once(lambda key: bucket.put(key, "by a customer")), after=_once(die))
    step = album.plan(changes=EVERYTHING).steps[0]
    with pytest.raises(Killed):
        album.carry_out(step)
    assert bucket.contents() != {"a": b"by a customer"}

    if way == "resume":
        assert album.account(album.carry_out(step))["conflicts"] == 1
    else:
        album.undo(album_facts(album, step))

    assert bucket.contents() == {"a": b"by a customer"}


def test_who_has_uploaded_and_deleted_long_before_a_killed_run_is_resumed_has_the_last_word(album, bucket, meddle):
    _history(bucket, "addition")

    def die(_key):
        raise Killed

    meddle(before=_once(die))
    step = album.plan(changes=EVERYTHING).steps[0]
    with pytest.raises(Killed):
        album.carry_out(step)
    bucket.put("a", "by a customer", 2)
    bucket.delete("a", 3)

    album.carry_out(step)

    assert bucket.contents() == {}


def test_a_deletion_between_our_look_and_our_act_stays(album, bucket, meddle):
    _history(bucket, "overwrite")
    meddle(before=_once(bucket.delete))

    done = album.roll_back()

    assert bucket.contents() == {}
    assert album.account(done)["conflicts"] == 1


def test_somebody_who_writes_all_the_time_keeps_the_last_word(album, bucket, meddle):
    _history(bucket, "overwrite")
    meddle(before=lambda key: bucket.put(key, "upload"))

    with pytest.raises(MediaError, match="faster than it can be given back"):
        album.roll_back()

    assert bucket.read("a") == b"upload"


@pytest.mark.parametrize("kind", KINDS)
def test_an_act_whose_answer_was_lost_is_found_and_not_repeated(album, bucket, meddle, kind):
    _history(bucket, kind)
    before = bucket.contents()

    def lose(_key):
        raise MediaError("no answer", transient=True)

    meddle(after=_once(lose))
    step = album.plan(changes=EVERYTHING).steps[0]
    with pytest.raises(MediaError, match="no answer"):
        album.carry_out(step)
    versions, markers = bucket.versions(), bucket.markers()

    done = album.carry_out(step)

    assert bucket.contents() == ({} if kind == "addition" else {"a": b"old"})
    assert (bucket.versions(), bucket.markers()) == (versions, markers)
    assert album.account(done)["conflicts"] == 0
    album.take_back(done)
    assert bucket.contents() == before


@pytest.mark.parametrize("kind", ["overwrite", "addition"])
def test_a_call_that_the_store_has_carried_out_twice_is_taken_for_one(album, bucket, meddle, kind):
    _history(bucket, kind)
    before = bucket.contents()

    def twice(key):
        if kind == "addition":
            bucket.delete(key)
        else:
            old = next(version for name, version in bucket.versions() if bucket_reads(name, version) == b"old")
            bucket.client.copy_object(
                Bucket=bucket.name, Key=key, CopySource={"Bucket": bucket.name, "Key": key, "VersionId": old}
            )

    def bucket_reads(key, version):
        return bucket.client.get_object(Bucket=bucket.name, Key=key, VersionId=version)["Body"].read()

    meddle(before=_once(twice))

    done = album.roll_back(changes=EVERYTHING)

    assert album.account(done)["conflicts"] == 0
    album.take_back(done)
    assert bucket.contents() == before


def test_somebody_who_uploads_while_a_rollback_runs_loses_nothing(album, bucket):
    keys = [f"{number:03}" for number in range(24)]
    for key in keys:
        bucket.put(key, "old", -1)
        bucket.put(key, "bad", 1)
    step = album.plan().steps[0]
    last: dict[str, bytes] = {}
    over = threading.Event()

    def upload():
        turns = random.Random(1)
        while not over.is_set():
            key = turns.choice(keys[::3])
            said = f"upload {len(last)} {time.monotonic()}".encode()
            bucket.put(key, said)
            last[key] = said
            time.sleep(0.005)

    uploader = threading.Thread(target=upload)
    uploader.start()
    try:
        done = album.carry_out(step)
    finally:
        over.set()
        uploader.join()

    expected = dict.fromkeys(keys, b"old") | last
    assert last
    assert bucket.contents() == expected
    album.take_back(done)
    assert bucket.contents() == dict.fromkeys(keys, b"bad") | last


KEYS = st.sampled_from(["a", "a/ü", "a.b", "ab", "z"])
WHEN = st.integers(1, 6).map(lambda number: number - 3.5)
EVENT = st.tuples(WHEN, KEYS, st.sampled_from(["put", "put", "delete"]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(EVENT, min_size=1, max_size=12),
    changes=st.sets(st.sampled_from(Change), min_size=1),
    killed_at=st.integers(0, 12),
    after=st.booleans(),
    way=st.sampled_from(["resume", "undo"]),
    uploads=st.sets(KEYS, max_size=2),
)
@example(
    events=[(-0.5, "a", "put"), (0.5, "a", "put"), (0.5, "ab", "put"), (1.5, "z", "put")],
    changes=set(Change),
    killed_at=2,
    after=True,
    way="undo",
    uploads=set(),
)
def test_whatever_has_happened_a_rollback_and_its_undo_lose_nothing(
    moto_endpoint, tmp_path_factory, events, changes, killed_at, after, way, uploads
):
    bucket = bucket_on(moto_endpoint)
    for number, (hours, key, what) in enumerate(sorted(events, key=lambda event: event[0])):
        moment = hours + number / 1000
        bucket.put(key, f"{key} {number}", moment) if what == "put" else bucket.delete(key, moment)
    then = _contents_at(events)
    before, versions = bucket.contents(), bucket.versions()
    album = album_in(bucket, tmp_path_factory.mktemp("album"))
    try:
        step = album.plan(changes=changes).steps[0]
    except UnsafeOperation:
        assert not _changed(before, then, changes)
        return
    step = replace(step, arguments={**step.arguments, "part_actions": 2})
    for key in uploads:
        bucket.put(key, "by a customer")
    uploaded = dict.fromkeys(uploads, b"by a customer")

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        _kill_at(patch, killed_at, after=after)
        album.carry_out(step)
    if way == "undo":
        with suppress(UnsafeOperation):
            album.undo(album_facts(album, step))
        assert bucket.contents() == before | uploaded
    else:
        done = album.carry_out(step)
        expected = {key: value for key, value in before.items() if key not in _changed(before, then, changes)}
        expected |= {key: then[key] for key in _changed(before, then, changes) if key in then}
        assert bucket.contents() == expected | uploaded
        album.take_back(done)
        assert bucket.contents() == before | uploaded
    assert versions <= bucket.versions()


def album_facts(album, step):
    from continuity.steps.media import ROLL_BACK_MEDIA

    return ROLL_BACK_MEDIA.facts(album.world, step.arguments)


def _contents_at(events) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for number, (hours, key, what) in enumerate(sorted(events, key=lambda event: event[0])):
        if hours + number / 1000 <= 0:
            if what == "put":
                contents[key] = f"{key} {number}".encode()
            else:
                contents.pop(key, None)
    return contents


def _changed(now, then, changes) -> set[str]:
    """Name the keys that go back, told from what readers found then and find now."""
    kinds = {
        Change.DELETES: then.keys() - now.keys(),
        Change.OVERWRITES: {key for key in then.keys() & now.keys() if then[key] != now[key]},
        Change.ADDITIONS: now.keys() - then.keys(),
    }
    return set().union(*(kinds[change] for change in changes))


def _kill_at(patch, number: int, *, after: bool) -> None:
    """Let the process die at the so-manieth act on the bucket, before or after its effect."""
    calls = []
    for name in ACTS:
        original = getattr(VersionedBucket, name)

        def wrapped(self, key, *rest, original=original):
            calls.append(key)
            mine = len(calls)
            if mine > number or (mine == number and not after):
                raise Killed
            made = original(self, key, *rest)
            if mine == number:
                raise Killed
            return made

        patch.setattr(VersionedBucket, name, wrapped)
