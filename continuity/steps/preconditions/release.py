"""What building a release anew needs, where a point knows an image by a tag only. Changes nothing, and builds nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from continuity.adapters.git import read_tags
from continuity.adapters.programs import child_environment
from continuity.domain.application import Application, ReleaseSource
from continuity.domain.builds import fitting_tags
from continuity.domain.checks import Check
from continuity.errors import ContinuityError
from continuity.steps.preconditions.answers import failed, some_of


def check_release(application: Application) -> tuple[Check, ...]:
    """Look at whether a release could be built; no check where the application does not describe how."""
    source = application.release
    return tuple(_checks(source)) if source else ()


def _checks(source: ReleaseSource) -> Iterator[Check]:
    if source.repository is None or not source.build_command:
        lacking = "repository" if source.repository is None else "build_command"
        detail = f"none is built, `[release] {lacking}` is not given: an image that only a tag names cannot come back"
        yield Check(name="release", passed=True, detail=detail)
        return
    yield _tags(source, source.repository)
    yield _program(source.build_command[0], source.repository)


def _tags(source: ReleaseSource, repository: Path) -> Check:
    try:
        tags = read_tags(repository)
    except ContinuityError as error:
        return failed("release", error)
    fitting = fitting_tags(source, tags)
    if not fitting:
        return Check(
            name="release",
            passed=False,
            detail=f"none of the {len(tags)} tags of {repository} fits {source.tag_pattern!r}",
            hint="Fetch the tags into that checkout, or mend `[release] tag_pattern`.",
        )
    newest = tuple(tag.name for tag in reversed(fitting))
    return Check(name="release", passed=True, detail=f"{len(fitting)} tags of {repository} can be built: {some_of(newest)}")


def _program(program: str, repository: Path) -> Check:
    """Look for the build's program where it will be started: on its path, or in a commit like the one checked out now."""
    place = repository / program if "/" in program else Path(program)
    found = shutil.which(place, path=child_environment({}).get("PATH"))
    if found:
        return Check(name="build command", passed=True, detail=f"starts {found}")
    where = f"in {repository}" if "/" in program else "on the path"
    return Check(
        name="build command",
        passed=False,
        detail=f"{program} is not {where}, or may not be run",
        hint="Install it on this machine, or mend `[release] build_command`.",
    )
