"""The plan of a phase: expand and contract backwards, refused where it could not be proven or says two things at once."""

from datetime import UTC, datetime

import pytest

from continuity.domain.application import Application, ApplicationName, ProtectedDatabase, ReleaseSource, WorkloadRef
from continuity.domain.live import Held, LiveState
from continuity.domain.phase_rollback import PhaseParts, PhaseWish, code_steps, plan_phase, service_steps
from continuity.domain.phases import Phase, PhaseName, PhaseService
from continuity.domain.plan import Plan, PlannedStep
from continuity.domain.reverts import Blob, FileChange, Revert
from continuity.domain.run import RunId
from continuity.domain.workloads import ContainerImage, ScalerState, WorkloadState
from continuity.errors import ConfigurationRefused, UnsafeOperation

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SHOP = Application(name=ApplicationName("shop"), database=ProtectedDatabase(name="shop"))
PHASE = Phase(name=PhaseName("loyalty"), flags=("points",))
NEW, OLD = (f"sha256:{digit * 64}" for digit in "ab")


def make_state(name: str = "web", *, repository: str = "shop", scaled: bool = True) -> WorkloadState:
    ref = WorkloadRef(namespace="shop", name=name, containers=("app",))
    image = ContainerImage(container="app", reference=f"{repository}@{NEW}", digest=NEW)
    scaler = ScalerState(kind="HorizontalPodAutoscaler", namespace="shop", name=name, uid="h")
    return WorkloadState(
        ref=ref, uid="u", resource_version="1", generation=1, replicas=3, images=(image,), template_sha256="t",
        scalers=(scaler,) if scaled else (),
    )  # fmt: skip


def make_live(*states: WorkloadState, held: Held | None = None) -> LiveState:
    return LiveState(database="shop", oid=1, system_identifier="7", size_bytes=1, workloads=states, held=held)


def make_step(name: str) -> PlannedStep:
    return PlannedStep(name=name, kind=name, target="")


def make_revert(tmp_path, *changes: FileChange) -> Revert:
    return Revert(repository=tmp_path, base="b" * 40, base_because="it runs", ref="v1", at="a" * 40, changes=changes)


def plan(live: LiveState, **parts: tuple[PlannedStep, ...]) -> Plan:
    return plan_phase(SHOP, live, PHASE, PhaseParts(**parts), options=PhaseWish(phase="loyalty").options(), now=NOW, url="")


def test_flags_go_first_then_the_code_that_asks_then_what_is_asked_for(tmp_path):
    live = make_live(make_state())
    change = FileChange(path="a", now=Blob(mode="100644", object="1"), wanted=None)
    source = ReleaseSource(tag_pattern="v*", build_command=("build", "{tag}"), repository=tmp_path)
    code, notes = code_steps(SHOP, source, live, PHASE, make_revert(tmp_path, change))

    made = plan(live, media=(make_step("media"),), schema=(make_step("schema"),), flags=(make_step("flags"),), code=code)

    assert [step.name for step in made.steps] == [
        "flags", "commit the revert", "build the release of shop", "pull the built image of web", "set the release of web",
        "wait for the release of web", "schema", "media",
    ]  # fmt: skip
    assert not any(step.pivot for step in made.steps)
    assert "code: 'a' goes" in notes
    assert PhaseWish.of(made) == PhaseWish(phase="loyalty")


def test_what_is_as_it_was_already_needs_no_step(tmp_path):
    source = ReleaseSource(tag_pattern="v*", build_command=("build",), repository=tmp_path)
    runs = PhaseService(workload="shop/web", container="app", image=f"shop@{NEW}")

    assert code_steps(SHOP, source, make_live(make_state()), PHASE, make_revert(tmp_path))[0] == ()
    assert service_steps((runs, PhaseService(workload="shop/web", replicas=3)), make_live(make_state())) == ()
    with pytest.raises(UnsafeOperation, match="nothing of phase loyalty is left"):
        plan(make_live(make_state()))


def test_replicas_are_pinned_where_something_would_scale_them_back_and_an_image_is_pulled_before_it_is_set():
    services = (
        PhaseService(workload="shop/web", replicas=1),
        PhaseService(workload="shop/worker", container="app", image=f"shop@{OLD}"),
    )

    steps = service_steps(services, make_live(make_state(), make_state("worker", scaled=False)))

    assert [step.name for step in steps] == [
        "pin what scales web",
        "scale web",
        "pull the image of worker",
        "set the release of worker",
    ]
    assert steps[0].arguments["pinned to"] == 1


def test_one_build_gives_one_image(tmp_path):
    change = FileChange(path="a", now=None, wanted=Blob(mode="100644", object="1"))
    source = ReleaseSource(tag_pattern="v*", build_command=("build",), repository=tmp_path)
    live = make_live(make_state(), make_state("worker", repository="other"))

    with pytest.raises(UnsafeOperation, match="one build cannot give other, shop"):
        code_steps(SHOP, source, live, PHASE, make_revert(tmp_path, change))


def test_a_workload_does_not_get_two_images():
    release = make_step("set the release of web")

    with pytest.raises(ConfigurationRefused, match="in two ways"):
        plan(make_live(), code=(release,), services=(release,))


def test_a_phase_goes_while_the_application_serves():
    held = Held(run=RunId("shop-hold-20261124T020000Z-1f2e"))

    with pytest.raises(UnsafeOperation, match="is held by shop-hold"):
        plan(make_live(make_state(), held=held), flags=(make_step("flags"),))
