"""The `[webhooks]` table: where alerts come in, and by which secrets their senders are known."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from continuity.sections import Place, Section

Places = Annotated[tuple[Place, ...], Field(max_length=8)]
"""Secrets that are all good at the same time, so that one can be replaced without a gap."""

_Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,80}$")]


class AlertmanagerSection(Section):
    """Prometheus Alertmanager signs nothing: it shows a bearer token, or a user and a password."""

    bearer: Places = ()
    """Tokens (`authorization: {credentials_file: …}` there)."""
    basic: Places = ()
    """Each `user:password`, as one secret (`basic_auth` there)."""

    @model_validator(mode="after")
    def _needs_a_secret(self) -> Self:
        if not (self.bearer or self.basic):
            raise ValueError("name at least one secret in `bearer` or `basic`: unsigned alerts are not taken")
        return self


class GrafanaSection(Section):
    """Grafana signs the body by HMAC-SHA256, and the time with it where a header for the time is configured there."""

    secrets: Annotated[Places, Field(min_length=1)]
    """The contact point's HMAC secrets."""
    signature_header: _Header = "X-Grafana-Alerting-Signature"
    """The header with the signature, as in the contact point."""
    timestamp_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,80}$")] = "X-Grafana-Alerting-Timestamp"
    """The header with the time, which has to be named in the contact point too. "": a recorded post is good for ever."""


class GenericSection(Section):
    """Any sender that signs by Standard Webhooks."""

    secrets: Annotated[Places, Field(min_length=1)]
    """Each `whsec_` and the key in base64."""


class WebhooksSection(Section):
    """The receiver of alerts."""

    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    """What this environment is called: part of every run's identity, so that staging's runs are never production's."""
    dry_run: bool = True
    """Say what an alert would start, and start nothing. Turn it off once the answers are what you want."""
    host: str = "127.0.0.1"
    """Address to listen on. TLS is the business of the proxy or ingress in front."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8787
    """Port to listen on."""
    status_pages: bool = False
    """Serve each application's status page at /status/APP. It has no secrets, and whoever reaches the receiver can read it."""
    largest_body_bytes: Annotated[int, Field(ge=1024, le=16 << 20)] = 1 << 20
    """A longer post is refused (413) while it is read."""
    alertmanager: AlertmanagerSection | None = None
    grafana: GrafanaSection | None = None
    generic: GenericSection | None = None

    @model_validator(mode="after")
    def _needs_a_source(self) -> Self:
        if not (self.alertmanager or self.grafana or self.generic):
            raise ValueError("name a source: `[webhooks.alertmanager]`, `[webhooks.grafana]` or `[webhooks.generic]`")
        return self
