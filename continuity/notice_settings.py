"""The `[notices]` table: by which channels people are told, and where they answer."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from continuity.sections import BaseUrl, Place, Section

_ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class NoticesSection(Section):
    """The channels, which people.toml of each application names. Their addresses are secrets."""

    channels: dict[_ChannelName, Place] = {}  # noqa: RUF012 -- pydantic copies it
    """Where the address of each channel is, by name: `env:VARIABLE` or `file:/path`, whose content is a URL of apprise."""
    sink: Path | None = None
    """Folder to which every message is written instead of being sent, whatever its channel: for demonstrations."""
    link: BaseUrl | None = None
    """Base address under which people reach the page that acknowledges an incident; without it, messages name the command."""
    link_secrets: Annotated[tuple[Place, ...], Field(max_length=8)] = ()
    """Where the secrets are by which these addresses are signed: the first signs, all are good at the same time."""
    link_hours: Annotated[float, Field(gt=0, le=31 * 24)] = 24
    """For how long such an address is good."""
    attempt_seconds: Annotated[float, Field(ge=0.1, le=60)] = 10
    """How long one attempt on one channel may take before it counts as failed."""
    attempts: Annotated[int, Field(ge=1, le=5)] = 2
    """How often a channel is tried that could not be reached or gave no answer, before the next one is."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.sink and self.channels:
            raise ValueError("with `sink` nothing is sent: leave out `channels`, or `sink`")
        if self.link and not self.link_secrets:
            raise ValueError("name a secret in `link_secrets`: an address that anybody could write acknowledges nothing")
        return self
