"""Whether a release could be built is said by `check`, from a real repository, before anybody needs it."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from continuity.domain.application import Application, ApplicationName, ProtectedDatabase, ReleaseSource
from continuity.steps.preconditions.release import check_release


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "build.sh").write_text("#!/bin/sh\n")
    (folder / "build.sh").chmod(0o755)
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "one"), ("tag", "v9"), ("tag", "v10")):
        subprocess.run(["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", *words], cwd=folder, check=True)
    subprocess.run(["git", "tag", "nightly"], cwd=folder, check=True)
    return folder


def checks(source: ReleaseSource | None) -> dict[str, tuple[bool, str]]:
    application = Application(name=ApplicationName("shop"), database=ProtectedDatabase(name="shop"), release=source)
    return {check.name: (check.passed, check.detail) for check in check_release(application)}


def test_tags_that_fit_and_the_program_of_the_build_are_named(checkout):
    source = ReleaseSource(tag_pattern="v*", build_command=("git", "{tag}"), repository=checkout)

    assert checks(source) == {
        "release": (True, f"2 tags of {checkout} can be built: v10, v9"),
        "build command": (True, f"starts {shutil.which('git')}"),
    }
    inside = checks(replace(source, build_command=("./build.sh",)))
    assert inside["build command"] == (True, f"starts {checkout / 'build.sh'}")


def test_what_keeps_a_release_from_being_built_is_said(checkout, tmp_path, monkeypatch):
    source = ReleaseSource(tag_pattern="v*", build_command=("no-such-program",), repository=checkout)

    assert checks(source)["build command"] == (False, "no-such-program is not on the path, or may not be run")
    (checkout / "build.sh").chmod(0o644)
    assert checks(replace(source, build_command=("./build.sh",)))["build command"][0] is False
    assert checks(replace(source, tag_pattern="r*"))["release"] == (False, f"none of the 3 tags of {checkout} fits 'r*'")
    assert checks(replace(source, repository=tmp_path))["release"][0] is False
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checks(source)["release"] == (False, "git is not on this machine")


def test_an_application_that_builds_nothing_is_not_asked_for_what_a_build_needs():
    assert checks(None) == {}
    assert checks(ReleaseSource(tag_pattern="v*"))["release"][0]
