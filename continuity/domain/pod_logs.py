"""What pods tell after a change: how they are, and the end of what they have written, without what looks like a secret."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from continuity.domain.workloads import PodState

LOG_CHARACTERS = 4000
"""Kept of each container: the end. A journal's entry stays small enough to be read in one piece."""
MASK = "•••"
_SECRETS = (
    # scheme://user:password@host
    re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@]+(?=@)", re.IGNORECASE),
    # password=…, "api_key": "…", Authorization: Bearer …
    re.compile(
        r"(?P<before>(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)[\"']?\s*[=:]\s*[\"']?)"
        r"[^\s\"',;&]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<before>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
)


@dataclass(frozen=True, kw_only=True)
class PodLog:
    """A pod, and the end of each container's log or why it could not be read."""

    pod: PodState
    logs: tuple[tuple[str, str], ...] = ()


def mask(text: str) -> str:
    """Hide what looks like a secret: applications write connection strings into their logs."""
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<before>{MASK}", text)
    return text


def end_of_log(text: str) -> str:
    """Return the end of a log as it may be kept: masked before it is cut, since half a secret is one too."""
    shown = "".join(character for character in mask(text) if character.isprintable() or character in "\n\t")
    return shown[-LOG_CHARACTERS:]


def unwell(pods: Sequence[PodState]) -> tuple[str, ...]:
    """Say of each pod that is not well why: it waits, is not ready, or has been started again."""
    said = []
    for pod in pods:
        reasons = [*pod.waiting]
        if not pod.ready and not pod.terminating and not pod.waiting:
            reasons.append(f"not ready, {pod.phase}")
        if pod.restarts:
            reasons.append(f"restarted {pod.restarts} times")
        if reasons:
            said.append(f"pod {pod.name}: {', '.join(reasons)}")
    return tuple(said)
