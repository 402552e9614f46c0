"""Which tag is built anew where a point does not know its image by digest."""

from datetime import timedelta
from pathlib import Path

import pytest

from continuity.domain.application import Application, ApplicationName, ProtectedDatabase, ReleaseSource, WorkloadRef
from continuity.domain.builds import Tag, choose_build, lost_images
from continuity.domain.traffic import release_steps
from continuity.domain.workloads import ContainerImage, ReleaseIdentity, WorkloadState
from continuity.errors import UnsafeOperation
from tests.fixtures.point_builders import NOW

REPOSITORY = "registry.example/shop"
DIGEST = f"sha256:{'a' * 64}"
SOURCE = ReleaseSource(tag_pattern="v[0-9]*", build_command=("make", "image", "TAG={tag}"), repository=Path("/srv/shop"))


def application(source: ReleaseSource | None = SOURCE) -> Application:
    return Application(name=ApplicationName("shop"), database=ProtectedDatabase(name="shop"), release=source)


def running(tag="", *, version="", revision="", name="web", repository=REPOSITORY, digest=""):
    image = ContainerImage(container="app", reference=f"{repository}:{tag}" if tag else repository, digest=digest)
    return WorkloadState(
        ref=WorkloadRef(namespace="shop", name=name, containers=("app",)), uid="1", resource_version="1", generation=1,
        replicas=1, images=(image,), template_sha256="", release=ReleaseIdentity(version=version, revision=revision),
    )  # fmt: skip


def commit(number: int) -> str:
    return f"{number:040x}"


def tags(*names: str, age=timedelta(days=1)) -> tuple[Tag, ...]:
    return tuple(Tag(name=name, commit=commit(number), created=NOW - age) for number, name in enumerate(names))


def choose(then, now, known, *, source=SOURCE):
    return choose_build(application(source), lost_images([now], [then]), known, taken=NOW)


@pytest.mark.parametrize(
    "then",
    [
        running("latest", version="1.9.0"),
        running("latest", version="v1.9.0"),
        running("1.9.0"),
        running("latest", revision=commit(1)),
    ],
)
def test_the_tag_that_the_point_names_is_built_with_or_without_a_v(then):
    build = choose(then, running("v1.11.0"), tags("v1.8.0", "v1.9.0", "v1.10.0"))

    assert (build.tag, build.commit) == ("v1.9.0", commit(1))
    assert build.command == ("make", "image", "TAG=v1.9.0")
    assert "the point names it" in build.note


@pytest.mark.parametrize("now", [running("v1.11.0"), running("latest", version="1.11.0"), running(revision=commit(3))])
def test_without_a_named_tag_it_is_the_newest_stable_one_before_the_release_that_runs(now):
    known = tags("v1.9.0", "v1.10.0", "v1.11.0-rc1", "v1.11.0", "v2.0.0", "nightly-1.10.5", "v1.10.7;reboot")

    build = choose(running("latest", version="lost"), now, known)

    assert build.tag == "v1.10.0"
    assert "before the release that runs now" in build.note


def test_a_tag_that_could_be_an_option_or_mean_something_to_a_shell_is_never_given_to_the_command():
    anything = ReleaseSource(tag_pattern="*", build_command=("make", "{tag}"), repository=Path("/srv/shop"))
    hostile = ("--eval=1", "$(reboot)", "1;reboot", "a b")

    for name in hostile:
        with pytest.raises(UnsafeOperation, match="no tag of /srv/shop is known"):
            choose(running("latest", version=name), running("latest"), tags(*hostile), source=anything)


def test_a_tag_that_was_made_after_the_point_cannot_have_run_then():
    known = tags("v1.9.0", "v1.11.0") + tags("v1.10.0", age=-timedelta(hours=1))

    assert choose(running("latest"), running("v1.11.0"), known).tag == "v1.9.0"


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (running("latest"), tags("v1.0.0", "v1.1.0")),
        (running("v1.0.0"), tags("v1.0.0", "v1.1.0")),
        (running("v1.0.0"), tags("release-1")),
        (running("v1.0.0"), ()),
    ],
)
def test_where_no_tag_is_known_to_be_right_it_is_refused_and_those_that_were_seen_are_named(now, known):
    with pytest.raises(UnsafeOperation, match="no tag of /srv/shop is known") as refused:
        choose(running("latest"), now, known)

    assert all(tag.name in refused.value.detail for tag in known)
    assert "--image" in refused.value.hint


def test_a_tag_that_is_no_longer_the_commit_that_ran_is_refused():
    with pytest.raises(UnsafeOperation, match=f"was built from {commit(7)}"):
        choose(running("v1.0.0", revision=commit(7)), running("v1.1.0"), tags("v1.0.0"))


def test_one_build_cannot_stand_for_two_images_or_two_releases():
    for other in (running("1", name="mail", repository="registry.example/mail"), running("v2", name="mail")):
        states = [running("v1"), other]
        with pytest.raises(UnsafeOperation, match="one build cannot give"):
            choose_build(application(), lost_images(states, states), tags("v1", "v2"), taken=NOW)


@pytest.mark.parametrize(
    "source",
    [
        None,
        ReleaseSource(tag_pattern="v*", build_command=("make",)),
        ReleaseSource(tag_pattern="v*", repository=Path("/srv/shop")),
    ],
)
def test_an_application_that_does_not_say_how_it_is_built_is_refused_as_before(source):
    then, now = running("v1"), running("v2")
    assert choose(then, now, (), source=source) is None

    with pytest.raises(UnsafeOperation, match=r"only as registry\.example/shop:v1, a tag"):
        release_steps([now], [then])


def test_a_digest_that_is_known_is_never_built():
    assert lost_images([running("v2")], [running("v1", digest=DIGEST)]) == ()


def test_the_image_is_built_once_before_it_is_pulled_and_set_for_each_workload():
    then = [running("v1"), running("v1", name="worker")]
    build = choose_build(application(), lost_images(then, then), tags("v1"), taken=NOW)

    steps = release_steps(then, then, build)

    assert [step.name for step in steps] == [
        "build the release of shop",
        "pull the built image of web", "set the release of web",
        "pull the built image of worker", "set the release of worker",
    ]  # fmt: skip
    assert steps[0].arguments["commit"] == commit(0)
    assert steps[0].target == f"tag v1, commit {commit(0)}, of /srv/shop"
    assert {step.arguments["built by"] for step in steps[1:]} == {steps[0].name}
