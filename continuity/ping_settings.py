"""The `[pings]` table: who is told that a schedule still runs, so that its silence is noticed."""

from typing import Annotated

from pydantic import Field

from continuity.sections import Place, Section

_Check = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*-(backup|drill|validation|expiry)$")]


class PingsSection(Section):
    """A dead-man's switch outside Prefect, such as healthchecks.io or a server of its kind. Its addresses are secrets."""

    base: Place | None = None
    """Where the base address is, such as https://hc-ping.com/PING-KEY: `APP-backup`, `APP-drill`, `APP-validation` and
    `APP-expiry` are added to it."""
    urls: dict[_Check, Place] = {}  # noqa: RUF012 -- pydantic copies it
    """Where the address of a single check is, by `APP-backup` and so on, instead of the base."""
