"""git: a commit of single files as they once were, on a branch of its own.

It is put together in an index of its own and becomes visible by one reference that was not there before: the working tree, the
index and every branch of the checkout stay as they are.
"""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from continuity.adapters.git import git
from continuity.domain.reverts import Blob, FileChange, Tree, refuse_unsafe_ref
from continuity.errors import ConfigurationRefused, UnsafeOperation

logger = logging.getLogger(__name__)

SUBMODULE = "160000"
SHOWN_FILES = 10
IN_BETWEEN = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}
"""Files in git's folder by which it remembers what it is in the middle of (gitrepository-layout, git-status)."""


def resolve_commit(repository: Path, ref: str) -> str:
    """Return the id of the commit that a ref names now. Changes nothing.

    Raises:
        ConfigurationRefused: it looks like an option, or names no commit of the repository.

    """
    refuse_unsafe_ref(ref)
    try:
        found = git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except ConfigurationRefused as error:
        raise ConfigurationRefused(
            f"{ref!r} names no commit of {repository}", detail=error.detail, hint="Give a tag, a branch or a commit id of it."
        ) from error
    return found.decode().strip()


def refuse_in_between(repository: Path) -> None:
    """Refuse a checkout in which somebody is at work: what runs may have been built from what is not committed yet.

    Raises:
        UnsafeOperation: it is in the middle of a merge or the like, or has files that are not committed.
        ConfigurationRefused: git knows no person to commit as.

    """
    folder = Path(git(repository, "rev-parse", "--absolute-git-dir").decode().removesuffix("\n"))
    for name, what in IN_BETWEEN.items():
        if (folder / name).exists():
            raise UnsafeOperation(
                f"{repository} is in the middle of {what}", detail="Nothing was changed.", hint="Finish it, or give it up."
            )
    if git(repository, "rev-parse", "--is-bare-repository").strip() == b"false":
        left = git(repository, "status", "--porcelain=v1", "-z", "--no-renames").decode(errors="replace").split("\0")[:-1]
        if left:
            named = ", ".join(repr(line[3:]) for line in left[:SHOWN_FILES])
            raise UnsafeOperation(
                f"{repository} has {len(left)} files that are not committed",
                detail=f"{named}. Nothing was changed.",
                hint="Commit them, stash them, or name another checkout.",
            )
    try:
        git(repository, "var", "GIT_COMMITTER_IDENT")
    except ConfigurationRefused as error:
        raise ConfigurationRefused(
            f"git knows nobody to commit as in {repository}",
            detail=error.detail,
            hint="`git config user.name NAME` and `git config user.email ADDRESS` there.",
        ) from error


def read_files(repository: Path, commit: str, paths: Sequence[str]) -> Tree:
    """Read which of these files a commit has, with all those below a folder. Changes nothing.

    Raises:
        ConfigurationRefused: one of them is a submodule, or has a name that is no text.

    """
    found: dict[str, Blob] = {}
    for line in git(repository, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths).split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        mode, _, blob = facts.decode().split(" ")
        try:
            path = name.decode()
        except UnicodeDecodeError as error:
            raise ConfigurationRefused(f"{name!r} at {commit} has a name that is not UTF-8", hint="Name other files.") from error
        if mode == SUBMODULE:
            raise ConfigurationRefused(f"{path!r} is a submodule, which has commits of its own", hint="Name files.")
        found[path] = Blob(mode=mode, object=blob)
    return found


def write_commit(repository: Path, base: str, changes: Sequence[FileChange], *, message: str) -> str:
    """Write a commit above `base` with these changes, and return its id. Nothing refers to it yet.

    Doing it again writes another commit: the moment is part of it.

    Raises:
        UnsafeOperation: nothing changes, or a file of `base` is not as the changes say.
        ConfigurationRefused: git refused.

    """
    if not changes:
        raise UnsafeOperation("there is nothing to revert", detail="Nothing was changed.")
    present = read_files(repository, base, [change.path for change in changes])
    for change in changes:
        if present.get(change.path) != change.now:
            raise UnsafeOperation(f"{change.path!r} of commit {base} is not as planned", hint="Make a new plan.")
    with tempfile.TemporaryDirectory(prefix="continuity-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(repository, "read-tree", base, variables=index)
        lines = b"".join(_index_line(change, width=len(base)) for change in changes)
        git(repository, "update-index", "-z", "--index-info", given=lines, variables=index)
        tree = git(repository, "write-tree", variables=index).decode().strip()
    written = git(repository, "commit-tree", tree, "-p", base, "-F", "-", given=message.encode()).decode().strip()
    logger.info("wrote a commit repository=%s commit=%s above=%s files=%d", repository, written, base, len(changes))
    return written


def _index_line(change: FileChange, *, width: int) -> bytes:
    """Write a line for `update-index --index-info`: mode 0 removes."""
    wanted = change.wanted or Blob(mode="0", object="0" * width)
    return f"{wanted.mode} {wanted.object}\t{change.path}\0".encode()


def read_branch(repository: Path, branch: str) -> str:
    """Return the commit that a branch is at, or "" where there is none. Changes nothing."""
    return _branch(repository, branch, "%(objectname)")


def make_branch(repository: Path, branch: str, commit: str) -> None:
    """Make a branch of that name at a commit. One that is there is never moved.

    Raises:
        ConfigurationRefused: there is one already.

    """
    git(repository, "update-ref", "--no-deref", _ref(branch), commit, "0" * len(commit))
    logger.info("made a branch repository=%s branch=%s commit=%s", repository, branch, commit)


def remove_branch(repository: Path, branch: str, commit: str) -> bool:
    """Remove a branch that still is at that commit and is checked out nowhere; return whether it is gone.

    The commit itself stays until git collects what nothing refers to.
    """
    found = read_branch(repository, branch)
    if not found:
        return True
    if found != commit or _branch(repository, branch, "%(worktreepath)"):
        return False
    git(repository, "update-ref", "--no-deref", "-d", _ref(branch), commit)
    logger.info("removed a branch repository=%s branch=%s commit=%s", repository, branch, commit)
    return True


def _branch(repository: Path, branch: str, field: str) -> str:
    return git(repository, "for-each-ref", f"--format={field}", "--", _ref(branch)).decode().strip()


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"
