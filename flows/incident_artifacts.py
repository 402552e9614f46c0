"""An incident as a Prefect artifact."""

from functools import partial

from prefect.artifacts import create_markdown_artifact

from continuity.domain.incidents import Incident
from continuity.domain.neutral import neutral
from flows.publishing import publish


def publish_incident(incident: Incident) -> None:
    """Publish what an incident is now."""
    key = f"{incident.opened.application}-incident"
    publish(
        key,
        partial(
            create_markdown_artifact,
            key=key,
            markdown=incident_markdown(incident),
            description=f"{incident.id} is {incident.state.value}",
        ),
    )


def incident_markdown(incident: Incident) -> str:
    """Write what an incident is now, for whoever looks at it in the UI."""
    opened = incident.opened
    exercise = "EXERCISE: nothing is wrong. " if opened.exercise else ""
    lines = [f"- {line.at:%Y-%m-%d %H:%M:%S} UTC {_plain(line.text)}" for line in incident.timeline]
    return "\n\n".join(
        filter(
            None,
            (
                f"# {exercise}{incident.level.value}: {_plain(opened.title)}",
                f"{incident.id} is **{incident.state.value}**.",
                _plain(opened.summary),
                "## What has happened",
                "\n".join(lines),
            ),
        )
    )


def _plain(text: str) -> str:
    """Return a foreign text as a line of Markdown that means nothing but itself."""
    return "".join(f"\\{each}" if each in r"\`*_[]#|!" else each for each in neutral(text))
