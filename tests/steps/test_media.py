"""What a media rollback does to each kind of history, and that an undo brings back what readers found before."""

from dataclasses import replace
from pathlib import Path

import pytest

from continuity.domain.media_plan import MediaWish
from continuity.domain.media_rollback import Act, Change, Left
from continuity.errors import ConfigurationRefused, DamagedObject, UnsafeOperation
from tests.fixtures.media import album_in, bucket_on

EVERYTHING = tuple(Change)


@pytest.fixture
def bucket(moto_endpoint):
    return bucket_on(moto_endpoint)


@pytest.fixture
def album(bucket, tmp_path):
    return album_in(bucket, tmp_path)


def _acts(album, plan):
    return {action.key: action.act for action in album.listed(plan)}


def test_what_was_deleted_and_overwritten_comes_back_and_what_was_added_stays(album, bucket):
    bucket.put("kept", "kept", -1)
    bucket.put("deleted", "old", -1)
    bucket.put("overwritten", "old", -1)
    bucket.delete("deleted", 1)
    bucket.put("overwritten", "new", 1)
    bucket.put("added", "by a customer", 1)
    before, versions = bucket.contents(), bucket.versions()

    done = album.roll_back()

    assert bucket.contents() == {"kept": b"kept", "deleted": b"old", "overwritten": b"old", "added": b"by a customer"}
    assert versions < bucket.versions()
    assert album.account(done)["counts"] == {"remove the delete marker": 1, "copy forward": 1}
    assert not album.account(done)["noted"]

    album.take_back(done)

    assert bucket.contents() == before
    assert versions < bucket.versions()


def test_additions_go_behind_a_delete_marker_only_when_they_are_asked_for(album, bucket):
    bucket.put("added", "x", 1)

    with pytest.raises(UnsafeOperation, match="nothing to roll back") as refused:
        album.plan()

    assert "additions since that stay" in refused.value.detail
    done = album.roll_back(changes=[Change.ADDITIONS])
    assert bucket.contents() == {}
    album.take_back(done)
    assert bucket.contents() == {"added": b"x"}
    assert not bucket.markers()


def test_a_copy_keeps_type_metadata_and_tags(album, bucket):
    bucket.put(
        "a", "old", -1, ContentType="image/webp", Metadata={"artist": "zo"}, Tagging="style=dotwork", CacheControl="no-store"
    )
    bucket.put("a", "new", 1, ContentType="text/plain")

    album.roll_back()

    head = bucket.client.head_object(Bucket=bucket.name, Key="a")
    assert (head["ContentType"], head["Metadata"], head["CacheControl"]) == ("image/webp", {"artist": "zo"}, "no-store")
    tags = bucket.client.get_object_tagging(Bucket=bucket.name, Key="a")["TagSet"]
    assert tags == [{"Key": "style", "Value": "dotwork"}]


def test_a_file_that_everybody_may_read_stays_one(album, bucket):
    bucket.put("a", "old", -1, ACL="public-read")
    bucket.put("a", "new", 1)
    bucket.put("b", "old", -1)
    bucket.put("b", "new", 1, ACL="public-read")

    done = album.roll_back()

    assert [bucket.readers(key) for key in ("a", "b")] == [{"everybody"}, set()]
    album.take_back(done)
    assert [bucket.readers(key) for key in ("a", "b")] == [set(), {"everybody"}]


def test_a_rule_that_removes_former_versions_is_told_with_what_it_means(album, bucket):
    bucket.put("a", "old", -1)
    bucket.put("a", "new", 1)
    expires = {"ID": "old", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    bucket.client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": [expires]})

    assert any("after 30 days: enough for this moment" in note for note in album.waiting().estimates.notes)
    bucket.put("b", "old", -24 * 60)
    bucket.put("b", "new", 1)
    assert any("an older version be taken for it" in note for note in album.waiting(-24 * 59).estimates.notes)


def test_a_file_too_large_for_one_copy_is_copied_in_parts_with_all_that_it_had(album, bucket, monkeypatch):
    monkeypatch.setattr("continuity.adapters.media_versions.MOST_COPIED_BYTES", 1_000_000)
    monkeypatch.setattr("continuity.adapters.media_versions.PART_BYTES", 5 * 2**20)
    large = bytes(range(256)) * 4096 * 6
    bucket.put("film", large, -1, ContentType="video/webm", Metadata={"artist": "z"}, Tagging="style=dotwork&of=arm")
    bucket.put("film", "new", 1)

    done = album.roll_back()

    assert bucket.read("film") == large
    head = bucket.client.head_object(Bucket=bucket.name, Key="film")
    assert (head["ContentType"], head["Metadata"]) == ("video/webm", {"artist": "z"})
    tags = bucket.client.get_object_tagging(Bucket=bucket.name, Key="film")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"style": "dotwork", "of": "arm"}
    assert album.account(done)["conflicts"] == 0
    album.take_back(done)
    assert bucket.read("film") == b"new"


