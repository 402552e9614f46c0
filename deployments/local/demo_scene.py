"""The parts on which the demonstration is played."""

from dataclasses import dataclass
from datetime import UTC, datetime

from continuity.domain.application import Application
from continuity.domain.recovery_point import Manifest
from continuity.engine import Observer, unobserved
from continuity.procedures.backup import take_backup
from continuity.procedures.drill import DrillReport, drill_point
from continuity.settings import Environment
from continuity.steps.operation import perform_plainly
from expectations.validator import Validator


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An application on the embedded stack, with a validator that is loaded once."""

    application: Application
    environment: Environment
    validator: Validator
    address: str = ""
    observe: Observer = unobserved

    def back_up(self) -> Manifest:
        """Make a recovery point."""
        moment = datetime.now(UTC)
        return take_backup(self.application, self.environment, created=moment, perform=perform_plainly).manifest

    def drill(self, point: str, *, keep: bool = False) -> DrillReport:
        """Prove a point."""
        return drill_point(
            self.application, self.environment, wanted=point, keep=keep, perform=perform_plainly, validate=self.validator
        )
