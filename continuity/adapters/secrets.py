"""Secrets of journeys and of senders of alerts: read from where the environment says, and never written anywhere."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from continuity.errors import ConfigurationRefused


def read_secrets(places: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Read the secrets of these names. A place is `env:VARIABLE` or `file:/path`, whose last line break is no part of it.

    Raises:
        ConfigurationRefused: one has no place, or is not there.

    """
    return {name: _read(name, places) for name in sorted(names)}


def _read(name: str, places: Mapping[str, str]) -> str:
    if name not in places:
        raise ConfigurationRefused(
            f"secret {name!r} has no place", hint=f'Add `{name} = "env:VARIABLE"` or `"file:/path"` to `[traffic.secrets]`.'
        )
    return read_secret(name, places[name])


def read_secret(name: str, place: str) -> str:
    """Read one secret from its place; `name` is what it is called in errors.

    Raises:
        ConfigurationRefused: it is not there.

    """
    kind, _, where = place.partition(":")
    if kind == "env":
        if where not in os.environ:
            raise ConfigurationRefused(f"secret {name!r} is not set: no variable {where}", hint=f"Set {where}.")
        return os.environ[where]
    try:
        return Path(where).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(
            f"secret {name!r} cannot be read from {where}: {type(error).__name__}", hint="Check the file and its permissions."
        ) from error