def test_what_happened_in_the_very_moment_counts_as_having_been_there(album, bucket):
    bucket.put("at noon", "x", 0)
    bucket.put("then deleted", "x", -1)
    bucket.delete("then deleted", 0)

    with pytest.raises(UnsafeOperation, match="nothing to roll back"):
        album.plan(changes=EVERYTHING)


def test_a_version_below_other_markers_is_copied_forward(album, bucket):
    bucket.put("a", "old", -1)
    bucket.delete("a", 1)
    bucket.delete("a", 2)
    bucket.put("b", "old", -1)
    bucket.put("b", "new", 1)
    bucket.delete("b", 2)
    plan = album.plan()

    assert _acts(album, plan) == {"a": Act.COPY, "b": Act.COPY}
    done = album.carry_out(plan.steps[0])
    assert bucket.contents() == {"a": b"old", "b": b"old"}
    album.take_back(done)
    assert bucket.contents() == {}


def test_a_key_that_was_absent_then_and_is_now_is_left_alone(album, bucket):
    bucket.put("came and went", "x", 1)
    bucket.delete("came and went", 2)
    bucket.put("long gone", "x", -3)
    bucket.delete("long gone", -2)
    bucket.delete("long gone", 1)

    with pytest.raises(UnsafeOperation, match="nothing to roll back"):
        album.plan(changes=EVERYTHING)


def test_files_from_before_versioning_come_back_from_the_version_called_null(moto_endpoint, tmp_path):
    bucket = bucket_on(moto_endpoint, versioned=False)
    bucket.put("a", "old", -1)
    bucket.put("b", "old", -1)
    bucket.versioning("Enabled")
    bucket.put("a", "new", 1)
    bucket.delete("b", 1)
    album = album_in(bucket, tmp_path)

    done = album.roll_back()

    assert bucket.contents() == {"a": b"old", "b": b"old"}
    assert ("a", "null") in bucket.versions()
    album.take_back(done)
    assert bucket.contents() == {"a": b"new"}


@pytest.mark.parametrize(("status", "reason"), [("", "keeps no versions"), ("Suspended", "the version that is called null")])
def test_a_bucket_that_keeps_no_versions_is_refused_with_the_reason(moto_endpoint, tmp_path, status, reason):
    bucket = bucket_on(moto_endpoint, versioned=bool(status))
    bucket.put("a", "old", -1)
    if status:
        bucket.versioning(status)

    with pytest.raises(UnsafeOperation, match=reason):
        album_in(bucket, tmp_path).plan()


def test_versioning_that_is_suspended_before_the_run_stops_it_before_anything_is_done(album, bucket):
    bucket.put("a", "old", -1)
    bucket.put("a", "new", 1)
    step = album.plan().steps[0]
    bucket.versioning("Suspended")

    with pytest.raises(UnsafeOperation, match="keeps no versions any more"):
        album.carry_out(step)

    assert bucket.contents() == {"a": b"new"}


def test_a_version_and_a_marker_of_one_moment_that_the_store_does_not_order_are_left_to_a_person(album, bucket):
    bucket.put("a", "old", -1)
    bucket.delete("a", -1)
    bucket.put("a", "new", 1)
    bucket.put("b", "old", -1)
    bucket.delete("b", 1)
    plan = album.plan()

    assert [entry.key for entry in album.listed(plan) if isinstance(entry, Left)] == ["a"]
    done = album.carry_out(plan.steps[0])
    assert bucket.contents() == {"a": b"new", "b": b"old"}
    assert "1 keys were left alone by the plan" in album.account(done)["noted"][0]


def test_an_archived_version_is_left_to_a_person(album, bucket):
    bucket.put("a", "old", -1, StorageClass="GLACIER")
    bucket.put("a", "new", 1)
    bucket.put("b", "old", -1)
    bucket.put("b", "new", 1)

    left, action = album.listed(album.plan())

    assert "archived (GLACIER)" in left.because
    assert action.key == "b"


def test_only_keys_of_the_prefix_go_back_and_only_of_the_application(album, bucket):
    for key in ("avatars/a", "tattoos/a"):
        bucket.put(key, "old", -1)
        bucket.put(key, "new", 1)
    media = replace(album.application.media, prefix="tattoos/")
    album = replace(album, application=replace(album.application, media=media))

    album.roll_back()

    assert bucket.contents() == {"avatars/a": b"new", "tattoos/a": b"old"}
    with pytest.raises(ConfigurationRefused, match="do not belong"):
        album.plan(prefix="avatars/")


