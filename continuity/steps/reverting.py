"""The step that writes a revert to the application's repository: one commit, on the one branch that is the run's own."""

import logging
from pathlib import Path

from continuity.adapters.git import read_tags
from continuity.adapters.git_reverts import (
    make_branch,
    read_branch,
    read_files,
    refuse_in_between,
    remove_branch,
    resolve_commit,
    write_commit,
)
from continuity.domain.application import ReleaseSource
from continuity.domain.builds import Tag, tag_of_release
from continuity.domain.phases import PhaseCode
from continuity.domain.plan import Facts
from continuity.domain.reverts import (
    REVERT,
    Revert,
    branch_of,
    changes_between,
    changes_of,
    message_of,
    refuse_missing,
    refuse_unsafe_paths,
)
from continuity.domain.workloads import WorkloadState
from continuity.errors import ConfigurationRefused, UnsafeOperation
from continuity.steps.operation import ONCE
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)

HEAD = "HEAD"


def read_revert(source: ReleaseSource, code: PhaseCode, workloads: tuple[WorkloadState, ...]) -> Revert:
    """Read what a revert would change above the commit that runs. Changes nothing.

    Raises:
        ConfigurationRefused: a path or a ref is no such thing, or the repository cannot be used.
        UnsafeOperation: somebody is at work in the checkout, a file is known to neither commit, or the workloads run different
            commits.

    """
    repository = source.repository or Path()
    refuse_unsafe_paths(code.files)
    at = resolve_commit(repository, code.ref)
    refuse_in_between(repository)
    base, because = _running(repository, workloads)
    now, then = (read_files(repository, commit, code.files) for commit in (base, at))
    refuse_missing(code.files, now, then)
    changes = changes_between(now, then)
    return Revert(repository=repository, base=base, base_because=because, ref=code.ref, at=at, changes=changes)


def _running(repository: Path, workloads: tuple[WorkloadState, ...]) -> tuple[str, str]:
    """Return the commit that runs, and who says so: the workloads, or else the checkout."""
    tags = read_tags(repository)
    said = {commit for state in workloads if (commit := _commit_of(repository, state, tags))}
    if len(said) > 1:
        raise UnsafeOperation(
            f"the workloads run {len(said)} commits of {repository}: {', '.join(sorted(said))}",
            detail="One revert would bring back what one of them does not have. Nothing was changed.",
            hint="Deploy one release first.",
        )
    if said:
        return said.pop(), "the release that runs"
    return resolve_commit(repository, HEAD), "the checkout's HEAD, since no workload says which commit it runs"


def _commit_of(repository: Path, state: WorkloadState, tags: tuple[Tag, ...]) -> str:
    try:
        return resolve_commit(repository, state.release.revision)
    except ConfigurationRefused:
        # It says no commit, or one that is not in this checkout; the tag of its version may be.
        tag = tag_of_release(state.release, tags)
        return tag.commit if tag else ""


def _facts(world: World, arguments: Facts) -> Facts:
    """Write the commit, to which nothing refers yet: what the step does is to make the branch."""
    commit = write_commit(
        Path(arguments["repository"]), arguments["base"], changes_of(arguments), message=message_of(arguments, world.run)
    )
    return {**arguments, "branch": branch_of(world.run), "commit": commit}


def _probe(_world: World, facts: Facts) -> Probe:
    found = read_branch(Path(facts["repository"]), facts["branch"])
    if not found:
        return Probe.NOT_DONE
    return Probe.DONE if found == facts["commit"] else Probe.FOREIGN


def _make(_world: World, facts: Facts) -> Facts:
    make_branch(Path(facts["repository"]), facts["branch"], facts["commit"])
    return {}


def _remove(_world: World, facts: Facts) -> None:
    """Remove the branch that an unfinished run has made, unless somebody has begun to work on it: then it is theirs."""
    if not remove_branch(Path(facts["repository"]), facts["branch"], facts["commit"]):
        logger.warning("left a branch that somebody works on repository=%s branch=%s", facts["repository"], facts["branch"])


COMMIT_REVERT = Step(kind=REVERT, facts=_facts, probe=_probe, do=_make, undo=_remove, retry=ONCE)
