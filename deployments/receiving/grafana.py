"""Grafana Alerting's webhook contact point: Alertmanager's body with version "1", signed by HMAC-SHA256 in hexadecimal.

With a header for the time configured there, what is signed is `<unix seconds>:<body>`; without one, a recorded post would
be good for ever, so that has to be asked for (`timestamp_header = ""`).
"""

import hashlib
import hmac
from datetime import datetime
from typing import Literal

from starlette.datastructures import Headers

from continuity.domain.alerts import Source
from continuity.webhook_settings import GrafanaSection
from deployments.receiving.alertmanager import Message, post_of
from deployments.receiving.bodies import Refused, read_as
from deployments.receiving.posts import Door
from deployments.receiving.signatures import UNAUTHORIZED, Verify, check_window, is_among, only, read_secrets

PATH = "/alerts/grafana"
SECTION = "[webhooks.grafana]"


class _Message(Message):
    version: Literal["1"]


def door(section: GrafanaSection) -> Door:
    """Open the way in for Grafana."""
    return Door(path=PATH, verify=_verify(section), read=lambda document: post_of(read_as(_Message, document), Source.GRAFANA))


def _verify(section: GrafanaSection) -> Verify:
    secrets = read_secrets(SECTION, section.secrets)

    def verify(headers: Headers, body: bytes, now: datetime) -> None:
        signed = body
        if section.timestamp_header:
            moment = only(headers, section.timestamp_header)
            check_window(moment, now)
            signed = moment.encode() + b":" + body
        expected = [hmac.new(secret, signed, hashlib.sha256).hexdigest().encode() for secret in secrets]
        if not is_among(only(headers, section.signature_header).encode(), expected):
            raise Refused(UNAUTHORIZED, "the signature is not that of a sender that is known")

    return verify
