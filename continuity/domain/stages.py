"""The parts of a run, each with the time that it may take."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class Stage(StrEnum):
    """The part of a run that a step belongs to; each has a budget."""

    IMMEDIATE = "immediate"
    VALIDATION = "validation"
    CONFIRMATION = "confirmation"


BUDGETS: Mapping[Stage, timedelta] = {
    Stage.IMMEDIATE: timedelta(minutes=15),
    Stage.VALIDATION: timedelta(minutes=15),
    Stage.CONFIRMATION: timedelta(minutes=30),
}
"""How long each stage of an emergency rollback may take: under one hour in all."""
