"""The step that builds a release anew, from a commit, by the application's own command."""

import logging
import shutil
import tempfile
import time
from pathlib import Path

from continuity.adapters.git import check_out, read_tags
from continuity.adapters.programs import Ended, child_environment, run_in_group
from continuity.domain.application import Application
from continuity.domain.builds import BUILD, Tag
from continuity.domain.plan import Facts
from continuity.domain.reverts import short
from continuity.domain.workloads import digest_in, repository_of
from continuity.errors import ContinuityError, UnsafeOperation
from continuity.settings import Environment
from continuity.steps.operation import ONCE
from continuity.steps.places import points_of, source_of
from continuity.steps.step import Step, World

logger = logging.getLogger(__name__)

BUILD_SECONDS = 1800.0
SHOWN_CHARACTERS = 500
_HINT = "Mend the build; of a rollback also: give --image or --scope database. Nothing was stopped."


def read_release_tags(application: Application, environment: Environment) -> tuple[Tag, ...]:
    """Read the tags of the repository from which an application can be built; none where it names none. Changes nothing.

    Raises:
        ConfigurationRefused: it is no repository.

    """
    source = source_of(environment, application)
    return read_tags(source.repository) if source and source.repository and source.build_command else ()


def built_image(world: World, step: str) -> str:
    """Return the image that an earlier step has built, by digest."""
    image: str = world.done[step]["image"]
    return image


def built_commit(world: World, step: str) -> str:
    """Return the commit that an earlier step has built."""
    commit: str = world.done[step]["commit"]
    return commit


def _facts(world: World, arguments: Facts) -> Facts:
    """Name the commit, where an earlier step of this run has made it: no tag does, so it is named after itself."""
    if "committed by" not in arguments:
        return arguments
    commit = world.done[arguments["committed by"]]["commit"]
    named = f"continuity-{short(commit)}"
    command = [word.replace("{tag}", named) for word in arguments["command"]]
    return {**arguments, "commit": commit, "tag": named, "command": command}


def _build(world: World, facts: Facts) -> Facts:
    """Build in a folder that is removed afterwards. After a kill it is built once more; once done, never again."""
    repository, named, commit = Path(facts["repository"]), facts["tag"], facts["commit"]
    if "committed by" not in facts:
        _refuse_moved(repository, named, commit)
    started = time.monotonic()
    place = world.environment.drill.work_directory or Path(tempfile.gettempdir())
    name = f"continuity-build-{world.run}-"
    for left in place.glob(f"{name}*"):
        # By an attempt at this run that was killed. One that was only frozen fails, and is overtaken.
        shutil.rmtree(left, ignore_errors=True)
    # What a build has left as another user must not fail the rollback: then the folder stays.
    with tempfile.TemporaryDirectory(prefix=name, dir=place, ignore_cleanup_errors=True) as work:
        folder = Path(work) / "source"
        check_out(repository, commit, folder)
        ended = _run(facts, folder)
    image = _image(ended, facts)
    for mark in points_of(world.environment, world.application.name).bad_images():
        if mark.digest == digest_in(image):
            raise UnsafeOperation(f"{named} builds {image}, which is marked as bad: {mark.because}", hint=_HINT)
    seconds = round(time.monotonic() - started, 1)
    logger.info("built a release name=%s commit=%s image=%s seconds=%.1f", named, commit, image, seconds)
    return {"image": image, "seconds": seconds}


def _refuse_moved(repository: Path, tag: str, commit: str) -> None:
    found = next((each.commit for each in read_tags(repository) if each.name == tag), "gone")
    if found != commit:
        raise UnsafeOperation(f"tag {tag} of {repository} was commit {commit}, and is {found}", hint="Make a new plan.")


def _run(facts: Facts, folder: Path) -> Ended:
    try:
        return run_in_group(facts["command"], environment=child_environment({}), timeout_seconds=BUILD_SECONDS, folder=folder)
    except TimeoutError as error:
        raise UnsafeOperation(f"the build of {facts['tag']}: {error}", hint=_HINT) from error


def _image(ended: Ended, facts: Facts) -> str:
    """Return the image that a build has told in its last line, by digest."""
    said = ended.said.strip()
    image = said.rpartition("\n")[2].strip()
    if ended.code != 0:
        why = f"ended with {ended.code}"
    elif not digest_in(image) or "://" in image:
        why = "did not print REPOSITORY@sha256:… in its last line"
    elif repository_of(image) != facts["image repository"]:
        why = f"made an image of {repository_of(image)}, not of {facts['image repository']}"
    else:
        return f"{repository_of(image)}@{digest_in(image)}"
    raise _failed(facts, why, said)


def _failed(facts: Facts, why: str, said: str) -> ContinuityError:
    end = " / ".join(said[-SHOWN_CHARACTERS:].splitlines()) or "nothing"
    return UnsafeOperation(f"the build of {facts['tag']} {why}; it said, at last: {end}", hint=_HINT)


BUILD_IMAGE = Step(kind=BUILD, facts=_facts, do=_build, observes=True, retry=ONCE)
