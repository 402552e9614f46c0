"""Tests that an application brings along as data: a command, or a journey of HTTP requests as a user makes them."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from continuity.domain.answers import Expected
from continuity.domain.stages import Stage

_PLACEHOLDER = re.compile(r"\{(secret|kept|cookie):([A-Za-z0-9_.-]+)\}")
HIDDEN = "•••"

Lookup = Callable[[str, str], str]
"""Gives what a placeholder stands for, by its kind (secret, kept, cookie) and name."""


class RunsIn(StrEnum):
    """Where a command runs."""

    HERE = "here"
    """Beside this program, as a process."""
    JOB = "job"
    """In the application's own image, as a Kubernetes Job."""


@dataclass(frozen=True, kw_only=True)
class JourneyRequest:
    """One request of a journey. Texts may hold {secret:NAME}, {kept:NAME} and {cookie:NAME}."""

    path: str
    method: str = "GET"
    json: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    """Values of the JSON answer for later requests: name to path, as `artist = "0.id"`."""
    expected: Expected = field(default_factory=Expected)


@dataclass(frozen=True, kw_only=True)
class ApplicationTest:
    """One test: either `command` or `requests`. Only a `critical` one leaves a run incomplete when it fails."""

    name: str
    stage: Stage
    critical: bool = True
    deadline_seconds: float = 60.0
    command: tuple[str, ...] = ()
    runs_in: RunsIn = RunsIn.HERE
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment of a command that runs here; texts may hold {secret:NAME}."""
    requests: tuple[JourneyRequest, ...] = ()

    @property
    def definition(self) -> str:
        """Tell this test from what it may become: a plan is approved for these requests, or this command."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def secrets(self) -> frozenset[str]:
        """Name the secrets that it uses."""
        used = [asdict(each) for each in self.requests] + [dict(self.variables)]
        return frozenset(name for text in _texts(used) for kind, name in _PLACEHOLDER.findall(text) if kind == "secret")

    def __str__(self) -> str:
        if self.command:
            where = "a Job in the application's image" if self.runs_in is RunsIn.JOB else "this machine"
            return f"command {self.command[0]} on {where}"
        return f"{len(self.requests)} requests to the application"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What a test came to. `detail` says what went wrong, with every secret hidden."""

    name: str
    passed: bool
    seconds: float
    detail: str = ""


def fill(value: Any, lookup: Lookup) -> Any:
    """Return JSON with its placeholders replaced."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda match: lookup(match[1], match[2]), value)
        case Mapping():
            return {name: fill(inner, lookup) for name, inner in value.items()}
        case list() | tuple():
            return [fill(inner, lookup) for inner in value]
        case _:
            return value


def fill_path(path: str, lookup: Lookup) -> str:
    """Return a path with its placeholders replaced; nothing in them can become another path or a query."""
    return str(fill(path, lambda kind, name: quote(lookup(kind, name), safe="")))


def hide(text: str, secrets: Mapping[str, str]) -> str:
    """Return a text without the secrets, as they are and as they stand in JSON and in addresses."""
    for secret in filter(None, secrets.values()):
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")}:
            text = text.replace(form, HIDDEN)
    return text


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)
