"""Decides how a finished run is taken back: the inverse of each step that has changed something. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from continuity.domain import feature, quarantine
from continuity.domain.agreement import agreement_steps
from continuity.domain.application import Application
from continuity.domain.constraints import PUT_IN, TAKE_OUT, put_in_step, take_out_step
from continuity.domain.feature import SET, FlagsSeen, steps_after_undo
from continuity.domain.flags import same, says
from continuity.domain.live import LiveState
from continuity.domain.media_plan import ROLL_BACK, TAKE_BACK, account_step, media_taken_back
from continuity.domain.plan import TAKES_OVER, Facts, Plan, PlannedStep, Verb
from continuity.domain.proof import proof_steps
from continuity.domain.reverts import REVERT, inverse_revert
from continuity.domain.run import History, RunId
from continuity.domain.swap import mark_of, swap_steps, undone_name
from continuity.domain.traffic import ROLLED_OUT, release_waits, start_steps, stop_steps
from continuity.errors import UnsafeOperation

OF = "of"
"""The option by which an undo, and the undo of that, says which verb's doing it is about."""


def plan_undo(
    application: Application,
    live: LiveState,
    history: History,
    former: Plan,
    *,
    options: dict[str, str],
    now: datetime,
    pooled: bool = False,
    url: str = "",
) -> Plan:
    """Plan to take a finished run back: `former` is its plan, `history` what it has recorded.

    A database that it replaced is kept, closed, and has not changed since.

    Raises:
        UnsafeOperation: the run has changed nothing, or what it brought up is no longer live.

    """
    run = history.entries[0].run
    if former.verb is Verb.RECOVERY:
        raise UnsafeOperation(
            f"{run} is a recovery: what it has brought up is all that there is",
            detail="Nothing was changed.",
            hint="Where the old primary is there after all, open it by hand: docs/runbooks/recovery.md.",
        )
    done = [(step, entry.facts) for step in former.steps if (entry := history.done(step.name))]
    swapped = next((facts for step, facts in done if step.kind == "swap"), None)
    inverse = [INVERSES[step.kind](step.name, facts) for step, facts in reversed(done) if step.kind in INVERSES]
    if swapped is None and not inverse:
        raise UnsafeOperation(f"{run} has changed nothing that lasts", detail="Nothing was changed.", hint="There is no undo.")
    of = Verb(former.options.get(OF, former.verb))
    # Only a rollback stops the application: all else goes, and comes back, while it serves.
    stops = of is Verb.ROLLBACK
    swap: tuple[PlannedStep, ...] = ()
    targets = live.targets_taken_over if stops else live.targets
    if swapped is not None:
        swap = _swap_back(live, run, swapped, pooled=pooled)
        targets["takes its place"] = f"database {swapped['replaced']} (OID {swapped['live_oid']}), closed since {run}"
    if not stops:
        _refuse_other_release(live, run, done)
    accounts = tuple(account_step(step.name, step.target) for step in inverse if step.kind == TAKE_BACK)
    agreement = agreement_steps(application) if swapped is not None or accounts else ()
    stop = stop_steps(live.workloads, live.arguments, live.held) if stops else ()
    start = start_steps(live.workloads) if stops else steps_after_undo(former)
    if not stops:
        inverse = _rolled_out(inverse, live)
    return Plan(
        application=application.name,
        verb=Verb.UNDO,
        created=now,
        targets=targets,
        steps=(*stop, *inverse, *accounts, *swap, *start, *agreement, *_proof(application, of, url)),
        options=options | {OF: of.value} | ({TAKES_OVER: live.held.run} if live.held and stops else {}),
    )


def _proof(application: Application, of: Verb, url: str) -> tuple[PlannedStep, ...]:
    # The application's tests are of all its features: one that another run has switched off, or set aside, would fail them.
    return proof_steps(application if of is Verb.ROLLBACK else replace(application, tests=()), url, None)


def _refuse_other_release(live: LiveState, run: RunId, done: Sequence[tuple[PlannedStep, Facts]]) -> None:
    """Refuse to go back past another release: it may be one that lacks what this run would bring back, or has more.

    Raises:
        UnsafeOperation: a workload runs another image than the run has left.

    """
    left = {(facts["namespace"], facts["workload"]): facts["images"] for step, facts in done if step.kind == "set the release"}
    for state in live.workloads:
        running = {image.container: image.pinned or image.reference for image in state.images}
        wanted: Mapping[str, str] = left.get((state.ref.namespace, state.ref.name), {})
        if other := next((name for name, image in wanted.items() if running.get(name) != image), None):
            raise UnsafeOperation(
                f"{state.ref} runs {running.get(other)}, and {run} has left {wanted[other]}",
                detail="Nothing was changed.",
                hint="What was released since comes first: undo the run that has set it, or deploy.",
            )


def _rolled_out(inverse: Sequence[PlannedStep], live: LiveState) -> list[PlannedStep]:
    """Wait for the rollout of releases and replicas before anything is done that needs them, as putting flags back does."""
    changed = {(step.arguments["namespace"], step.arguments["workload"]) for step in inverse if step.kind in ROLLED_OUT}
    states = [state for state in live.workloads if (state.ref.namespace, state.ref.name) in changed]
    last = max((place for place, step in enumerate(inverse) if step.kind in ROLLED_OUT), default=-1) + 1
    return [*inverse[:last], *release_waits(states), *inverse[last:]]


