"""A real repository: a commit of single files as they once were, on a branch of its own, while nothing else of it changes."""

import subprocess
from pathlib import Path

import pytest

from continuity.adapters.git_reverts import (
    make_branch,
    read_branch,
    read_files,
    refuse_in_between,
    remove_branch,
    resolve_commit,
    write_commit,
)
from continuity.domain.reverts import (
    Revert,
    changes_between,
    changes_of,
    inverse_revert,
    refuse_missing,
    refuse_unsafe_paths,
    refuse_unsafe_ref,
)
from continuity.errors import ContinuityError

AWKWARD = ("app/with space.ts", "app/größer als.ts", "app/-leading dash.ts", "app/new\nline.ts", 'app/"quoted"\t*.ts', ":(top)x")
BRANCH = "continuity/shop-phase-20261125T020000Z-1f2e"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True).stdout.decode().strip()


def commit(folder: Path, files: dict[str, str | None], *, tag: str = "") -> str:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if content is None else path.write_text(content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "work")
    if tag:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path) -> Path:
    """Make two releases: the second has changed, added and removed files, all of them of awkward names."""
    folder = tmp_path / "the source"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.org")
    commit(folder, {"kept": "1", "app/run.sh": "1", "app/gone.ts": "1", **dict.fromkeys(AWKWARD[:3], "1")}, tag="v1")
    (folder / "app/run.sh").chmod(0o755)
    commit(folder, {"kept": "2", "app/gone.ts": None, **dict.fromkeys(AWKWARD, "2")}, tag="v2")
    return folder


def everything(folder: Path) -> dict[str, object]:
    """Tell all that a person sees of a checkout: references, the index, files with their times."""
    own = [line for line in git(folder, "for-each-ref").splitlines() if "refs/heads/continuity/" not in line]
    index = folder / ".git/index"
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if ".git" not in path.parts}
    head = (folder / ".git/HEAD").read_text()
    return {"refs": own, "index": (index.read_bytes(), index.stat().st_mtime_ns), "files": files, "head": head}


def revert(folder: Path, paths: tuple[str, ...], *, ref: str = "v1") -> tuple[str, str]:
    base, at = resolve_commit(folder, "v2"), resolve_commit(folder, ref)
    changes = changes_between(read_files(folder, base, paths), read_files(folder, at, paths))
    return base, write_commit(folder, base, changes, message="Take it back\n\nContinuity-Run: run\n")


def test_files_of_any_name_are_as_they_were_on_a_branch_of_their_own_and_nothing_else_has_changed(repository):
    before = everything(repository)

    base, written = revert(repository, ("app", AWKWARD[-1]))
    make_branch(repository, BRANCH, written)

    assert git(repository, "rev-parse", f"{BRANCH}^") == base
    assert git(repository, "diff", "--name-only", "v1", BRANCH) == "kept"
    assert git(repository, "log", "-1", "--format=%an %ae %(trailers:key=Continuity-Run)", BRANCH) == (
        "Ada ada@example.org Continuity-Run: run"
    )
    assert everything(repository) == before


def test_the_inverse_restores_every_file_by_one_commit_more(repository):
    paths = ("app", AWKWARD[-1])
    base, at = resolve_commit(repository, "v2"), resolve_commit(repository, "v1")
    changes = changes_between(read_files(repository, base, paths), read_files(repository, at, paths))
    _, written = revert(repository, paths)
    planned = Revert(repository=repository, base=base, base_because="", ref="v1", at=at, changes=changes).step("phase x")
    facts = {**planned.arguments, "branch": BRANCH, "commit": written}

    step = inverse_revert("commit the revert", facts)
    restored = write_commit(repository, step.arguments["base"], changes_of(step.arguments), message="Restore\n")

    assert git(repository, "rev-parse", f"{restored}^{{tree}}") == git(repository, "rev-parse", "v2^{tree}")
    assert git(repository, "rev-parse", f"{restored}^") == written


def test_a_branch_that_is_there_is_never_moved_and_one_that_somebody_works_on_is_never_removed(repository, tmp_path):
    _, written = revert(repository, ("app",))
    make_branch(repository, BRANCH, written)

    with pytest.raises(ContinuityError, match="cannot be used"):
        make_branch(repository, BRANCH, resolve_commit(repository, "v1"))
    assert read_branch(repository, BRANCH) == written

    git(repository, "worktree", "add", "--quiet", str(tmp_path / "elsewhere"), BRANCH)
    assert not remove_branch(repository, BRANCH, written)
    git(repository, "worktree", "remove", str(tmp_path / "elsewhere"))
    assert not remove_branch(repository, BRANCH, resolve_commit(repository, "v2"))
    assert read_branch(repository, BRANCH) == written

    assert remove_branch(repository, BRANCH, written)
    assert remove_branch(repository, BRANCH, written)
    assert read_branch(repository, BRANCH) == ""


