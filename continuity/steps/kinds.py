"""The table of all kinds of steps that a plan may name."""

from collections.abc import Mapping

from continuity.steps.shadow import RESTORE_SHADOW, Judge, judging
from continuity.steps.step import Step
from continuity.steps.swapping import SWAP


def kinds_of_steps(judge: Judge) -> Mapping[str, Step]:
    """Return every kind by its name; `judge` is what judges a restored database."""
    return {step.kind: step for step in (RESTORE_SHADOW, judging(judge), SWAP)}
