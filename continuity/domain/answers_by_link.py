"""Addresses by which people answer from a message: signed, for one incident, and good for a while."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from continuity.domain.incident import IncidentId

LONGEST_TIME = 12
"""Digits of a moment in seconds: until the year 33658."""


def answer_of(incident: IncidentId, secret: bytes, *, now: datetime, good_for: timedelta) -> str:
    """Return the query of an address that acknowledges an incident."""
    until = str(int((now + good_for).timestamp()))
    return urlencode({"until": until, "signature": _signature(incident, until, secret)})


def why_not(incident: str, until: str, signature: str, secrets: Sequence[bytes], *, now: datetime) -> str:
    """Say why an address is not good, "" where it is. Takes as long whichever digit is wrong."""
    if not (until.isascii() and until.isdigit() and len(until) <= LONGEST_TIME):
        return "it is not whole"
    shown, good = hashlib.sha256(signature.encode()).digest(), False
    for secret in secrets:
        good |= hmac.compare_digest(shown, hashlib.sha256(_signature(incident, until, secret).encode()).digest())
    if not good:
        return "it is not one of ours"
    return "" if now.timestamp() < int(until) else "its time is over"


def _signature(incident: str, until: str, secret: bytes) -> str:
    return hmac.new(secret, f"acknowledge\n{incident}\n{until}".encode(), hashlib.sha256).hexdigest()
