"""What an application answers over HTTP, and what is expected of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

OK = 200
EXCERPT_CHARACTERS = 60


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. `status` is 0 where none came; `trouble` then says why."""

    status: int = 0
    seconds: float = 0.0
    body: bytes = b""
    location: str = ""
    """Where a redirect points; none is followed."""
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What an answer must be: one of these statuses, with this text in its body, or this JSON.

    `values` is compared as a part: what it names must be there and be equal, in value and in type; what else an object
    holds does not matter, and a list must be equal as a whole.
    """

    status: tuple[int, ...] = (OK,)
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def wrong_with(self, answer: Answer) -> str:
        """Say what is wrong with an answer, with a short excerpt of it at the most; "" where nothing is."""
        if answer.trouble:
            return answer.trouble
        if answer.status not in self.status:
            where = f", a redirect to {excerpt(answer.location)}" if answer.location else ""
            return f"answered {answer.status}{where}, not {' or '.join(map(str, self.status))}"
        if self.text and self.text.encode() not in answer.body:
            return f"answered {answer.status} without {excerpt(self.text)!r}: {excerpt(answer.body)!r}"
        if self.values:
            return self._wrong_values(answer)
        return ""

    def filled(self, fill: Callable[[Any], Any]) -> "Expected":
        """Return what is expected once the texts in it are filled in."""
        return replace(self, text=fill(self.text), values=fill(self.values))

    def _wrong_values(self, answer: Answer) -> str:
        try:
            found = json.loads(answer.body)
        except ValueError:
            return f"answered {answer.status} without JSON: {excerpt(answer.body)!r}"
        wrong = _difference(self.values, found, "")
        return f"answered {answer.status}, but {wrong}" if wrong else ""


def excerpt(said: object) -> str:
    """Return a beginning that is safe to show in one line."""
    text = said.decode("utf-8", errors="replace") if isinstance(said, bytes) else str(said)
    shown = "".join(character if character.isprintable() else " " for character in text[: EXCERPT_CHARACTERS + 1])
    return shown if len(shown) <= EXCERPT_CHARACTERS else f"{shown[:EXCERPT_CHARACTERS]}…"


def value_at(body: bytes, path: str) -> Any:
    """Return what stands at a path like `0.id` or `user.name` of a JSON body.

    Raises:
        LookupError: nothing stands there, or the body is no JSON.

    """
    try:
        found = json.loads(body)
    except ValueError as error:
        raise LookupError("the body is no JSON") from error
    for part in path.split("."):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (LookupError, TypeError, ValueError) as error:
            raise LookupError(f"nothing stands at {path!r}") from error
    return found


def _difference(wanted: Any, found: Any, path: str) -> str:
    """Say where `found` is not as wanted; Python's `1 == True` is no equality here."""
    if isinstance(wanted, Mapping) and isinstance(found, dict):
        for name, value in wanted.items():
            inner = f"{path}.{name}" if path else name
            if name not in found:
                return f"{inner} is missing"
            if wrong := _difference(value, found[name], inner):
                return wrong
        return ""
    if type(wanted) is type(found) and wanted == found:
        return ""
    return f"{path or 'the body'} is {excerpt(json.dumps(found))}, not {excerpt(json.dumps(wanted, default=str))}"
