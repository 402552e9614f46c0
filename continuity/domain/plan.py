"""What a change to an application will do, decided before anything is touched, and bound to what it relies on by its hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import RecoveryPointId
from continuity.domain.stages import Stage

PlanHash = NewType("PlanHash", str)  # 16 lower-case hexadecimal digits
Facts = Mapping[str, Any]
"""What a step relies on, as JSON: recorded before it acts, compared when it acts."""

HASH_DIGITS = 16

TAKES_OVER = "hold"
"""The option by which a plan says which hold it ends."""


class Verb(StrEnum):
    """What a run is for."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    RELEASE = "release"
    UNDO = "undo"
    COLUMN = "column"
    DISCARD = "discard"
    RECOVERY = "recovery"
    REHEARSAL = "rehearsal"
    FEATURE = "feature"
    MEDIA = "media"
    PHASE = "phase"


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """One step: its kind, what it acts on, and the facts that it must find. `name` is unique within a plan."""

    name: str
    kind: str
    target: str
    arguments: Facts = field(default_factory=dict)
    stage: Stage = Stage.IMMEDIATE
    pivot: bool = False
    """Whether this step decides the run although its kind does not: from it on a failure is no reason to go back."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Ordered steps with the identities that they rely on.

    `hash` covers all but `created`: the same world and the same wish make the same plan. Estimates stand beside a plan.
    """

    application: ApplicationName
    verb: Verb
    created: datetime
    targets: Mapping[str, str]
    """Identities, in words: system identifier, OIDs, cluster, image digests."""
    steps: tuple[PlannedStep, ...]
    point: RecoveryPointId | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """What was asked for, so that the plan can be made again and compared."""

    @property
    def hash(self) -> PlanHash:
        """The name by which a plan is approved."""
        content = asdict(self)
        del content["created"]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
        return PlanHash(hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS])

    def step(self, name: str) -> PlannedStep:
        """Return a step by its name."""
        return next(step for step in self.steps if step.name == name)


def what_changed(then: Plan, now: Plan) -> tuple[str, ...]:
    """Say how the world that a plan was made for differs from now's, in words; nothing when the plans are the same.

    One of them may have been stored, and read back: then a tuple in its arguments has become a list, which is no difference.
    """
    if then.hash == now.hash:
        return ()
    changes = [
        f"{name}: was {then.targets.get(name, 'absent')}, is {now.targets.get(name, 'absent')}"
        for name in {**then.targets, **now.targets}
        if then.targets.get(name) != now.targets.get(name)
    ]
    if then.point != now.point:
        changes.append(f"recovery point: was {then.point}, is {now.point}")
    old, new = ({step.name: _as_stored(step) for step in plan.steps} for plan in (then, now))
    changes += [f"step {name!r} is no longer needed" for name in old if name not in new]
    changes += [f"step {name!r} is new" for name in new if name not in old]
    for name, step in old.items():
        if name in new and step != new[name]:
            changes += _argument_changes(step, new[name]) or [f"step {name!r} would act otherwise"]
    if not changes:
        changes.append("the order of the steps")
    return tuple(changes)


def _as_stored(step: PlannedStep) -> PlannedStep:
    return replace(step, arguments=json.loads(json.dumps(dict(step.arguments), default=str)))


def _argument_changes(then: PlannedStep, now: PlannedStep) -> list[str]:
    return [
        f"{then.name}: {key} was {then.arguments.get(key)!r}, is {now.arguments.get(key)!r}"
        for key in {**then.arguments, **now.arguments}
        if then.arguments.get(key) != now.arguments.get(key)
    ]
