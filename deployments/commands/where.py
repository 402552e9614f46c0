"""Which environment a command works in, and how it answers: the options that every verb has."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from continuity.domain.application import Application
    from continuity.settings import Environment
    from deployments.console import Terminal


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """Which environment, and how to answer."""

    environment: Annotated[Path | None, Parameter(help="Environment file; default: CONTINUITY_ENVIRONMENT.")] = None
    applications: Annotated[Path | None, Parameter(help="Folder of applications; default: the environment's.")] = None
    journal: Annotated[
        Path | None, Parameter(help="Folder for plans, leases and journals where the vault cannot be reached.")
    ] = None
    json: Annotated[bool, Parameter(negative="", help="One JSON document on stdout.")] = False

    def terminal(self) -> "Terminal":
        """Open the terminal."""
        from deployments.console import Terminal

        return Terminal(as_json=self.json)

    def load_environment(self) -> "Environment":
        """Read the environment, with what the options say instead."""
        from continuity.settings import JournalSection, load_environment

        environment = load_environment(self.environment)
        instead: dict[str, object] = {"applications": self.applications} if self.applications else {}
        if self.journal:
            instead["journal"] = JournalSection(url=self.journal.absolute().as_uri())
        return environment.model_copy(update=instead)

    @property
    def environment_file(self) -> Path:
        """The environment's file, as it was given or as the variable names it."""
        from continuity.settings import ENVIRONMENT_VARIABLE

        return self.environment or Path(os.environ.get(ENVIRONMENT_VARIABLE, "environment.toml"))

    def load(self, name: str) -> "tuple[Application, Environment]":
        """Read the environment and an application."""
        from continuity.adapters.application_files import load_application

        environment = self.load_environment()
        return load_application(environment.applications, name), environment


HERE = Where()
"""The environment that `CONTINUITY_ENVIRONMENT` names, answered in words."""
