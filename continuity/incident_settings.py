"""The `[incidents]` table: how incidents are handled in an environment."""

from typing import Annotated

from pydantic import Field

from continuity.sections import Section


class IncidentsSection(Section):
    """How incidents are handled."""

    exercise: bool = False
    """Whether all that happens here is an exercise, which no measure counts among what was real: staging, a demonstration."""
    retaken_seconds: Annotated[float, Field(ge=1)] = 60
    """How long a process may take to send a message before another one sends it: longer than all its channels together."""
    look_seconds: Annotated[float, Field(ge=0.1)] = 5
    """How often the receiver looks for what is due."""