def test_what_is_as_it_was_already_is_no_revert(repository):
    with pytest.raises(ContinuityError, match="nothing to revert"):
        revert(repository, ("app",), ref="v2")


def test_hooks_of_the_repository_do_not_run(repository, tmp_path):
    hook = repository / ".git/hooks/reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    _, written = revert(repository, ("app",))

    make_branch(repository, BRANCH, written)

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("words", "because"),
    [
        (["merge", "--no-commit", "--no-ff", "side"], "in the middle of a merge"),
        (["rebase", "--exec", "false", "v1"], "in the middle of a rebase"),
        (["cherry-pick", "conflicting"], "in the middle of a cherry-pick"),
        (["bisect", "start"], "in the middle of a bisection"),
        (["rm", "--quiet", "--cached", "kept"], "files that are not committed"),
    ],
)
def test_a_checkout_in_which_somebody_is_at_work_is_refused(repository, words, because):
    git(repository, "checkout", "--quiet", "-b", "side", "v1")
    commit(repository, {"more": "1"})
    git(repository, "checkout", "--quiet", "-b", "conflicting", "v1")
    commit(repository, {"kept": "3"})
    git(repository, "checkout", "--quiet", "main")
    refuse_in_between(repository)

    subprocess.run(["git", *words], cwd=repository, check=False, capture_output=True)

    with pytest.raises(ContinuityError, match=because):
        refuse_in_between(repository)


def test_an_untracked_file_is_work_that_is_not_committed(repository):
    (repository / "new.ts").write_text("being written")

    with pytest.raises(ContinuityError) as refused:
        refuse_in_between(repository)

    assert "'new.ts'" in refused.value.detail


def test_a_repository_without_a_working_tree_is_as_good(repository, tmp_path):
    bare = tmp_path / "bare.git"
    git(repository, "clone", "--quiet", "--bare", str(repository), str(bare))
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        git(bare, "config", name, value)

    refuse_in_between(bare)
    _, written = revert(bare, ("app",))
    make_branch(bare, BRANCH, written)

    assert git(bare, "diff", "--name-only", "v1", BRANCH).splitlines()[-1] == "kept"


def test_somebody_has_to_be_known_who_commits(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    git(repository, "config", "--unset", "user.name")
    git(repository, "config", "--unset", "user.email")
    git(repository, "config", "user.useConfigOnly", "true")

    with pytest.raises(ContinuityError, match="knows nobody to commit as"):
        refuse_in_between(repository)


@pytest.mark.parametrize("ref", ["--output=x", "-v2", "", " ", "v9", "v1..v2", "v2:kept", ":/work", "v2\n", "v2^{tree}"])
def test_what_names_no_commit_is_refused(repository, ref):
    with pytest.raises(ContinuityError, match="names no commit"):
        resolve_commit(repository, ref)


@pytest.mark.parametrize("ref", ["v1", "HEAD~1", "main^", "refs/tags/v1"])
def test_what_names_a_commit_is_read(repository, ref):
    refuse_unsafe_ref(ref)

    assert resolve_commit(repository, ref) == git(repository, "rev-parse", "v1")


@pytest.mark.parametrize(
    "path",
    ["--force", "-x", "/etc/passwd", "../other", "app/../../x", "", ".", "./app", "app//x", ".git/config", "a/.GIT/x", "a\0b"],
)
def test_paths_that_are_options_or_lead_out_of_the_repository_are_refused(path):
    with pytest.raises(ContinuityError, match=r"is no path|looks like an option|belongs to git"):
        refuse_unsafe_paths([path])


def test_a_misspelt_path_is_refused_and_a_folder_stands_for_its_files(repository):
    trees = [read_files(repository, ref, ("app", "ap/gone.ts")) for ref in ("v1", "v2")]
    refuse_missing(["app", "app/"], *trees)

    with pytest.raises(ContinuityError, match=r"no 'ap/gone\.ts'"):
        refuse_missing(["app", "ap/gone.ts"], *trees)


def test_a_submodule_has_commits_of_its_own_and_is_refused(repository):
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},vendor/lib")
    git(repository, "commit", "--quiet", "--message", "vendor")

    with pytest.raises(ContinuityError, match="is a submodule"):
        read_files(repository, "HEAD", ("vendor",))
