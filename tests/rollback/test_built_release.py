"""A point that knows its image by a tag only: the release is built anew from git, or nothing is changed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from continuity.domain.run import Outcome
from continuity.engine import Phase
from tests.fixtures.cluster import eventually
from tests.fixtures.killing import Kill, resume_run, start_run
from tests.rollback.conftest import GOOD, OTHER, REPLICAS, Stage

BUILD = "build the release of guestbook"
KILLED = -9


@dataclass(frozen=True, kw_only=True)
class Source:
    """The application's git checkout, whose build counts how often it was run."""

    folder: Path

    def git(self, *words: str) -> str:
        author = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
        return subprocess.run(
            ["git", *author, *words], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, script: str, *, tag: str) -> str:
        (self.folder / "build.sh").write_text(f"echo $1 >> {self.counted}\n{script}\n")
        self.git("add", "build.sh")
        self.git("commit", "--quiet", "--message", "Build")
        self.git("tag", "--force", tag)
        return self.git("rev-parse", "HEAD")

    @property
    def counted(self) -> Path:
        return self.folder.with_name("builds")

    @property
    def builds(self) -> list[str]:
        return self.counted.read_text().split() if self.counted.exists() else []

    def everything(self) -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in self.folder.rglob("*")}


@pytest.fixture
def source(tmp_path) -> Source:
    made = Source(folder=tmp_path / "source")
    made.folder.mkdir()
    made.git("init", "--quiet")
    return made


@pytest.fixture
def tagged(stage: Stage, source: Source, tmp_path) -> Stage:
    """Prove a point of no pods, so that nobody tells the image's digest; then release another, with spoilt rows."""
    described = tmp_path / "applications/guestbook/application.toml"
    release = 'repository = "../../source"\ntag_pattern = "v*"\nbuild_command = ["sh", "build.sh", "{tag}"]\n'
    described.write_text(described.read_text() + f"[release]\n{release}")
    stage.deploy("nginx:1.27")
    stage.scale(0)
    eventually(lambda: not stage.pods())
    stage.prove()
    stage.scale(REPLICAS)
    stage.spoil()
    eventually(lambda: len(stage.pods()) == REPLICAS)
    return stage


def test_the_release_is_built_from_its_tag_and_goes_back_with_the_data(tagged, source):
    commit = source.commit(f"echo compiling\ngit describe --tags\necho {GOOD}", tag="v1.27")
    # A checkout in which somebody is at work is neither built nor touched.
    (source.folder / "build.sh").write_text("exit 1\n")
    before = source.everything()

    waiting = tagged.json("rollback", "guestbook")
    plan = waiting["plan"]
    [build, pull, *_] = plan["steps"]
    assert (build["name"], build["target"]) == (BUILD, f"tag v1.27, commit {commit}, of {source.folder}")
    assert pull["name"] == "pull the built image of web"
    assert "may not give the image that ran then" in str(waiting)
    said = tagged.json("rollback", "guestbook", "--approve", plan["hash"])

    assert (said["outcome"], tagged.image(), tagged.spoilt()) == ("done", GOOD, 0)
    assert tagged.replicas() == REPLICAS
    assert source.builds == ["v1.27"]
    assert source.everything() == before

    undo = tagged.json("undo", said["run"])["plan"]
    assert tagged.json("undo", said["run"], "--approve", undo["hash"])["outcome"] == "done"
    assert tagged.image() == OTHER


@pytest.mark.parametrize(
    ("script", "because"),
    [
        ("echo no disk left\nexit 3", "ended with 3; it said, at last: no disk left"),
        ("echo nginx:1.27", "did not print REPOSITORY@sha256"),
        (f"echo {GOOD}\necho done", "did not print REPOSITORY@sha256"),
        (f"echo {GOOD.replace('nginx', 'busybox')}", "made an image of busybox, not of nginx"),
    ],
)
def test_a_build_that_fails_leaves_everything_as_it_was(tagged, source, script, because):
    source.commit(script, tag="v1.27")
    pods = {pod.metadata.uid for pod in tagged.pods()}

    ended = tagged.roll_back().ended

    assert ended.outcome is Outcome.UNDONE
    assert because in ended.because
    assert (tagged.image(), tagged.replicas(), tagged.spoilt() > 0) == (OTHER, REPLICAS, True)
    assert tagged.databases() == [""]
    assert {pod.metadata.uid for pod in tagged.pods()} == pods


def test_an_image_that_is_marked_as_bad_is_not_run_because_it_was_built_anew(tagged, source):
    source.commit(f"echo {GOOD}", tag="v1.27")
    tagged.json("distrust", GOOD, "--because", "loses bookings", "--application", "guestbook")

    ended = tagged.roll_back().ended

    assert ended.outcome is Outcome.UNDONE
    assert "marked as bad: loses bookings" in ended.because
    assert tagged.image() == OTHER


def test_a_tag_that_was_moved_after_the_plan_was_made_is_refused(tagged, source):
    then = source.commit(f"echo {GOOD}", tag="v1.27")
    plan = tagged.json("rollback", "guestbook")["plan"]
    now = source.commit(f"echo moved\necho {GOOD}", tag="v1.27")

    refused = tagged.json("rollback", "guestbook", "--approve", plan["hash"], code=3)

    assert then in str(refused)
    assert now in str(refused)
    assert source.builds == []
    assert tagged.image() == OTHER


@pytest.mark.parametrize(("phase", "builds"), [(Phase.AFTER_INTENT, 1), (Phase.ACTED, 2), (Phase.DONE, 1)])
def test_killed_around_the_build_it_is_resumed_and_what_is_recorded_as_built_is_not_built_again(tagged, source, phase, builds):
    source.commit(f"echo {GOOD}", tag="v1.27")
    plan, _ = tagged.plan()

    assert start_run(tagged.seat.environment, "guestbook", plan, Kill(step=BUILD, phase=phase)) == KILLED
    assert resume_run(tagged.seat.environment, "guestbook", tagged.runs()[0], None) == 0

    assert tagged.outcome() is Outcome.DONE
    assert (tagged.image(), tagged.spoilt()) == (GOOD, 0)
    assert source.builds == ["v1.27"] * builds


def test_killed_in_the_middle_of_the_build_its_folder_is_removed_when_it_is_built_again(tagged, source, tmp_path):
    first = f"[ $(wc -l < {source.counted}) -gt 1 ]"
    source.commit(f"{first} || kill -9 $PPID\necho {GOOD}", tag="v1.27")
    plan, _ = tagged.plan()

    assert start_run(tagged.seat.environment, "guestbook", plan, None) == KILLED
    run = tagged.runs()[0]
    [_left] = tmp_path.glob(f"continuity-build-{run}-*")
    assert resume_run(tagged.seat.environment, "guestbook", run, None) == 0

    assert (tagged.image(), source.builds) == (GOOD, ["v1.27", "v1.27"])
    assert list(tmp_path.glob("continuity-build-*")) == []


def test_a_folder_that_is_no_repository_is_said_and_nothing_is_planned(tagged, source, tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (source.folder / ".git").rename(tmp_path / "elsewhere")

    refused = tagged.json("rollback", "guestbook", code=2)

    assert f"{source.folder} cannot be used as a git repository" in refused["error"]
