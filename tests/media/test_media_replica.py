"""A backup keeps the bytes of every mapped version in a replica: verified, resumed after a kill, in flat memory."""

import hashlib
import os
import signal
import time
import tracemalloc
from dataclasses import replace

import pytest

from continuity.adapters import media_copies
from continuity.adapters.media_worklist import Listed, Worklist
from continuity.domain.application import ApplicationName
from continuity.domain.media_replica import MediaObject, replica_key
from continuity.domain.rehearsal import SAMPLED_FILES, replica_step
from continuity.errors import CheckFailed, ConfigurationRefused, MediaError, UnsafeOperation
from continuity.steps.media_replication import map_folder
from continuity.steps.media_return import BRING_BACK
from continuity.steps.preconditions.backup import _replica_check
from continuity.steps.rehearsed import CHECK_THE_REPLICA
from continuity.steps.step import Probe
from tests.fixtures.killing import _SERVER
from tests.fixtures.media_places import make_place
from tests.fixtures.object_stores import make_bucket

DIGEST = "80643f164ee1ad11fe24fe868222eecd6b4d04736b62df4c6e55fc3f0d5ddc94"


@pytest.fixture
def place(tmp_path, moto_endpoint):
    return make_place(tmp_path, moto_endpoint, moto_endpoint)


@pytest.fixture(params=["one endpoint", "two endpoints"])
def either_place(request, tmp_path, moto_endpoint):
    """On one endpoint the store copies by itself, else bytes pass through this machine."""
    other = moto_endpoint if request.param == "one endpoint" else request.getfixturevalue("moto_process")
    return make_place(tmp_path, moto_endpoint, other)


def test_what_is_new_is_copied_nothing_is_deleted_and_every_point_comes_back(either_place):
    place = either_place
    place.put("tattoos/é a.jpg", b"first", ContentType="image/jpeg", Metadata={"artist": "ada"})
    place.put("tattoos/b.jpg", b"second")
    place.put("empty", b"")
    first = place.back_up(1)
    place.put("tattoos/b.jpg", b"overwritten")
    place.put("new", b"third")
    place.client.delete_object(Bucket=place.bucket, Key="tattoos/é a.jpg")
    before = place.copies()

    second = place.back_up(2)

    assert (first.media.replica.copied, first.media.replica.missing, first.media.replica.copied_bytes) == (3, 0, 11)
    assert (second.media.replica.copied, second.media.replica.missing) == (2, 0)
    assert before.items() < place.copies().items()
    assert place.look(first).missing == place.look(second).missing == 0
    for manifest, wanted in (
        (first, {"tattoos/é a.jpg": b"first", "tattoos/b.jpg": b"second", "empty": b""}),
        (second, {"tattoos/b.jpg": b"overwritten", "new": b"third", "empty": b""}),
    ):
        bucket = make_bucket(place.endpoint)
        facts = place.returning(manifest, bucket)
        assert BRING_BACK.probe(place.world(), facts) is Probe.NOT_DONE
        assert BRING_BACK.do(place.world(), facts)["copied"] == 3
        assert BRING_BACK.probe(place.world(), facts) is Probe.DONE
        assert place.contents(bucket) == wanted
        if manifest is first:
            headers = place.client.head_object(Bucket=bucket, Key="tattoos/é a.jpg")
            assert headers["ContentType"] == "image/jpeg"
            assert headers["Metadata"]["artist"] == "ada"


def test_a_copy_that_was_damaged_in_the_replica_is_found_copied_again_and_never_brought_back(either_place):
    place = either_place
    for name in ("a", "b", "c"):
        place.put(name, f"picture {name}".encode())
    manifest = place.back_up(1)
    victim, lost = sorted(place.copies())[:2]
    place.replica_client.put_object(Bucket=place.replica, Key=victim, Body=b"vandalism")
    facts = place.returning(manifest, make_bucket(place.endpoint)) | {"missing": 0}
    place.replica_client.delete_object(Bucket=place.replica, Key=lost)

    look = place.look(manifest)
    with pytest.raises(MediaError, match="2 files were not brought back, 0 were said to be missing: the replica does not hold"):
        BRING_BACK.do(place.world(), facts)
    accepted = BRING_BACK.do(place.world(), facts | {"missing": 2})
    again = place.back_up(2)

    assert (look.missing, look.damaged, len(look.examples)) == (2, 1, 2)
    assert (accepted["lost"], accepted["copied"]) == (2, 0)
    assert BRING_BACK.probe(place.world(), facts | {"missing": 2}) is Probe.NOT_DONE
    assert (again.media.replica.copied, again.media.replica.missing) == (2, 0)
    assert "vandalism" not in {body.decode() for body in place.contents(facts["bucket"]).values()}


