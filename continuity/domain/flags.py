"""Feature flags in flagd's format: which there are, what each says, and the document with exactly one changed. Pure.

Of a flag, `state` says whether it is evaluated at all, `defaultVariant` names the variant that everybody gets whom no rule of
`targeting` has given another. So a flag is *off* when it is evaluated, has no rules, and its default variant is false. A
`state` of DISABLED is not off: clients then use the default that stands in their own code, which nobody here knows.

A flag's *definition* is its JSON as it stands in the document. Of a flag in a table it is the row's boolean: true, false, null.
"""

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from continuity.errors import ConfigurationRefused, UnsafeOperation

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_SPELLING = {"state": '"ENABLED"', "targeting": "{}"}


class Says(StrEnum):
    """What a flag tells its clients."""

    ON = "on"
    OFF = "off"
    BY_RULES = "decided by its targeting rules"
    BY_CODE = "left to the default in the clients' code"
    OTHER = "no switch: its variants are not true and false"

    @staticmethod
    def of(*, on: bool) -> "Says":
        """Return what a flag says that is on, or off, for everybody."""
        return Says.ON if on else Says.OFF


def read_definitions(document: str) -> dict[str, str]:
    """Return the definition of each flag of a document by its name, in the document's order.

    Raises:
        ConfigurationRefused: the document is not in flagd's format.

    """
    try:
        flags = json.loads(document)["flags"]
        wrong = next((name for name, flag in flags.items() if not isinstance(flag, dict)), None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigurationRefused(
            f"the document is not in flagd's format: {error!r}", hint="See flagd's flag definitions."
        ) from error
    if wrong is not None:
        raise ConfigurationRefused(f"flag {wrong!r} is no object: the document is not in flagd's format")
    return {name: document[slice(*span)] for name, span in _flag_spans(document).items()}


def with_definition(document: str, flag: str, definition: str) -> str:
    """Return the document with the definition of one flag replaced, and every other byte as it was."""
    start, end = _flag_spans(document)[flag]
    return document[:start] + definition + document[end:]


def says(definition: str) -> Says:
    """Tell what a flag says to its clients."""
    flag = json.loads(definition)
    if flag is None or isinstance(flag, bool):
        return Says.BY_CODE if flag is None else Says.of(on=flag)
    variants = flag.get("variants")
    if not _are_boolean(variants):
        return Says.OTHER
    if flag.get("state", "ENABLED") != "ENABLED":
        return Says.BY_CODE
    if flag.get("targeting"):
        return Says.BY_RULES
    value = variants.get(flag.get("defaultVariant"))
    return Says.BY_CODE if value is None else Says.of(on=value)


def switched(flag: str, definition: str, *, on: bool) -> str:
    """Return a flag's definition changed to be on, or off, for everybody; its other members stay to the byte.

    Off sets targeting rules aside, so that nobody gets the feature; they come back with the former definition.

    Raises:
        UnsafeOperation: its variants are not booleans or lack this one, or it would be switched on past its rules.

    """
    found = json.loads(definition)
    if not isinstance(found, dict):
        return json.dumps(on)
    variants = found.get("variants")
    variant = _variant(found, on=on) if _are_boolean(variants) else None
    if variant is None:
        listed = ", ".join(f"{name}: {json.dumps(value)}" for name, value in variants.items()) if variants else "none"
        raise UnsafeOperation(
            f"flag {flag!r} cannot be switched {Says.of(on=on)}: its variants are {listed}",
            detail="Nothing was changed.",
            hint="Only flags whose variants are true and false are switches; change this one where it is kept.",
        )
    if on and found.get("targeting"):
        raise UnsafeOperation(
            f"who gets {flag!r} is decided by its targeting rules: on for everybody would go past them",
            detail="Nothing was changed.",
            hint="Change its rules where it is kept; undoing a run that has switched it off brings its rules back.",
        )
    return _with_members(definition, _changes(found, variant))


def same(one: str, other: str) -> bool:
    """Whether two definitions mean the same, however they are spaced and ordered."""
    return _canonical(one) == _canonical(other)


def refuse_unknown(flag: str, known: Iterable[str]) -> None:
    """Make sure that there is a flag of this name.

    Raises:
        ConfigurationRefused: there is none; the known ones and the nearest are named.

    """
    names = list(known)
    if flag in names:
        return
    near = get_close_matches(flag, names, n=1)
    raise ConfigurationRefused(
        f"no flag {flag!r}" + (f", did you mean {near[0]!r}?" if near else ""), hint=f"Known: {', '.join(names) or 'none'}."
    )


def _are_boolean(variants: Any) -> bool:
    return isinstance(variants, dict) and bool(variants) and all(isinstance(value, bool) for value in variants.values())


def _variant(flag: Mapping[str, Any], *, on: bool) -> str | None:
    """Choose the variant of a value: the present one where it has it, else the first."""
    variants = flag["variants"]
    if variants.get(flag.get("defaultVariant")) is on:
        return str(flag["defaultVariant"])
    return next((name for name, value in variants.items() if value is on), None)


def _changes(flag: Mapping[str, Any], variant: str) -> dict[str, str]:
    changes = {} if flag.get("defaultVariant") == variant else {"defaultVariant": json.dumps(variant, ensure_ascii=False)}
    if flag.get("state", "ENABLED") != "ENABLED":
        changes["state"] = _SPELLING["state"]
    if flag.get("targeting"):
        changes["targeting"] = _SPELLING["targeting"]
    return changes


def _with_members(text: str, changes: Mapping[str, str]) -> str:
    spans = _member_spans(text, 0)
    # From the end, so that what stands before keeps its place.
    for name, (start, end) in sorted(spans.items(), key=lambda each: -each[1][0]):
        if name in changes:
            text = text[:start] + changes[name] + text[end:]
    for name in changes.keys() - spans.keys():
        text = f"{{{json.dumps(name)}: {changes[name]}, {text[1:]}"
    return text


def _flag_spans(document: str) -> dict[str, tuple[int, int]]:
    start, _ = _member_spans(document, _skip(document, 0))["flags"]
    return _member_spans(document, start)


def _member_spans(text: str, start: int) -> dict[str, tuple[int, int]]:
    """Return where the value of each member of the object at `start` begins and ends; of a doubled name the last counts."""
    spans: dict[str, tuple[int, int]] = {}
    at = _skip(text, start + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        spans[name] = (begin, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return spans


def _skip(text: str, at: int) -> int:
    """Return where the next character stands that is not JSON's white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _canonical(definition: str) -> str:
    # Compared as text: to Python 1 and True are equal, to a client of flags they are not.
    return json.dumps(json.loads(definition), sort_keys=True)
