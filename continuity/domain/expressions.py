"""Definitions as PostgreSQL prints them, brought to the form that a restore of them would print."""

import re

_ARRAY_CAST = re.compile(r"\(ARRAY\[")
_ELEMENT_CAST = re.compile(r"\)::([a-z_ ]+?(?:\(\d+\))?)\[\]")


def settle(definition: str) -> str:
    """Return the definition in the form that stays the same over any number of dumps and restores.

    PostgreSQL prints `col in ('a', 'b')` on a varchar as `(ARRAY['a'::character varying, …])::text[]`; parsed again, the
    cast moves to the elements: `ARRAY[('a'::character varying)::text, …]`. Both mean the same, and without this step the
    first restore of every such check would look changed.
    """
    position = 0
    while match := _ARRAY_CAST.search(definition, position):
        position = match.end()
        end = _closing_bracket(definition, position)
        cast = _ELEMENT_CAST.match(definition, end + 1) if end else None
        if end is None or cast is None:
            continue
        elements = _split(definition[position:end])
        if not all(_has_cast(element) for element in elements):
            continue
        moved = ", ".join(f"({element})::{cast[1]}" for element in elements)
        definition = f"{definition[: match.start()]}ARRAY[{moved}]{definition[cast.end() :]}"
    return definition


def _has_cast(element: str) -> bool:
    return "::" in element


def _closing_bracket(text: str, start: int) -> int | None:
    depth = 0
    for position, character in _outside_strings(text, start):
        if character == "[":
            depth += 1
        elif character == "]":
            if depth == 0:
                return position
            depth -= 1
    return None


def _split(text: str) -> list[str]:
    parts: list[str] = []
    depth = begin = 0
    for position, character in _outside_strings(text, 0):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(text[begin:position].strip())
            begin = position + 1
    return [*parts, text[begin:].strip()]


def _outside_strings(text: str, start: int) -> list[tuple[int, str]]:
    seen: list[tuple[int, str]] = []
    quote = ""
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            seen.append((position, character))
    return seen
