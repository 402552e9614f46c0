"""The contract of a step that changes something: what it relies on, how to ask reality, how to act, how to take it back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from continuity.domain.application import Application
from continuity.domain.plan import Facts
from continuity.domain.run import RunId
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Retry
from continuity.steps.progress import Report, silent


class Probe(Enum):
    """What reality says of a step's effect."""

    NOT_DONE = auto()
    DONE = auto()
    FOREIGN = auto()
    """The world is neither as it was nor as the step would leave it: somebody else has acted, so we must not."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What a step acts on: the application, where it is, and for which run. Each step opens its own sessions and clients."""

    application: Application
    environment: Environment
    run: RunId
    done: Mapping[str, Facts] = field(default_factory=dict)
    """What the steps before this one have recorded, by their names."""
    report: Report = silent


@dataclass(frozen=True, kw_only=True)
class Step:
    """A kind of step. Every function may run twice, and may run after a kill at any moment of the one before.

    `facts(world, arguments)` is what the step relies on, recorded before it acts; originals are taken from there, never
    from the world as a killed attempt has left it. `probe(world, facts)` asks reality. `do(world, facts)` acts, as a
    compare-and-set on the facts, and returns what is worth recording. `undo(world, facts)` takes back what was done, and
    is right for what was not done too; None where there is nothing to take back.
    """

    kind: str
    do: Callable[[World, Facts], Facts]
    facts: Callable[[World, Facts], Facts] = lambda _world, arguments: arguments
    probe: Callable[[World, Facts], Probe] = lambda _world, _facts: Probe.NOT_DONE
    undo: Callable[[World, Facts], None] | None = None
    pivot: bool = False
    """Whether this effect decides the run: before it failures are undone, after it there is only forward."""
    observes: bool = False
    """Whether the step only looks: then nothing is probed after it."""
    watches: bool = False
    """Whether acting includes watching the effect for a while: then the effect alone, found by a probe, is not yet all."""
    retry: Retry = PATIENT
