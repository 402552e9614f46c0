"""The table of all kinds of steps that a plan may name."""

from collections.abc import Mapping

from continuity.steps.release import PULL_IMAGE, SET_THE_FLAGS, SET_THE_RELEASE
from continuity.steps.shadow import RESTORE_SHADOW, Judge, judging
from continuity.steps.step import Step
from continuity.steps.swapping import SWAP
from continuity.steps.traffic import (
    CLOSE_DATABASE,
    END_SESSIONS,
    OPEN_DATABASE,
    PAUSE_SCALERS,
    RESUME_SCALERS,
    START_WORKLOAD,
    STOP_WORKLOAD,
    WAIT_FOR_SESSIONS,
)

KINDS = (
    PULL_IMAGE,
    PAUSE_SCALERS,
    STOP_WORKLOAD,
    WAIT_FOR_SESSIONS,
    END_SESSIONS,
    CLOSE_DATABASE,
    RESTORE_SHADOW,
    SET_THE_RELEASE,
    SET_THE_FLAGS,
    SWAP,
    OPEN_DATABASE,
    START_WORKLOAD,
    RESUME_SCALERS,
)


def kinds_of_steps(judge: Judge) -> Mapping[str, Step]:
    """Return every kind by its name; `judge` is what judges a restored database."""
    return {step.kind: step for step in (*KINDS, judging(judge))}
