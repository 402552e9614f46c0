"""Sections of TOML files, and how what is wrong in one is told."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from continuity.errors import ConfigurationRefused

Model = TypeVar("Model", bound=BaseModel)


Place = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$")]
"""Where a secret is: `env:VARIABLE` or `file:/path`."""

BaseUrl = Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$")]
"""A base address of http or https; no credentials stand in it."""


class Section(BaseModel):
    """A table of the file. Unknown keys are refused: a misspelt safety setting must not be silence."""

    # Built when a file is read: every command pays for what is done at import.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigurationRefused: it is missing, unreadable or not TOML; the message names the file and the line.

    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(f"{path} is not valid TOML: {error}", hint="Mend the line that is named.") from error
    except OSError as error:
        raise ConfigurationRefused(
            f"{path} cannot be read: {error.strerror}", hint="Check the path and its permissions."
        ) from error


def parse(model: type[Model], content: dict[str, Any], *, source: Path) -> Model:
    """Make a model of a file's content.

    Raises:
        ConfigurationRefused: naming every key that is wrong, without its value (it may be a secret), and for an unknown
            key the known ones and the nearest.

    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [_line(model, item["loc"], item["type"], item["msg"]) for item in error.errors(include_input=False)]
        raise ConfigurationRefused(
            f"{source} has {len(lines)} error{'s' if len(lines) > 1 else ''}: {lines[0]}",
            detail="\n".join(lines),
            hint="Mend the keys named above; nothing was changed.",
        ) from None


def _line(model: type[BaseModel], location: tuple[int | str, ...], kind: str, message: str) -> str:
    path = ".".join(map(str, location))
    if kind != "extra_forbidden":
        return f"{path}: {message[0].lower()}{message[1:]}"
    known = _known_keys(model, location[:-1])
    near = get_close_matches(str(location[-1]), known, n=1)
    return f"{path} is not known" + (f", did you mean {near[0]!r}?" if near else "") + f" Known: {', '.join(known)}."


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = _section_in(field.annotation) if field else None
        if inner is None:
            break
        model = inner
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """Return the section that an annotation is about: itself, or an optional one, or one of many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _section_in(each))), None)
