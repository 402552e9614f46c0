"""Decides how a feature is switched: its flag set, what reads flags at its start started anew, and who has it told. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from continuity.domain.application import Application
from continuity.domain.flags import Says, refuse_unknown, says, switched
from continuity.domain.live import workload_of
from continuity.domain.plan import Facts, Plan, PlannedStep, Verb
from continuity.domain.traffic import rollout_steps, workload_arguments
from continuity.domain.workloads import WorkloadState
from continuity.errors import UnsafeOperation

SET, RESTART, LOOK = "set a flag", "restart a workload", "see who has a flag"
ROLL_OUT = "wait for the rollout"
"""Kinds of steps."""


class FlagUse(StrEnum):
    """How the pods of a workload come by the flags of a ConfigMap."""

    START = "start"
    """Read once, when a container starts: as environment, or as a single file (`subPath`), which is never renewed."""
    FILE = "file"
    """A mounted file, which the kubelet renews within a minute or two."""
    NONE = "none"
    """Its pod template does not name the ConfigMap: flagd, or a client of its own, brings the flags."""


@dataclass(frozen=True, kw_only=True)
class FlagReader:
    """A workload, and how its pods come by the flags. One that is `paused` rolls nothing out."""

    state: WorkloadState
    use: FlagUse
    paused: bool = False


@dataclass(frozen=True, kw_only=True)
class FlagsSeen:
    """The flags of an application as they are now: their place by its identity, definitions by name, who reads them."""

    place: Facts
    in_words: str
    targets: Mapping[str, str]
    definitions: Mapping[str, str]
    readers: tuple[FlagReader, ...] = ()
    notes: tuple[str, ...] = ()


def plan_feature(
    application: Application, seen: FlagsSeen, flag: str, *, on: bool, restart: bool, options: dict[str, str], now: datetime
) -> Plan:
    """Plan to switch a feature; without steps where its flag is as wanted already.

    Raises:
        ConfigurationRefused: there is no such flag.
        UnsafeOperation: it is no switch, or has rules that on would go past, or a workload rolls nothing out.

    """
    return Plan(
        application=application.name,
        verb=Verb.FEATURE,
        created=now,
        targets=seen.targets,
        steps=switch_steps(seen, {flag: on}, restart=restart),
        options=options,
    )


def switch_steps(seen: FlagsSeen, wanted: Mapping[str, bool], *, restart: bool = True) -> tuple[PlannedStep, ...]:
    """Plan to set flags that are not as wanted, to start anew what reads them at its start, and to see who has them.

    Raises:
        ConfigurationRefused: there is no such flag.
        UnsafeOperation: one is no switch, or has rules that on would go past, or a workload rolls nothing out.

    """
    restarted = [each for each in seen.readers if restart and each.use is FlagUse.START]
    readers = [_reader_arguments(each, restart=each in restarted) for each in seen.readers]
    sets = tuple(_set_step(seen, flag, on=on, readers=readers) for flag, on in wanted.items() if _differs(seen, flag, on=on))
    if not sets:
        return ()
    if paused := next((each.state.ref for each in restarted if each.paused), None):
        raise UnsafeOperation(
            f"deployment {paused} is paused, so its pods are not started anew and keep the flags that they have read",
            detail="Nothing was changed.",
            hint=f"`kubectl rollout resume` it, or leave the pods with --no-restart. Namespace: {paused.namespace}.",
        )
    return (*sets, *restart_steps(each.state for each in restarted), *map(_look_step, sets))


def restart_steps(workloads: Iterable[WorkloadState]) -> tuple[PlannedStep, ...]:
    """Plan to start the pods of workloads anew, a few at a time as their strategy says, and to wait for that."""
    states = tuple(workloads)
    restarts = (
        PlannedStep(
            name=f"restart {state.ref.name}",
            kind=RESTART,
            target=f"deployment {state.ref} (uid {state.uid}), pod by pod",
            arguments=workload_arguments(state),
        )
        for state in states
    )
    return (*restarts, *rollout_steps(states))


def switches_only(plan: Plan) -> bool:
    """Whether a plan switches features and does nothing else."""
    return all(step.kind in {SET, RESTART, ROLL_OUT, LOOK} for step in plan.steps)


def put_back_step(_step: str, facts: Facts) -> PlannedStep:
    """Plan the inverse of setting a flag: exactly its former definition, if it is still as it was set."""
    flag = facts["flag"]
    recorded = {"former", "version", "pods", "restarted at"}
    kept = {name: value for name, value in facts.items() if name not in recorded}
    return PlannedStep(
        name=f"put {flag} back",
        kind=SET,
        target=f"{facts['place']}: {flag} as it was: {says(facts['former'])}",
        arguments=kept | {"found": facts["wanted"], "wanted": facts["former"]},
    )


def steps_after_undo(former: Plan) -> tuple[PlannedStep, ...]:
    """Plan what follows once flags are put back: what a run has started anew, and looked at, is so once more."""
    restarts = tuple(step for step in former.steps if step.kind == RESTART)
    waits = {f"wait for the rollout of {step.arguments['workload']}" for step in restarts}
    rolls_out = (step for step in former.steps if step.name in waits)
    looks = (
        PlannedStep(
            name=step.name,
            kind=LOOK,
            target=step.target,
            arguments={**step.arguments, "set by": f"put {step.arguments['flag']} back"},
        )
        for step in former.steps
        if step.kind == LOOK
    )
    return (*restarts, *rolls_out, *looks)


def _differs(seen: FlagsSeen, flag: str, *, on: bool) -> bool:
    refuse_unknown(flag, seen.definitions)
    return says(seen.definitions[flag]) is not Says.of(on=on)


def _reader_arguments(reader: FlagReader, *, restart: bool) -> Facts:
    return workload_arguments(reader.state) | {"use": reader.use.value, "restart": restart}


def _set_step(seen: FlagsSeen, flag: str, *, on: bool, readers: Sequence[Facts]) -> PlannedStep:
    found = seen.definitions[flag]
    definitions = {"found": found, "wanted": switched(flag, found, on=on)}
    aside = ", set aside until this is undone" if says(found) is Says.BY_RULES else ""
    return PlannedStep(
        name=f"set {flag} {Says.of(on=on)}",
        kind=SET,
        target=f"{seen.in_words}: {flag}, now {says(found)}{aside}",
        arguments={**seen.place, "place": seen.in_words, "flag": flag, **definitions, "readers": readers},
    )


def _look_step(setting: PlannedStep) -> PlannedStep:
    flag, readers = setting.arguments["flag"], setting.arguments["readers"]
    return PlannedStep(
        name=f"see who has {flag}",
        kind=LOOK,
        target=", ".join(map(workload_of, readers)) or setting.arguments["place"],
        arguments={"flag": flag, "set by": setting.name, "readers": readers},
    )