def test_what_changes_after_the_map_is_copied_as_it_was_or_missing_with_the_reason(place, tmp_path, moto_endpoint):
    for versioned, missing in ((True, 0), (False, 1)):
        folder = tmp_path / str(versioned)
        folder.mkdir()
        here = make_place(folder, moto_endpoint, moto_endpoint, versioned=versioned)
        here.put("stays", b"same")
        here.put("changes", b"mapped")
        mapped, path = here.map_now(folder)
        here.put("changes", b"later!")

        copy = here.replicate(mapped, path)

        assert (copy.copied, copy.missing) == (2 - missing, missing)
        assert bool(copy.because) is bool(missing)
        if versioned:
            stored = {here.replica_client.get_object(Bucket=here.replica, Key=key)["Body"].read() for key in here.copies()}
            assert stored == {b"same", b"mapped"}


def _replicate(place, mapped, path, variables):
    # The process is forked from a server that may be older than this test's credentials.
    os.environ.update(variables)
    place.replicate(mapped, path)


def test_a_backup_that_was_killed_while_copying_is_gone_on_with_by_the_next(place, tmp_path):
    for number in range(40):
        place.put(f"{number:03}", b"x" * number)
    mapped, path = place.map_now(tmp_path)
    process = _SERVER.Process(
        target=_replicate, args=(place.with_settings(parallel=1), mapped, path, dict(os.environ)), daemon=True
    )
    process.start()
    until = time.monotonic() + 30
    while len(place.copies()) < 5:
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    there = len(place.copies())

    copy = place.replicate(mapped, path)

    assert 5 <= there < 40
    assert there + copy.copied == 40
    assert copy.missing == 0


def _die_at_work(environment):
    with map_folder(environment) as folder:
        (folder / "media.jsonl").write_text("names of files, in clear")
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_map_that_a_killed_process_left_in_clear_is_removed_by_the_next(place, tmp_path):
    killed = _SERVER.Process(target=_die_at_work, args=(place.environment,))
    killed.start()
    killed.join()
    [left] = tmp_path.glob("continuity-media-*")

    with map_folder(place.environment) as folder:
        assert folder.exists()
        assert not left.exists()

    assert not list(tmp_path.glob("continuity-media-*"))


def test_an_object_whose_etag_does_not_tell_its_content_is_copied_once(either_place, monkeypatch):
    place = either_place
    monkeypatch.setattr(media_copies, "LARGEST_COPY_BYTES", 9 << 20)
    part_bytes = 5 << 20
    for key, sizes in (("large", [part_bytes, 1]), ("larger", [part_bytes, part_bytes, 1])):
        upload = place.client.create_multipart_upload(Bucket=place.bucket, Key=key, ContentType="video/mp4")["UploadId"]
        sent = []
        for number in range(1, len(sizes) + 1):
            answer = place.client.upload_part(
                Bucket=place.bucket, Key=key, UploadId=upload, PartNumber=number, Body=bytes([number]) * sizes[number - 1]
            )
            sent.append({"PartNumber": number, "ETag": answer["ETag"]})
        place.client.complete_multipart_upload(Bucket=place.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": sent})

    first, second = place.back_up(1), place.back_up(2)
    bucket = make_bucket(place.endpoint)
    facts = place.returning(second, bucket)
    brought = BRING_BACK.do(place.world(), facts)

    assert (first.media.replica.copied, first.media.replica.missing) == (2, 0), first.media.replica
    assert (second.media.replica.copied, second.media.replica.missing) == (0, 0)
    assert brought["copied"] == 2
    assert BRING_BACK.probe(place.world(), facts) is Probe.DONE
    assert place.client.head_object(Bucket=bucket, Key="larger")["ContentType"] == "video/mp4"
    digests = [hashlib.sha256(body).hexdigest() for body in place.contents(bucket).values()]
    assert digests == [hashlib.sha256(body).hexdigest() for body in place.contents(place.bucket).values()]


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"replica_bucket": "gone-bucket"}, "bucket gone-bucket cannot be listed: NoSuchBucket"),
        ({"replica_minutes": 1e-9}, "the time for copying was over"),
    ],
)
def test_a_point_is_made_without_its_media_and_says_what_is_missing(place, changes, because):
    place.put("a", b"four")

    copy = place.with_settings(**changes).back_up(1).media.replica

    assert (copy.complete, copy.missing, copy.missing_bytes, copy.because) == (False, 1, 4, because)


