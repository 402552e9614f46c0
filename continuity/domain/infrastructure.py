"""Decides whether a plan of infrastructure may be carried out. Pure: the plan is handed in, as terraform has made it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from continuity.domain.plan import Facts, PlannedStep
from continuity.domain.protected_types import ALWAYS_PROTECTED

PLAN_INFRASTRUCTURE = "plan the infrastructure"
APPLY_INFRASTRUCTURE = "apply the infrastructure"
READ_OUTPUTS = "read the infrastructure"
"""Kinds of steps; in a plan each has its kind's name."""


class Action(StrEnum):
    """What a plan does to one object."""

    NOTHING = "nothing"
    READ = "read"
    CREATE = "create"
    UPDATE = "update in place"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    """Drop it from the state and leave it standing."""
    UNKNOWN = "unknown"


_ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("no-op",): Action.NOTHING,
    ("read",): Action.READ,
    ("create",): Action.CREATE,
    ("update",): Action.UPDATE,
    ("delete",): Action.DELETE,
    ("forget",): Action.FORGET,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("create", "forget"): Action.REPLACE,
}


def action_of(words: Sequence[str]) -> Action:
    """Name what terraform's list of actions comes to; a list that is not known is no licence."""
    return _ACTIONS.get(tuple(words), Action.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is done to one object. Values are never kept, only digests of those that are known and not sensitive."""

    address: str
    type: str
    action: Action
    because: str = ""
    """Terraform's own word for a replacement or deletion."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Attributes that change, each with a digest of what it will be, or "" where that is not known yet or sensitive."""
    forces: tuple[str, ...] = ()
    """Attributes whose change forces a replacement."""
    deposed: str = ""
    """Key of a replaced object that is left over; the change is about that."""

    def __str__(self) -> str:
        left_over = f" (left over {self.deposed})" if self.deposed else ""
        why = f": {', '.join(self.forces)} cannot change in place" if self.forces else f": {self.because}" if self.because else ""
        return f"{self.action.value} {self.address}{left_over}{why}"


@dataclass(frozen=True, kw_only=True)
class StateIdentity:
    """Which state this is: `lineage` is its name for life ("" before its first object), `serial` counts its writes."""

    lineage: str
    serial: int


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who holds the lock of a state."""

    id: str
    who: str
    since: str
    operation: str

    def __str__(self) -> str:
        return f"{self.who or 'somebody unknown'} since {self.since or 'an unknown time'} ({self.operation}, lock {self.id})"


@dataclass(frozen=True, kw_only=True)
class InfrastructurePlan:
    """What terraform would do, and which state it started from. `sha256` is that of the plan file."""

    sha256: str
    state: StateIdentity
    changes: tuple[Change, ...]
    drift: tuple[Change, ...] = ()
    """What has changed outside of terraform since it looked last."""
    outputs: Mapping[str, bool] = field(default_factory=dict)
    """Names of the outputs, and whether each is sensitive."""
    settled: Mapping[str, Any] = field(default_factory=dict)
    """Outputs that are known already and stay as they are, with their values; no sensitive ones."""
    version: str = ""
    created: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether everything is as it should be."""
        return not self.changes

    def __str__(self) -> str:
        counts = {action: sum(change.action is action for change in self.changes) for action in Action}
        said = [f"{count} to {action.value}" for action, count in counts.items() if count]
        return ", ".join(said) or "nothing to change"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A change that must not be carried out by itself, with the reason."""

    change: Change
    because: str

    def __str__(self) -> str:
        return f"{self.change}; {self.because}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a plan comes to: `refused` stops it, `noted` is told."""

    refused: tuple[Refusal, ...] = ()
    noted: tuple[str, ...] = ()


def decide(plan: InfrastructurePlan, protected: Iterable[str]) -> Decision:
    """Refuse whatever would delete or replace what holds data; tell of drift, and of what is let go.

    `protected` adds types (`aws_sqs_queue`) or addresses (`terraform_data.database`, with all of its instances; `module.data`,
    with all that is in it). What is of a kind that is not known is refused, whatever it is of.
    """
    more = frozenset(protected)
    refused = tuple(refusal for change in plan.changes if (refusal := _refuse(change, more)) is not None)
    noted = [f"drift: {change.address} was changed outside of terraform ({change.action.value})" for change in plan.drift]
    noted += [str(change) + ": it stays, and terraform knows it no more" for change in plan.changes if _forgotten(change)]
    noted += [str(change) for change in plan.changes if change.action in {Action.DELETE, Action.REPLACE}]
    return Decision(refused=refused, noted=tuple(noted))


def _forgotten(change: Change) -> bool:
    return change.action is Action.FORGET


def _refuse(change: Change, more: frozenset[str]) -> Refusal | None:
    if change.action is Action.UNKNOWN:
        return Refusal(change=change, because="it is not known what that does")
    if change.action not in {Action.DELETE, Action.REPLACE}:
        return None
    if change.type in ALWAYS_PROTECTED or change.type in more:
        return Refusal(change=change, because=f"objects of type {change.type} are protected")
    named = next((name for name in sorted(more) if _within(change.address, name)), None)
    return Refusal(change=change, because=f"the application protects {named}") if named else None


def _within(address: str, name: str) -> bool:
    """Whether an address is the one named, an instance of it, or in a module of that name."""
    return address == name or address.startswith((f"{name}[", f"{name}."))


def left_of(approved: Sequence[Change], now: Sequence[Change]) -> tuple[str, ...]:
    """Say what of a new plan is not part of the one that was approved; nothing where it is that, or what is left of it.

    An apply that was killed has done a part, so what a new plan still has to do is less. What was not known then may be
    known by now: it depends on what has been made meanwhile.
    """
    known = {(change.address, change.deposed): change for change in approved}
    said = []
    for change in now:
        then = known.get((change.address, change.deposed))
        if then is None:
            said.append(f"{change} was not part of it")
        elif then.action is not change.action:
            said.append(f"{change} was: {then.action.value}")
        else:
            said += [
                f"{change.address}: {name} would become something else"
                for name, digest in change.attributes.items()
                if name not in then.attributes or (then.attributes[name] and digest and then.attributes[name] != digest)
            ]
    return tuple(said)


def change_facts(changes: Iterable[Change]) -> list[dict[str, object]]:
    """Return changes as a plan of ours records them."""
    return [
        {
            "address": change.address,
            "type": change.type,
            "action": change.action.value,
            "because": change.because,
            "attributes": dict(change.attributes),
            "forces": list(change.forces),
            "deposed": change.deposed,
        }
        for change in changes
    ]


def changes_of(facts: Iterable[Facts]) -> tuple[Change, ...]:
    """Read changes back from a plan's arguments."""
    return tuple(Change(**{**each, "action": Action(each["action"]), "forces": tuple(each["forces"])}) for each in facts)


def infrastructure_steps(plan: InfrastructurePlan, *, workspace: str) -> tuple[PlannedStep, ...]:
    """Return the steps that make the infrastructure so, and read what later steps need to know of it.

    The plan that is approved is bound to the state's lineage and to every change, not to the plan file: that holds secrets
    and the time, and is made anew, in the run, on the machine that applies it.
    """
    target = f"workspace {workspace}, state {plan.state.lineage or 'new'}"
    approved = {"workspace": workspace, "lineage": plan.state.lineage, "changes": change_facts(plan.changes)}
    return (
        PlannedStep(name=PLAN_INFRASTRUCTURE, kind=PLAN_INFRASTRUCTURE, target=f"{target}: {plan}", arguments=approved),
        PlannedStep(
            name=APPLY_INFRASTRUCTURE,
            kind=APPLY_INFRASTRUCTURE,
            target=f"{target}; what is made stays, also when the run is taken back",
            arguments=approved,
        ),
        PlannedStep(name=READ_OUTPUTS, kind=READ_OUTPUTS, target=target, arguments={"workspace": workspace}),
    )
