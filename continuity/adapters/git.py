"""git: the tags and commits of a repository, and one commit in a folder of its own. The repository is only read."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from continuity.adapters.programs import capture, child_environment, safe_text
from continuity.domain.builds import Tag
from continuity.errors import ConfigurationRefused

READ_SECONDS = 30.0
CHECK_OUT_SECONDS = 300.0
SHOWN_CHARACTERS = 500
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FIELDS = "%(refname:strip=2)%09%(objecttype)%09%(objectname)%09%(*objecttype)%09%(*objectname)%09%(creatordate:unix)"
"""Of an annotated tag the starred fields are the commit's; a tab cannot be part of a name (git-check-ref-format)."""


def read_tags(repository: Path) -> tuple[Tag, ...]:
    """Read the tags that name a commit. Changes nothing.

    Raises:
        ConfigurationRefused: there is no git, or no repository in exactly this folder.

    """
    said = safe_text(git(repository, "for-each-ref", f"--format={_FIELDS}", "--", "refs/tags"))
    tags = []
    for line in said.splitlines():
        name, kind, found, peeled_kind, peeled, created = line.split("\t")
        commit = found if kind == "commit" else peeled if peeled_kind == "commit" else ""
        if commit:
            tags.append(Tag(name=name, commit=commit, created=_moment(created)))
    return tuple(tags)


def _moment(seconds: str) -> datetime:
    # Of a tag without a date nothing says that it was there at any moment.
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.max.replace(tzinfo=UTC)


def check_out(repository: Path, commit: str, folder: Path) -> None:
    """Put a commit into a new folder, as a clone that borrows the repository's objects: nothing is written to that.

    Tags are there, so that a build may ask which release it is; the repository's hooks are not.

    Raises:
        ConfigurationRefused: the repository does not have the commit, or cannot be read.

    """
    if not _COMMIT.fullmatch(commit):
        raise ConfigurationRefused(f"{commit!r} is no commit id")
    borrow = ("clone", "--quiet", "--no-checkout", "--shared", "--", repository, folder)
    git(repository, *borrow, timeout_seconds=CHECK_OUT_SECONDS)
    git(repository, "-C", folder, "checkout", "--quiet", "--detach", commit, "--", timeout_seconds=CHECK_OUT_SECONDS)


def git(
    repository: Path,
    *words: str | Path,
    given: bytes = b"",
    variables: Mapping[str, str] | None = None,
    timeout_seconds: float = READ_SECONDS,
) -> bytes:
    """Run git in a repository with `given` as its input, and return what it writes.

    No hook of the repository's runs, nothing but the command itself locks or writes, and paths are taken to the letter.

    Raises:
        ConfigurationRefused: there is no git, it ended with an error, or no repository is in exactly this folder.

    """
    if not repository.is_absolute():
        raise ConfigurationRefused(f"{str(repository)!r} is no absolute path")
    environment = child_environment(
        {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            # A commit id must mean the commit that everybody else sees by it.
            "GIT_NO_REPLACE_OBJECTS": "1",
            # A folder that is no repository must not be taken for the one that it lies in.
            "GIT_CEILING_DIRECTORIES": str(repository.parent),
            **(variables or {}),
        }
    )
    quiet = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
    argv = ["git", *quiet, "-C", repository, *words]
    try:
        ended = capture(argv, environment=environment, timeout_seconds=timeout_seconds, given=given)
    except TimeoutError as error:
        raise ConfigurationRefused(f"{repository}: {error}", hint="Is it on a disk that answers?") from error
    if ended.code != 0:
        raise ConfigurationRefused(
            f"{repository} cannot be used as a git repository, git said {ended.code}",
            detail=(safe_text(ended.output) + ended.complaint)[-SHOWN_CHARACTERS:].strip(),
            hint="Check `[release] repository` in application.toml; it names the top of a checkout.",
        )
    return ended.output
