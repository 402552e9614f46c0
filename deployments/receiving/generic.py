"""Any sender that signs by Standard Webhooks (standardwebhooks.com): `v1,` and base64 of HMAC-SHA256 over `id.time.body`.

    {"name": "DatabaseCorruption", "status": "firing", "id": "outbreak 17", "started": "2026-11-24T02:10:00Z",
     "application": "blottr", "labels": {"table": "appointments"}, "summary": "double bookings rising"}

`id` and `started` stay the same for as long as the alert lasts, and in its `resolved`.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from starlette.datastructures import Headers

from continuity.adapters.secrets import read_secret
from continuity.domain.alerts import Alert, Source
from continuity.errors import ConfigurationRefused
from continuity.webhook_settings import GenericSection
from deployments.receiving.bodies import Refused, read_as
from deployments.receiving.posts import Door, Fingerprint, Foreign, Moment, Post, in_a_line
from deployments.receiving.signatures import UNAUTHORIZED, Verify, check_window, is_among, only

PATH = "/alerts/generic"
SECTION = "[webhooks.generic]"
PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
"""What Standard Webhooks prescribes for a key."""
MOST_SIGNATURES = 16


class _Alert(Foreign):
    name: Annotated[str, Field(max_length=200)]
    status: Literal["firing", "resolved"]
    id: Fingerprint
    started: Moment
    application: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    summary: str = ""


def door(section: GenericSection) -> Door:
    """Open the way in for any sender that signs."""
    return Door(path=PATH, verify=_verify(section), read=lambda document: _post(read_as(_Alert, document)))


def _post(alert: _Alert) -> Post:
    labels = {**alert.labels, **({"application": alert.application} if alert.application else {})}
    return Post(
        alerts=(
            Alert(
                source=Source.GENERIC,
                name=alert.name,
                firing=alert.status == "firing",
                fingerprint=alert.id,
                started=alert.started,
                labels=labels,
                summary=in_a_line(alert.summary),
            ),
        )
    )


def _verify(section: GenericSection) -> Verify:
    keys = [_key(place) for place in section.secrets]

    def verify(headers: Headers, body: bytes, now: datetime) -> None:
        moment = only(headers, "webhook-timestamp")
        check_window(moment, now)
        signed = f"{only(headers, 'webhook-id')}.{moment}.".encode("latin-1") + body
        expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
        shown = only(headers, "webhook-signature").split(" ")[:MOST_SIGNATURES]
        if not any([is_among(each.encode(), expected) for each in shown]):  # noqa: C419 -- all of them, in constant time
            raise Refused(UNAUTHORIZED, "no signature is that of a sender that is known")

    return verify


def _key(place: str) -> bytes:
    secret = read_secret(SECTION, place)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except binascii.Error:
        key = b""
    if len(key) not in KEY_BYTES:
        raise ConfigurationRefused(
            f"the secret of {SECTION} in {place} is not {PREFIX} and {KEY_BYTES.start} to {KEY_BYTES.stop - 1} bytes in base64",
            hint=f"Make one: `echo {PREFIX}$(openssl rand -base64 32)`.",
        )
    return key