def test_an_upload_after_the_plan_is_a_conflict_and_stays(album, bucket):
    for key in ("a", "b", "c"):
        bucket.put(key, "old", -1)
    bucket.put("a", "bad", 1)
    bucket.put("b", "bad", 1)
    bucket.delete("c", 1)
    step = album.plan().steps[0]
    bucket.put("a", "by a customer", 2)
    bucket.put("c", "by a customer", 2)

    done = album.carry_out(step)
    told = album.account(done)

    assert bucket.contents() == {"a": b"by a customer", "b": b"old", "c": b"by a customer"}
    assert (told["conflicts"], told["counts"]["copy forward"]) == (2, 1)
    assert told["noted"][0].startswith("2 keys were changed meanwhile")
    assert [note.split(":")[0] for note in told["named"]] == ["a", "c"]
    assert (vault_of(album) / told["list"]).exists()


def test_a_version_that_somebody_has_removed_for_good_after_the_plan_is_a_conflict(album, bucket):
    version = bucket.put("a", "old", -1)
    bucket.put("a", "bad", 1)
    bucket.put("b", "old", -1)
    marker = bucket.delete("b", 1)
    step = album.plan().steps[0]
    bucket.client.delete_object(Bucket=bucket.name, Key="a", VersionId=version)
    bucket.client.delete_object(Bucket=bucket.name, Key="b", VersionId=marker)

    told = album.account(album.carry_out(step))

    assert bucket.contents() == {"a": b"bad", "b": b"old"}
    assert (told["conflicts"], "NoSuchVersion" in told["named"][0]) == (2, True)


def test_an_upload_after_the_rollback_survives_its_undo(album, bucket):
    for key in ("a", "b"):
        bucket.put(key, "old", -1)
        bucket.put(key, "bad", 1)
    done = album.roll_back()
    bucket.put("a", "by a customer")

    back = album.take_back(done)

    assert bucket.contents() == {"a": b"by a customer", "b": b"bad"}
    assert album.account(back)["conflicts"] == 1


def test_an_undo_within_the_run_tells_of_conflicts_once_and_then_ends(album, bucket):
    for key in ("a", "b"):
        bucket.put(key, "old", -1)
        bucket.put(key, "bad", 1)
    done = album.roll_back()
    bucket.put("a", "by a customer")

    with pytest.raises(UnsafeOperation, match="1 keys were changed by somebody else"):
        album.undo(done)

    album.undo(done)
    assert bucket.contents() == {"a": b"by a customer", "b": b"bad"}


def test_an_undo_can_be_taken_back_too(album, bucket):
    bucket.put("a", "old", -1)
    bucket.put("a", "bad", 1)
    bucket.put("b", "old", -1)
    bucket.delete("b", 1)
    done = album.roll_back()
    rolled_back = bucket.contents()

    again = replace(album, run=album.run[:-4] + "0003").take_back(album.take_back(done))

    assert bucket.contents() == rolled_back
    assert album.account(again)["conflicts"] == 0


def test_a_list_that_is_not_the_planned_one_is_refused_before_anything_is_done(album, bucket):
    for number in range(2):
        bucket.put(f"a{number}", "old", -1)
        bucket.put(f"a{number}", "new", 1)
    first = album.plan().steps[0]
    bucket.put("a2", "old", -1)
    bucket.put("a2", "new", 1)
    second = album.plan().steps[0]
    vault = vault_of(album)
    (vault / first.arguments["list"]).write_bytes((vault / second.arguments["list"]).read_bytes())

    with pytest.raises(DamagedObject, match="the plan says"):
        album.carry_out(first)

    assert set(bucket.contents().values()) == {b"new"}


def test_the_same_world_makes_the_same_plan_and_an_upload_elsewhere_changes_none(album, bucket):
    bucket.put("a", "old", -1)
    bucket.put("a", "new", 1)

    first = album.plan()

    assert album.plan().hash == first.hash
    assert album.plan(hours=-0.5).hash != first.hash
    bucket.put("kept", "x", -1)
    assert album.plan().steps == first.steps


def test_a_moment_to_come_and_unknown_words_are_refused(album):
    with pytest.raises(ConfigurationRefused, match="still to come"):
        album.plan(hours=24 * 365 * 90)
    with pytest.raises(ConfigurationRefused, match="'delete' is no change of media"):
        MediaWish.chosen("delete")
    with pytest.raises(ConfigurationRefused, match="nothing is chosen"):
        MediaWish.written(to="2026-11-24T12:00:00", prefix="", changes=[])


def vault_of(album):
    return Path(album.environment.vault.url.removeprefix("file://"))
