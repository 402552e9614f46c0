"""Definitions as PostgreSQL prints them: which of two differ only in how they are printed.

A definition that was dumped and restored may print otherwise and mean the same: `(a AND b) AND c` becomes
`a AND b AND c`, `( VALUES` loses its blank, and `(ARRAY['a'::varchar, …])::text[]` moves its cast to the elements.
"""

import re
from collections.abc import Iterator

_ELEMENT_CAST = re.compile(r"::([a-z_\".]+(?:\d+)?)\[\]")


def equivalent(one: str, other: str) -> bool:
    """Whether two definitions are equal but for parentheses, blanks and the place of an array's cast.

    Parentheses carry meaning, so this alone proves nothing of two definitions of people. Here both come from one parser
    and one dump whose bytes were verified, where they only ever differ by how the parser's tree is printed.
    """
    return one == other or _bare(one) == _bare(other)


def _bare(definition: str) -> str:
    text = "".join(character for character, quoted in _characters(definition) if quoted or character not in "() \n\t")
    position = 0
    while (start := text.find("ARRAY[", position)) >= 0:
        position = start + len("ARRAY[")
        end = _closing(text, position)
        cast = _ELEMENT_CAST.match(text, end + 1) if end else None
        if end and cast:
            moved = ",".join(f"{element}::{cast[1]}" for element in _split(text[position:end]))
            text = f"{text[:position]}{moved}]{text[cast.end() :]}"
    return text


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for offset, (character, quoted) in enumerate(_characters(text[start:])):
        depth += 0 if quoted else (character == "[") - (character == "]")
        if depth < 0:
            return start + offset
    return None


def _split(text: str) -> Iterator[str]:
    element, depth = "", 0
    for character, quoted in _characters(text):
        depth += 0 if quoted else (character == "[") - (character == "]")
        if character == "," and not quoted and depth == 0:
            yield element
            element = ""
        else:
            element += character
    yield element


def _characters(text: str) -> Iterator[tuple[str, bool]]:
    """Give each character, and whether it stands in quotes or is one."""
    quote = ""
    for character in text:
        if quote:
            yield character, True
            quote = "" if character == quote else quote
        else:
            quote = character if character in "'\"" else ""
            yield character, bool(quote)
