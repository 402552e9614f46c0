"""Decides the rollback of one column, table or constraint. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from continuity.domain.application import Application
from continuity.domain.live import LiveState
from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.proof import proof_steps


@dataclass(frozen=True, kw_only=True)
class ColumnWish:
    """What a person asks for. It goes into the plan, so that the plan can be made again and compared."""

    name: str
    """schema.table.column, or schema.table; with a constraint the table that has it."""
    constraint: str = ""
    with_dependents: bool = False

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it."""
        return {"name": self.name, "constraint": self.constraint, "with dependents": "yes" if self.with_dependents else ""}

    @staticmethod
    def of(options: Mapping[str, str]) -> "ColumnWish":
        """Return the wish that a plan records."""
        return ColumnWish(
            name=options["name"], constraint=options["constraint"], with_dependents=bool(options["with dependents"])
        )


def plan_column(
    application: Application, live: LiveState, wish: ColumnWish, steps: tuple[PlannedStep, ...], *, now: datetime, url: str = ""
) -> Plan:
    """Plan to set one thing aside while the application serves, and to see that it still does: if not, it is put back."""
    return Plan(
        application=application.name,
        verb=Verb.COLUMN,
        created=now,
        targets=live.targets,
        steps=(*steps, *proof_steps(application, url, None)),
        options=wish.options(),
    )
