"""What an application answers to alerts: `alerts.toml` beside its application.toml."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from continuity.adapters.application_files import list_applications
from continuity.domain.alerts import Action, ApprovalRule, Level, Route
from continuity.domain.application import ApplicationName
from continuity.errors import ConfigurationRefused
from continuity.sections import Section, parse, read_toml

FILE = "alerts.toml"
SHORTEST_COOLDOWN_MINUTES = 1
"""Of what changes the application: a storm is one hold or one rollback, never many."""


class _Alert(Section):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    action: Action
    severity: Level
    labels: dict[str, str] | None = None
    """Without any, the alert has to carry `application = "NAME"`."""
    approval: ApprovalRule = ApprovalRule.PERSON
    hold: bool = False
    cooldown_minutes: Annotated[float, Field(ge=0, le=7 * 24 * 60)] = 60
    maximum_age_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 30

    @model_validator(mode="after")
    def _fits_its_action(self) -> Self:
        if self.approval is ApprovalRule.AUTOMATIC and not self.action.destroys:
            raise ValueError(f"`approval` is for rollbacks; {self.action} needs nobody's")
        if self.hold and not self.action.destroys:
            raise ValueError('`hold` goes with action "rollback"; to hold alone, the action is "hold"')
        changing = self.action.destroys or self.action is Action.HOLD
        if changing and self.cooldown_minutes < SHORTEST_COOLDOWN_MINUTES:
            raise ValueError(f"`cooldown_minutes` of {self.action} is {SHORTEST_COOLDOWN_MINUTES} at the least")
        return self

    def route(self, application: str) -> Route:
        """Return it for an application."""
        return Route(
            application=ApplicationName(application),
            alert=self.name,
            labels={"application": application} if self.labels is None else self.labels,
            action=self.action,
            level=self.severity,
            approval=self.approval,
            hold=self.hold or self.action is Action.HOLD,
            cooldown=timedelta(minutes=self.cooldown_minutes),
            maximum_age=timedelta(minutes=self.maximum_age_minutes),
        )


class _AlertsFile(Section):
    alert: tuple[_Alert, ...] = ()


def load_routes(folder: Path) -> tuple[Route, ...]:
    """Read the routes of every application that has some, in the order in which they are tried.

    Raises:
        ConfigurationRefused: a file is wrong.

    """
    return tuple(route for name in list_applications(folder) for route in _load(folder, name))


def _load(folder: Path, name: str) -> tuple[Route, ...]:
    path = folder / name / FILE
    if not path.exists():
        return ()
    routes = tuple(each.route(name) for each in parse(_AlertsFile, read_toml(path), source=path).alert)
    seen: list[tuple[str, dict[str, str]]] = []
    for route in routes:
        if (key := (route.alert, dict(route.labels))) in seen:
            raise ConfigurationRefused(
                f"{path} has two routes for {route.alert!r} with the same labels", hint="The second is never tried: remove it."
            )
        seen.append(key)
    return routes