def plan_undo_of_flags(
    application: Application, seen: FlagsSeen, history: History, former: Plan, *, options: dict[str, str], now: datetime
) -> Plan:
    """Plan to take back a run that has switched features and done nothing else: its database need not answer.

    The application is not tested afterwards: its tests are of all its features, also of those that are off on purpose.

    Raises:
        UnsafeOperation: the run has changed nothing, or somebody else has changed its flag since.

    """
    run = history.entries[0].run
    done = [(step.name, entry.facts) for step in former.steps if step.kind == SET and (entry := history.done(step.name))]
    if not done:
        raise UnsafeOperation(f"{run} has changed nothing that lasts", detail="Nothing was changed.", hint="There is no undo.")
    for _, facts in done:
        present = seen.definitions.get(facts["flag"])
        if present is None or not (same(present, facts["wanted"]) or same(present, facts["former"])):
            raise UnsafeOperation(
                f"flag {facts['flag']!r} was changed by somebody else since {run}, and is {says(present) if present else 'gone'}",
                detail=f"It was {says(facts['former'])} before: {facts['former']}",
                hint=f"Set what you want: `continuity feature {application.name} FLAG on|off`.",
            )
    return Plan(
        application=application.name,
        verb=Verb.UNDO,
        created=now,
        targets=seen.targets,
        steps=(*(feature.put_back_step(name, facts) for name, facts in reversed(done)), *steps_after_undo(former)),
        options=options,
    )


def plan_undo_of_media(
    application: Application, history: History, former: Plan, *, bucket: str, options: dict[str, str], now: datetime
) -> Plan:
    """Plan to take back a run that has changed media and nothing else: its database need not answer.

    `bucket` is the bucket in words. Once the files are as they were before, what only looks takes nothing back.

    Raises:
        UnsafeOperation: the run has changed nothing.

    """
    run = history.entries[0].run
    done = [(step, entry.facts) for step in former.steps if step.kind in INVERSES and (entry := history.done(step.name))]
    if not done:
        raise UnsafeOperation(f"{run} has changed nothing that lasts", detail="Nothing was changed.", hint="There is no undo.")
    back = [INVERSES[step.kind](step.name, facts) for step, facts in reversed(done)]
    return Plan(
        application=application.name,
        verb=Verb.UNDO,
        created=now,
        targets={"bucket": bucket, "takes back": f"{run}, key by key; what was uploaded since stays"},
        steps=(
            *back[:-1],
            replace(back[-1], pivot=True),
            *(account_step(step.name, step.target) for step in back),
            *agreement_steps(application),
        ),
        options=options,
    )


def _swap_back(live: LiveState, run: RunId, swapped: Facts, *, pooled: bool) -> tuple[PlannedStep, ...]:
    if live.oid != swapped["shadow_oid"] or live.system_identifier != swapped["system_identifier"]:
        raise UnsafeOperation(
            f"{live.in_words} is not the one that {run} brought up, OID {swapped['shadow_oid']}",
            detail="Nothing was changed.",
            hint="Another run has swapped since: undo that one first.",
        )
    mark = mark_of(live.system_identifier, live.oid, swapped["live_oid"])
    arguments = live.arguments | {
        "shadow": swapped["replaced"],
        "shadow_oid": swapped["live_oid"],
        "replaced": undone_name(live.database, mark),
    }
    return swap_steps("swap the databases back", live, arguments, pooled=pooled)


def _former_release(step: str, facts: Facts) -> PlannedStep:
    kept = {name: facts[name] for name in ("namespace", "workload", "containers", "uid")}
    images: dict[str, str] = dict(facts["former images"])
    arguments = kept | {"images": images, "config": facts["former config"], "marks": facts["former marks"]}
    return PlannedStep(name=step, kind="set the release", target=", ".join(images.values()), arguments=arguments)


def _former_flags(step: str, facts: Facts) -> PlannedStep:
    arguments = {name: facts[name] for name in ("namespace", "config map", "key")} | {"document": facts["former"]}
    return PlannedStep(
        name=step, kind="set the flags", target=f"configmap {facts['namespace']}/{facts['config map']}", arguments=arguments
    )


def _former_replicas(step: str, facts: Facts) -> PlannedStep:
    arguments = {name: facts[name] for name in ("namespace", "workload", "containers", "uid")}
    target = f"deployment {facts['namespace']}/{facts['workload']}, back to {facts['former']} replicas"
    return PlannedStep(name=step, kind="scale a workload", target=target, arguments=arguments | {"replicas": facts["former"]})


def _unpinned(step: str, facts: Facts) -> PlannedStep:
    arguments = {name: facts[name] for name in ("namespace", "workload", "containers", "uid", "scalers", "pinned to")}
    return PlannedStep(name=f"un{step}", kind="unpin what scales", target=_scalers(facts), arguments=arguments)


def _pinned_again(step: str, facts: Facts) -> PlannedStep:
    arguments = {name: facts[name] for name in ("namespace", "workload", "containers", "uid", "pinned to")}
    return PlannedStep(name=step.removeprefix("un"), kind="pin what scales", target=_scalers(facts), arguments=arguments)


def _scalers(facts: Facts) -> str:
    return ", ".join(f"{each['kind']} {each['namespace']}/{each['name']}" for each in facts["scalers"])


INVERSES: Mapping[str, Callable[[str, Facts], PlannedStep]] = {
    "set the release": _former_release,
    "set the flags": _former_flags,
    ROLL_BACK: media_taken_back,
    TAKE_BACK: media_taken_back,
    "set a flag": feature.put_back_step,
    quarantine.SET_ASIDE: quarantine.put_back_step,
    quarantine.PUT_BACK: quarantine.set_aside_step,
    REVERT: inverse_revert,
    "pin what scales": _unpinned,
    "unpin what scales": _pinned_again,
    "scale a workload": _former_replicas,
    TAKE_OUT: put_in_step,
    PUT_IN: take_out_step,
}
"""What takes a step back, by its kind: from its name and what it recorded. Kinds that are not here change nothing that lasts."""
