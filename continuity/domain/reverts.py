"""A revert of single files: which of them change, and how, on a commit of its own above the one that runs. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from continuity.domain.plan import Facts, PlannedStep
from continuity.errors import ConfigurationRefused, UnsafeOperation

REVERT = "commit the revert"
BRANCHES = "continuity"
"""Every branch that is made is `continuity/RUN`: no other one is ever written to."""
_ABBREVIATED = 12


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A file at a commit: its mode (as git writes it) and the id of its content."""

    mode: str
    object: str


Tree = Mapping[str, Blob]
"""Files by their paths from the top of the repository."""


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """One file: as it is `now`, and as it is to be. None is a file that is not there."""

    path: str
    now: Blob | None
    wanted: Blob | None

    def __str__(self) -> str:
        what = "goes" if self.wanted is None else "comes back" if self.now is None else "is as it was"
        return f"{self.path!r} {what}"


@dataclass(frozen=True, kw_only=True)
class Revert:
    """The named files as they were at a commit, as a commit above `base`."""

    repository: Path
    base: str
    """The commit of the release that runs: what else has been written since then is not released by this."""
    base_because: str
    ref: str
    at: str
    """The commit that the ref names now: the plan is bound to it."""
    changes: tuple[FileChange, ...]

    def step(self, phase: str) -> PlannedStep:
        """Plan to write it. Both commits and every file's content are part of the plan's hash."""
        return PlannedStep(
            name=REVERT,
            kind=REVERT,
            target=f"a new branch of {self.repository}, {len(self.changes)} files as at {self.ref} ({short(self.at)})",
            arguments={
                "repository": str(self.repository),
                "base": self.base,
                "subject": f"Take back {phase}",
                "because": f"The files are as they were at {self.ref}, commit {self.at}.",
                "files": [_facts(change) for change in self.changes],
            },
        )


def short(commit: str) -> str:
    """Abbreviate a commit's id for a person."""
    return commit[:_ABBREVIATED]


def branch_of(run: str) -> str:
    """Name the one branch that a run makes."""
    return f"{BRANCHES}/{run}"


def changes_between(now: Tree, then: Tree) -> tuple[FileChange, ...]:
    """Return the files that are not as they were, by path."""
    paths = sorted({*now, *then})
    changes = (FileChange(path=path, now=now.get(path), wanted=then.get(path)) for path in paths)
    return tuple(change for change in changes if change.now != change.wanted)


def changes_of(facts: Facts) -> tuple[FileChange, ...]:
    """Read the changes from a step's facts."""
    return tuple(FileChange(path=each["path"], now=_blob(each["now"]), wanted=_blob(each["wanted"])) for each in facts["files"])


def inverse_revert(step: str, facts: Facts) -> PlannedStep:
    """Plan to take a revert back: one commit more above it, on the undoing run's own branch. The first one stays."""
    files = [{"path": each["path"], "now": each["wanted"], "wanted": each["now"]} for each in facts["files"]]
    return PlannedStep(
        name=step,
        kind=REVERT,
        target=f"a new branch of {facts['repository']}, above {facts['branch']}: {len(files)} files restored",
        arguments={
            "repository": facts["repository"],
            "base": facts["commit"],
            "subject": f"Restore what {facts['branch']} has taken back",
            "because": f"The files are as they were at commit {facts['base']}.",
            "files": files,
        },
    )


def message_of(facts: Facts, run: str) -> str:
    """Write the commit's message. Git reads the last paragraph as trailers."""
    return f"{facts['subject']}\n\n{facts['because']}\n\nContinuity-Run: {run}\n"


def refuse_unsafe_paths(paths: Iterable[str]) -> None:
    """Refuse paths that a program could take for an option, or that lead out of the repository.

    Raises:
        ConfigurationRefused: naming the first of them.

    """
    for path in paths:
        parts = path.removesuffix("/").split("/")
        if path.startswith("-"):
            why = "looks like an option"
        elif "\0" in path or not path or path.startswith("/") or {"", ".", ".."} & set(parts):
            why = "is no path inside the repository"
        elif any(part.lower() == ".git" for part in parts):
            why = "belongs to git itself"
        else:
            continue
        raise ConfigurationRefused(
            f"file {path!r} {why}", hint=f"Name it from the top of the repository, as {PurePosixPath('app/models/shop.ts')}."
        )


def refuse_unsafe_ref(ref: str) -> None:
    """Refuse a ref that a program could take for an option.

    Raises:
        ConfigurationRefused: it is one, or is nothing that git calls a revision.

    """
    if ref.startswith(("-", ":")) or not ref.strip() or not ref.isprintable() or any(each in ref for each in (" ", "..")):
        raise ConfigurationRefused(f"{ref!r} names no commit", hint="Give a tag, a branch or a commit id.")


def refuse_missing(paths: Iterable[str], *trees: Tree) -> None:
    """Refuse paths of which no commit knows anything: they are misspelt, or meant for another repository.

    Raises:
        UnsafeOperation: naming them.

    """
    known = {path for tree in trees for path in tree}
    missing = [
        path for path in paths if path not in known and not any(each.startswith(path.removesuffix("/") + "/") for each in known)
    ]
    if missing:
        raise UnsafeOperation(
            f"the repository has no {missing[0]!r}, neither now nor at the ref",
            detail=f"Not found: {', '.join(map(repr, missing))}. Nothing was changed.",
            hint="Correct the files of the phase in phases.toml.",
        )


def _facts(change: FileChange) -> dict[str, object]:
    return {"path": change.path, "now": _pair(change.now), "wanted": _pair(change.wanted)}


def _pair(blob: Blob | None) -> list[str] | None:
    return [blob.mode, blob.object] if blob else None


def _blob(pair: list[str] | None) -> Blob | None:
    return Blob(mode=pair[0], object=pair[1]) if pair else None
