"""A real git repository: its tags by commit, and a commit in a folder of its own, while nothing is written to it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from continuity.adapters.git import check_out, read_tags
from continuity.errors import ConfigurationRefused

WHEN = datetime(2026, 11, 1, 3, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, "one")
    return folder


def git(folder: Path, *words: str, given: bytes = b"") -> str:
    author = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in AUTHOR.items()}
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, input=given, env=author)
    return done.stdout.decode().strip()


AUTHOR = {"NAME": "ada", "EMAIL": "ada@example.org", "DATE": WHEN.isoformat()}


def commit(folder: Path, content: str) -> str:
    (folder / "release").write_text(content)
    git(folder, "add", "release")
    git(folder, "commit", "--quiet", "--message", content)
    return git(folder, "rev-parse", "HEAD")


def test_a_tag_is_the_commit_that_it_names_with_an_annotation_or_without(repository):
    git(repository, "tag", "v1")
    git(repository, "tag", "--annotate", "--message", "stable", "v1-said")
    git(repository, "tag", "words", git(repository, "hash-object", "-w", "--stdin", given=b"no commit"))

    head = git(repository, "rev-parse", "HEAD")
    assert [(tag.name, tag.commit, tag.created) for tag in read_tags(repository)] == [("v1", head, WHEN), ("v1-said", head, WHEN)]


def test_a_tag_that_does_not_say_when_it_was_made_counts_for_no_moment(repository):
    head = git(repository, "rev-parse", "HEAD")
    text = f"object {head}\ntype commit\ntag v0\n\nwithout a tagger, as old ones are\n"
    written = git(repository, "hash-object", "-t", "tag", "-w", "--stdin", given=text.encode())
    git(repository, "update-ref", "refs/tags/v0", written)

    [tag] = read_tags(repository)

    assert (tag.name, tag.commit, tag.created.year) == ("v0", head, 9999)


def test_a_commit_is_checked_out_with_its_tags_while_the_checkout_stays_as_it_is(repository, tmp_path):
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "v1")
    commit(repository, "two")
    (repository / "release").write_text("being written")
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*")}

    check_out(repository, first, tmp_path / "built")

    assert (tmp_path / "built/release").read_text() == "one"
    assert git(tmp_path / "built", "describe", "--tags") == "v1"
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*")} == before


@pytest.mark.parametrize("wanted", ["--output=x", "HEAD", "v1", "0" * 40])
def test_what_is_no_commit_of_the_repository_is_refused(repository, tmp_path, wanted):
    with pytest.raises(ConfigurationRefused):
        check_out(repository, wanted, tmp_path / "built")


@pytest.mark.parametrize("place", ["inside", "gone", "--exec-path=x"])
def test_a_folder_that_is_not_the_top_of_a_repository_is_refused(repository, place):
    (repository / "inside").mkdir()

    with pytest.raises(ConfigurationRefused, match=r"cannot be used as a git repository|no absolute path"):
        read_tags(Path(place) if place.startswith("-") else repository / place)
