"""Knows senders by their secrets, in constant time, with several secrets good at once."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from starlette.datastructures import Headers

from continuity.adapters.secrets import read_secret
from continuity.errors import ConfigurationRefused
from deployments.receiving.bodies import Refused

Verify = Callable[[Headers, bytes, datetime], None]
"""Makes sure that a post (headers, raw body) was sent by somebody who has a secret; raises `Refused` with 401."""

SHORTEST_SECRET = 16
WINDOW_SECONDS = 300
UNAUTHORIZED = 401


def read_secrets(section: str, places: Sequence[str]) -> list[bytes]:
    """Read the secrets of a source.

    Raises:
        ConfigurationRefused: one is missing, or too short to be one.

    """
    secrets = [read_secret(section, place).encode() for place in places]
    for place, secret in zip(places, secrets, strict=True):
        if len(secret) < SHORTEST_SECRET:
            raise ConfigurationRefused(
                f"the secret of {section} in {place} has {len(secret)} characters, {SHORTEST_SECRET} are the least",
                hint="Make one: `openssl rand -hex 32`.",
            )
    return secrets


def only(headers: Headers, name: str) -> str:
    """Return a header that has to be there once: of two, sender and receiver might mean different ones.

    Raises:
        Refused: 401.

    """
    values = headers.getlist(name)
    if len(values) != 1:
        raise Refused(UNAUTHORIZED, f"{len(values)} headers {name}, expected one")
    return values[0]


def is_among(shown: bytes, expected: Iterable[bytes]) -> bool:
    """Tell whether one of the values is the expected one. Takes as long whichever it is, and however long they are."""
    digest = hashlib.sha256(shown).digest()
    found = False
    for each in expected:
        found |= hmac.compare_digest(digest, hashlib.sha256(each).digest())
    return found


def check_window(text: str, now: datetime) -> None:
    """Make sure that a post was signed just now: what was recorded earlier is worth nothing.

    Raises:
        Refused: 401.

    """
    # No sign, no blanks, no digits of other scripts: int() takes all of them.
    if not (text.isascii() and text.isdigit() and len(text) <= 12):  # noqa: PLR2004 -- seconds until the year 33658
        raise Refused(UNAUTHORIZED, "the time of signing is no number of seconds")
    if abs(now.timestamp() - int(text)) > WINDOW_SECONDS:
        raise Refused(UNAUTHORIZED, f"signed more than {WINDOW_SECONDS} s from now")