def test_a_replica_that_is_the_bucket_itself_is_refused_and_none_at_all_is_warned_of(place):
    def check(**changes):
        here = place.with_settings(**changes)
        return _replica_check(here.application, here.environment)

    assert check().passed
    assert not check().hint
    assert not check(replica_bucket=place.bucket).passed
    assert check(replica_bucket="gone-bucket").hint
    none = check(replica_bucket=None)
    assert none.passed
    assert none.detail.startswith("media is not protected")


def test_a_bucket_that_is_not_empty_is_refused_unless_told_and_one_that_differs_always(place):
    place.put("a", b"mine")
    place.put("b", b"mine too")
    manifest = place.back_up(1)
    bucket = make_bucket(place.endpoint)
    place.client.put_object(Bucket=bucket, Key="stranger", Body=b"x")
    place.client.put_object(Bucket=bucket, Key="a", Body=b"mine")
    facts = place.returning(manifest, bucket)
    with pytest.raises(UnsafeOperation, match="is not empty: 1 objects are not the point's, 0 differ"):
        BRING_BACK.do(place.world(), facts)
    assert set(place.contents(bucket)) == {"a", "stranger"}

    assert BRING_BACK.do(place.world(), place.returning(manifest, bucket, beside=True))["copied"] == 1
    place.client.put_object(Bucket=bucket, Key="a", Body=b"else")

    with pytest.raises(UnsafeOperation, match="0 objects are not the point's, 1 differ"):
        BRING_BACK.do(place.world(), place.returning(manifest, bucket, beside=True))
    assert place.contents(bucket) == {"stranger": b"x", "a": b"else", "b": b"mine too"}
    BRING_BACK.undo(place.world(), facts)
    assert len(place.contents(bucket)) == 3


def test_a_plan_for_another_replica_is_refused(place):
    place.put("a", b"mine")
    facts = place.returning(place.back_up(1), make_bucket(place.endpoint))

    with pytest.raises(ConfigurationRefused, match="and the replica is other-bucket"):
        BRING_BACK.do(place.with_settings(replica_bucket="other-bucket").world(), facts)


def test_ten_thousand_files_are_compared_in_flat_memory(tmp_path):
    count = 10_000
    line = '{"key":"%05d","version":"v","etag":"%032d","bytes":7,"modified":""}'
    tracemalloc.start()

    with Worklist(tmp_path, lambda media: replica_key(ApplicationName("gallery"), media), lambda media: media.key) as worklist:
        worklist.fill((line % (number, number)).encode() for number in range(count))
        for start in range(0, count - 500, 1000):
            page = [Listed(name=f"{number:05}", etag=f"{number:032}", size_bytes=7) for number in range(start, start + 1000)]
            assert worklist.find(page) == ([], [])
        worklist.mark([f"{number:05}" for number in range(count - 500, count)])
        worklist.mark(wanted.name for wanted in worklist.to_do())
        assert worklist.left().objects == 0

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_the_place_of_a_version_is_its_own_and_stays():
    media = MediaObject(key="tattoos/é.jpg", version="v1", etag="e", size_bytes=1)
    others = [replace(media, key="x"), replace(media, version="v2"), replace(media, etag="f"), replace(media, size_bytes=2)]

    places = {replica_key(ApplicationName("blottr"), each) for each in (media, *others)}

    assert len(places) == 5
    assert replica_key(ApplicationName("blottr"), media) == f"blottr/objects/80/{DIGEST}"


def test_a_rehearsal_reads_a_sample_of_the_replica_and_tells_of_bytes_that_are_not_what_was_copied(place):
    for number in range(30):
        place.put(f"tattoos/{number}.jpg", b"ink" * number)
    manifest = place.back_up(1)
    [step] = replica_step(manifest, replica=place.replica)

    seen = CHECK_THE_REPLICA.do(place.world(), step.arguments)

    assert (seen["files"], seen["missing"], seen["read to the last byte"]) == (30, 0, SAMPLED_FILES)
    key = next(iter(place.copies()))
    place.replica_client.put_object(Bucket=place.replica, Key=key, Body=b"not what it was")
    with pytest.raises(CheckFailed, match="the replica lacks 1 of 30 files, 1 of them are there with other bytes"):
        CHECK_THE_REPLICA.do(place.world(), step.arguments)
    place.replica_client.delete_object(Bucket=place.replica, Key=key)
    with pytest.raises(CheckFailed, match="lacks 1 of 30 files, 0 of them"):
        CHECK_THE_REPLICA.do(place.world(), step.arguments)
