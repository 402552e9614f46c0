"""Text of others, made of characters that can be seen: no line breaks, terminal codes, or marks that reorder letters."""

import unicodedata

MOST_CHARACTERS = 2000
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's general categories of control, format, surrogate, private and unassigned characters, and of line breaks."""


def printable(text: str) -> str:
    """Return text on one line, each run of characters that cannot be seen as a space, and cut where it does not end."""
    seen = "".join(" " if unicodedata.category(each) in _UNSEEN else each for each in text[: MOST_CHARACTERS + 1])
    line = " ".join(seen.split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}…"
