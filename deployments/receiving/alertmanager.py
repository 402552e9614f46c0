"""Prometheus Alertmanager's webhook, version 4 of its body (`webhook_config`); Grafana's has the same shape.

It signs nothing: a bearer token or a user and a password say who it is. `endsAt` of a firing alert is the year 1.
"""

import base64
from datetime import datetime
from typing import Literal

from pydantic import Field, NonNegativeInt
from starlette.datastructures import Headers

from continuity.domain.alerts import Alert, Source
from continuity.webhook_settings import AlertmanagerSection
from deployments.receiving.bodies import Refused, read_as
from deployments.receiving.posts import Door, Fingerprint, Foreign, Moment, Post, in_a_line
from deployments.receiving.signatures import UNAUTHORIZED, Verify, is_among, only, read_secrets

PATH = "/alerts/alertmanager"
SECTION = "[webhooks.alertmanager]"


class _Alert(Foreign):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: Moment  # noqa: N815 -- the sender's spelling
    fingerprint: Fingerprint


class Message(Foreign):
    """A group of alerts. `truncatedAlerts` were left out by the sender's `max_alerts`: the group is not all there is."""

    alerts: tuple[_Alert, ...]
    truncatedAlerts: NonNegativeInt = 0  # noqa: N815 -- the sender's spelling


class _Message(Message):
    version: Literal["4"]


def door(section: AlertmanagerSection) -> Door:
    """Open the way in for Alertmanager."""
    return Door(
        path=PATH, verify=_verify(section), read=lambda document: post_of(read_as(_Message, document), Source.ALERTMANAGER)
    )


def post_of(message: Message, source: Source) -> Post:
    """Return the alerts of a group. Each has a state of its own, whatever the group's is."""
    return Post(
        alerts=tuple(
            Alert(
                source=source,
                name=each.labels.get("alertname", ""),
                firing=each.status == "firing",
                fingerprint=each.fingerprint,
                started=each.startsAt,
                labels=each.labels,
                summary=in_a_line(each.annotations.get("summary", "")),
            )
            for each in message.alerts
        ),
        left_out=message.truncatedAlerts,
    )


def _verify(section: AlertmanagerSection) -> Verify:
    bearer = read_secrets(SECTION, section.bearer)
    basic = [base64.b64encode(secret) for secret in read_secrets(SECTION, section.basic)]

    def verify(headers: Headers, _body: bytes, _now: datetime) -> None:
        scheme, _, credentials = only(headers, "Authorization").partition(" ")
        expected = {"bearer": bearer, "basic": basic}.get(scheme.lower(), [])
        if not is_among(credentials.strip().encode(), expected):
            raise Refused(UNAUTHORIZED, "not the credentials of a sender that is known")

    return verify
