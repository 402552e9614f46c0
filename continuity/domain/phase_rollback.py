"""Decides how one phase of an application is taken back, while the application serves: which steps in which order. Pure.

Expand and contract, backwards: flags off, so that nobody asks for the phase any more; code and services without it; then its
tables and columns, which nobody uses now; then its media. Each step is exactly reversible, so there is no pivot: a failure
anywhere takes all of it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from continuity.domain.application import Application, ReleaseSource
from continuity.domain.builds import CommitBuild
from continuity.domain.live import LiveState
from continuity.domain.phases import Phase, PhaseCode, PhaseService
from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.proof import proof_steps
from continuity.domain.reverts import REVERT, Revert, short
from continuity.domain.traffic import ROLLED_OUT, built_steps, image_steps, release_waits, scale_steps
from continuity.domain.workloads import WorkloadState, repository_of
from continuity.errors import ConfigurationRefused, UnsafeOperation


@dataclass(frozen=True, kw_only=True)
class PhaseWish:
    """What a person asks for. It goes into the plan, so that the plan can be made again and compared."""

    phase: str
    with_dependents: bool = False
    """Whether what stands outside the phase and needs it goes too."""

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it."""
        return {"phase": self.phase, "with dependents": "yes" if self.with_dependents else ""}

    @staticmethod
    def of(plan: Plan) -> "PhaseWish":
        """Return the wish that a plan records."""
        return PhaseWish(phase=plan.options["phase"], with_dependents=bool(plan.options["with dependents"]))


@dataclass(frozen=True, kw_only=True)
class PhaseParts:
    """The steps of each part, and what is to be known of them before anybody approves."""

    flags: tuple[PlannedStep, ...] = ()
    code: tuple[PlannedStep, ...] = ()
    services: tuple[PlannedStep, ...] = ()
    schema: tuple[PlannedStep, ...] = ()
    media: tuple[PlannedStep, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict)
    """What else is acted on, by identity."""


def plan_phase(
    application: Application,
    live: LiveState,
    phase: Phase,
    parts: PhaseParts,
    *,
    options: dict[str, str],
    now: datetime,
    url: str,
) -> Plan:
    """Plan to take a phase back.

    Raises:
        ConfigurationRefused: the phase says of one workload two things that contradict each other.
        UnsafeOperation: the application is held, or nothing of the phase is left to take back.

    """
    refuse_held(application, live)
    acts = (*parts.flags, *parts.code, *parts.services)
    changed = {(step.arguments["namespace"], step.arguments["workload"]) for step in acts if step.kind in ROLLED_OUT}
    rolled_out = release_waits(state for state in live.workloads if (state.ref.namespace, state.ref.name) in changed)
    steps = (*acts, *rolled_out, *parts.schema, *parts.media)
    if not steps:
        raise UnsafeOperation(
            f"nothing of phase {phase} is left to take back", detail="Nothing was changed.", hint="It was taken back before."
        )
    names = [step.name for step in steps]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationRefused(
            f"phase {phase.name} would {min(twice)!r} in two ways",
            hint="A workload gets either an image, or code that is built: leave one of them out of phases.toml.",
        )
    return Plan(
        application=application.name,
        verb=Verb.PHASE,
        created=now,
        targets=live.targets | dict(parts.targets),
        # The application's tests are of all its features, this one too.
        steps=(*steps, *proof_steps(replace(application, tests=()), url, None)),
        options=options,
    )


KEPT = (
    "nothing is lost: tables and columns are set aside with their rows and come back with what is written meanwhile, files are"
    " in git, objects keep their versions; `continuity undo RUN` puts all of it back"
)


def refuse_held(application: Application, live: LiveState) -> None:
    """Refuse while the application is stopped: a phase goes while it serves, and is proven by its answers.

    Raises:
        UnsafeOperation: a hold is in force.

    """
    if live.held:
        raise UnsafeOperation(
            f"{application.name} is held by {live.held.run}",
            detail="Nothing was changed.",
            hint=f"Put it back with `continuity release {application.name}` first.",
        )


def code_steps(
    application: Application, source: ReleaseSource, live: LiveState, phase: Phase, revert: Revert
) -> tuple[tuple[PlannedStep, ...], tuple[str, ...]]:
    """Plan to commit a revert, and to build and roll it out where that is known; return the steps with what they do in words.

    Raises:
        UnsafeOperation: one build cannot give all the images that the workloads run.

    """
    if not revert.changes:
        return (), (f"code: every file is as at {revert.ref} already",)
    notes = [f"code: {change}" for change in revert.changes]
    notes.append(f"code: a commit above {short(revert.base)} ({revert.base_because}), as at {revert.ref} ({short(revert.at)})")
    written = revert.step(f"phase {phase.name} of {application.name}")
    if not source.build_command or not live.workloads:
        notes.append(
            f"code: the branch continuity/RUN is made in {revert.repository}, and `[release]` names no build_command: whoever"
            f" deploys {application.name} has to build and deploy it. Until then the flags alone hide the phase"
        )
        return (written,), tuple(notes)
    build = CommitBuild(
        application=application.name,
        repository=revert.repository,
        committed_by=REVERT,
        command=source.build_command,
        image=_one_image(live.workloads),
    )
    notes.append("code: the plan names no digest: the build tells it, and exactly that image is rolled out")
    rolled = [step for state in live.workloads for step in built_steps(state, state.ref.containers, build)]
    return (written, build.step, *rolled), tuple(notes)


def code_without_repository(code: PhaseCode) -> tuple[str, ...]:
    """Say which files are not reverted, where no repository is known."""
    files = ", ".join(map(repr, code.files))
    known = "code: no repository is known (`[release] repository`)"
    return (
        f"{known}, so these files are NOT as at {code.ref} afterwards: {files}",
        "code: until somebody reverts and deploys them, the flags alone hide the phase",
    )


def _one_image(workloads: tuple[WorkloadState, ...]) -> str:
    """Return the registry's repository of which all the application's containers run an image."""
    images = {
        repository_of(image.reference) for state in workloads for name in state.ref.containers if (image := state.image_of(name))
    }
    if len(images) != 1:
        raise UnsafeOperation(
            f"one build cannot give {', '.join(sorted(images)) or 'the images'}",
            detail="Nothing was changed.",
            hint="Leave `[release] build_command` out: then the branch is made, and you deploy it.",
        )
    return images.pop()


def service_steps(services: tuple[PhaseService, ...], live: LiveState) -> tuple[PlannedStep, ...]:
    """Plan what workloads run without the phase; what they run already is left out."""
    states = {str(state.ref): state for state in live.workloads}
    steps: list[PlannedStep] = []
    for workload, state in states.items():
        mine = [each for each in services if each.workload == workload]
        images = {each.container: each.image for each in mine if each.image and not _runs(state, each)}
        steps += image_steps(state, images) if images else ()
        for each in mine:
            if each.replicas is not None and each.replicas != state.replicas:
                steps += scale_steps(state, each.replicas)
    return tuple(steps)


def _runs(state: WorkloadState, service: PhaseService) -> bool:
    image = state.image_of(service.container)
    return image is not None and image.pinned == service.image
