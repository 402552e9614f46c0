"""The parts of a run, each with the time that it may take."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class Stage(StrEnum):
    """The part of a run that a step belongs to; each has a budget."""

    IMMEDIATE = "immediate"
    INFRASTRUCTURE = "infrastructure"
    DATABASE = "database"
    DEPLOYMENT = "deployment"
    VALIDATION = "validation"
    TRAFFIC = "traffic"
    CONFIRMATION = "confirmation"


BUDGETS: Mapping[Stage, timedelta] = {
    Stage.IMMEDIATE: timedelta(minutes=15),
    Stage.INFRASTRUCTURE: timedelta(minutes=60),
    Stage.DATABASE: timedelta(minutes=90),
    Stage.DEPLOYMENT: timedelta(minutes=20),
    Stage.VALIDATION: timedelta(minutes=15),
    Stage.TRAFFIC: timedelta(minutes=25),
    Stage.CONFIRMATION: timedelta(minutes=30),
}
"""How long each stage may take. A rollback has the immediate one and the last two of proof: one hour in all. A recovery has
all but the immediate one: four hours in all."""
