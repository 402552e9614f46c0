"""Moments as people write them."""

from datetime import UTC, datetime

from continuity.errors import ConfigurationRefused


def read_moment(text: str) -> datetime | None:
    """Read a moment from a form, where "" is none. Without a zone it is UTC.

    Raises:
        ConfigurationRefused: the text is no moment.

    """
    try:
        moment = datetime.fromisoformat(text.strip()) if text.strip() else None
    except ValueError as error:
        raise ConfigurationRefused(
            f"{text!r} is no moment", hint="Write it as 2026-11-24T03:00:00+01:00; without a zone it is UTC."
        ) from error
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
