"""What people work with while an application is gone: lists from the restored data, and the notice to customers. Pure."""

from collections.abc import Mapping
from typing import Any

from continuity.domain.application import Application
from continuity.domain.plan import PlannedStep

WRITE_FALLBACK = "write the manual fallback"


def fallback_step(application: Application, point: Mapping[str, Any]) -> tuple[PlannedStep, ...]:
    """Plan to write the lists and the notice, as soon as the data is there again; nothing where none are described."""
    fallback = application.fallback
    names = [f"{each.name}.csv" for each in fallback.lists] + (["notice.txt"] if fallback.notice else [])
    if not names:
        return ()
    return (PlannedStep(name=WRITE_FALLBACK, kind=WRITE_FALLBACK, target=", ".join(names), arguments=dict(point)),)
