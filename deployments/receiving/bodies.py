"""Reads what strangers post, within bounds, and refuses what two readers could understand in two ways."""

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

READ_SECONDS = 10.0
"""How long a sender may take to post a body."""
DEEPEST = 16
"""Alerts nest four levels deep."""

# Possessive, and an open end is a string too: what has no end is looked at once and not from each of its quotes.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")

Model = TypeVar("Model", bound=BaseModel)


class Refused(Exception):
    """A post that is not taken: the status of the answer, and why in words that hold nothing of what was posted."""

    def __init__(self, status: int, because: str) -> None:
        super().__init__(because)
        self.status = status
        self.because = because


class Budget:
    """How many bytes of bodies may be in memory at the same time, whoever sends them. Used by one event loop."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes

    def take(self, size_bytes: int) -> None:
        """Count bytes in.

        Raises:
            Refused: 503, there is no room now.

        """
        if size_bytes > self._left:
            raise Refused(503, "too much is being posted at the same time")
        self._left -= size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Count bytes out."""
        self._left += size_bytes


class Body:
    """A body with its bytes counted against the budget until it is let go."""

    def __init__(self, budget: Budget) -> None:
        self.data = bytearray()
        self._budget = budget

    async def read(self, chunks: AsyncIterator[bytes], *, limit_bytes: int, seconds: float = READ_SECONDS) -> None:
        """Read a body as it comes.

        Raises:
            Refused: it is longer than the limit (413), takes too long (408), or there is no room (503).

        """
        try:
            async with asyncio.timeout(seconds):
                async for chunk in chunks:
                    if len(self.data) + len(chunk) > limit_bytes:
                        raise Refused(413, f"more than {limit_bytes} bytes")
                    self._budget.take(len(chunk))
                    self.data += chunk
        except TimeoutError as error:
            raise Refused(408, f"no whole body within {seconds:g} s") from error

    def let_go(self) -> None:
        """Return the bytes to the budget."""
        self._budget.give_back(len(self.data))
        self.data = bytearray()


def parse_json(body: bytes) -> Any:
    """Parse JSON as RFC 8259 means it: UTF-8, no key twice, no NaN, and not nested deeper than any alert is.

    Raises:
        Refused: 400.

    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(400, "not UTF-8") from error
    _check_depth(body)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        because = str(error) if isinstance(error, _Ambiguous) else "not JSON"
        raise Refused(400, because) from error


def read_as(model: type[Model], document: Any) -> Model:
    """Read a document as a model; what the model does not know is left aside.

    Raises:
        Refused: 400, with the places that do not fit and nothing of what stands there.

    """
    try:
        return model.model_validate(document)
    except (ValidationError, RecursionError) as error:
        places = (
            error.errors(include_input=False, include_context=False, include_url=False)
            if isinstance(error, ValidationError)
            else []
        )
        # A place is a path of names and numbers; names may be the sender's own keys.
        first = ".".join(str(part)[:40] for part in places[0]["loc"]) if places else "it"
        kind = places[0]["type"] if places else "unreadable"
        raise Refused(400, f"{first!r} does not fit ({kind}), {max(len(places), 1)} in all") from error


class _Ambiguous(ValueError):
    """JSON that readers understand differently."""


def _check_depth(body: bytes) -> None:
    depth = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub(b"", body)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEEPEST:
            raise Refused(400, f"nested deeper than {DEEPEST}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous("a key stands twice in one object")
    return found


def _no_constant(_name: str) -> Any:
    raise _Ambiguous("NaN and Infinity are no JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise _Ambiguous("a number is too large")
    return number
