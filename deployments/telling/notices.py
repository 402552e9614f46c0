"""What a person is told of who is told of incidents."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from rich.table import Table
from rich.text import Text

from continuity.domain.incident import Chain
from continuity.domain.people import Escalation, People, Promise
from continuity.domain.reports import duration
from continuity.procedures.notices import Reach, Trial
from deployments.console import EXIT_DONE, EXIT_FAILED, EXIT_LOOK, Terminal


def tell_reach(terminal: Terminal, reach: Reach) -> int:
    """Tell who is told, and which channels lead nowhere: those first."""
    people = reach.people
    lines: list[str | Text | Table] = [_headline(reach)]
    lines += [Text(f"  ✗ {each.name}: {each.wrong}", style="bold red") for each in reach.wrong]
    lines += [_levels(people), "", "until somebody acknowledges:"]
    lines += [f"  {chain}: {_chain(escalation)}" for chain, escalation in people.chains.items()]
    lines += ["", "channels, the next one where the one before refuses:", *_channels(people)]
    terminal.result(_document(reach), lines)
    return EXIT_LOOK if reach.wrong or reach.sink else EXIT_DONE


def tell_trials(terminal: Terminal, trials: tuple[Trial, ...]) -> int:
    """Tell what each channel has answered."""
    refused = [each for each in trials if not each.answer.delivered]
    lines = [
        Text(f"✗ {each.channel}: {each.answer.refused}", style="bold red")
        if each in refused
        else Text(f"✓ {each.channel}: taken; look whether it has arrived", style="green")
        for each in trials
    ]
    document = {
        "channels": [
            {"name": each.channel, "delivered": each.answer.delivered, "because": each.answer.refused} for each in trials
        ]
    }
    terminal.result(document, lines)
    return EXIT_FAILED if refused else EXIT_DONE


def _headline(reach: Reach) -> Text:
    application = reach.people.application
    if reach.sink:
        return Text(f"nobody is told of {application}'s incidents: messages are written to a folder", style="bold yellow")
    if reach.wrong:
        wrong, all_of_them = len(reach.wrong), len(reach.channels)
        return Text(f"{wrong} of {all_of_them} channels of {application} lead nowhere", style="bold red")
    return Text(f"people are told of {application}'s incidents over {len(reach.channels)} channels", style="bold green")


def _levels(people: People) -> Table:
    table = Table("level", "who", "has arrived within", "updates every", "wakes")
    for level, promise in people.levels.items():
        who = ", ".join(promise.roles)
        table.add_row(level.value, who, *_times(promise), "yes" if promise.wakes else "no")
    return table


def _times(promise: Promise) -> tuple[str, str]:
    if promise.deadline is None:
        return "weekly report", ""
    return duration(promise.deadline), duration(promise.update) if promise.update else "never"


def _chain(escalation: Escalation) -> str:
    steps = " → ".join(f"{step.role} ({duration(step.wait)})" for step in escalation.steps)
    return f"{steps}, and again" if escalation.repeats else steps


def _channels(people: People) -> Iterator[str]:
    for role in people.roles.values():
        holders = [f"{person}: {', '.join(people.persons[person])}" for person in role.persons]
        own = [", ".join(role.channels)] if role.channels else []
        yield f"  {role.name} ({role.audience}): {'; '.join([*own, *holders])}"
    if people.waking:
        yield f"  these wake people: {', '.join(people.waking)}"


def _document(reach: Reach) -> dict[str, Any]:
    people = reach.people
    return {
        "levels": {
            level.value: {
                "roles": list(promise.roles),
                "deadline_seconds": _seconds(promise.deadline),
                "update_seconds": _seconds(promise.update),
                "wakes": promise.wakes,
            }
            for level, promise in people.levels.items()
        },
        "chains": {chain.value: _chain_document(people, chain) for chain in people.chains},
        "roles": {
            role.name: {
                "reads": role.audience.value,
                "told": {each.name: list(each.channels) for each in people.recipients([role.name])},
            }
            for role in people.roles.values()
        },
        "channels": [{"name": each.name, "wrong": each.wrong} for each in reach.channels],
        "sink": reach.sink,
    }


def _chain_document(people: People, chain: Chain) -> dict[str, Any]:
    escalation = people.chains[chain]
    return {
        "steps": [{"role": step.role, "wait_seconds": step.wait.total_seconds()} for step in escalation.steps],
        "repeats": escalation.repeats,
    }


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()
