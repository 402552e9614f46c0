"""What telling people of an incident needs: somebody to tell, and channels that lead somewhere. Sends nothing."""

from collections.abc import Iterator

from continuity.adapters.channels import check_channel
from continuity.adapters.people_files import FILE, load_people
from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.people import People
from continuity.errors import ConfigurationRefused
from continuity.settings import Environment
from continuity.steps.preconditions.answers import failed


def check_notices(application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at whether the people of an application would be told."""
    try:
        people = load_people(environment.applications, application.name)
    except ConfigurationRefused as error:
        return (failed("people", error),)
    if people is None:
        return (
            Check(
                name="people",
                passed=True,
                detail=f"nobody is told of incidents: there is no {FILE} beside application.toml",
                hint="Write it; docs/runbooks/notices.md says how.",
            ),
        )
    return tuple(_checks(people, environment))


def _checks(people: People, environment: Environment) -> Iterator[Check]:
    yield Check(name="people", passed=True, detail=f"{len(people.roles)} roles, {len(people.channels)} channels")
    section = environment.notices
    if section is None:
        detail = "nobody is told of incidents: the environment has no `[notices]`"
        yield Check(
            name="channels", passed=True, detail=detail, hint=f"Add `[notices.channels]` with {', '.join(people.channels)}."
        )
        return
    if section.sink:
        detail = f"nobody is told of incidents: every message is written to {section.sink}"
        yield Check(name="channels", passed=True, detail=detail, hint="In production leave out `[notices] sink`.")
        return
    for channel in people.channels:
        wrong = check_channel(channel, section)
        yield Check(
            name=f"channel {channel}",
            passed=not wrong,
            detail=wrong or "its address can be sent to; `continuity notices` with --test tries it",
            hint=f'Add `{channel} = "env:VARIABLE"` or `"file:/path"` to `[notices.channels]`, with a URL of apprise.'
            if wrong
            else "",
        )
