"""Names as PostgreSQL reads and writes them: taken apart, quoted, made up, and looked for in a text."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from continuity.domain.swap import LONGEST_NAME_BYTES
from continuity.errors import ConfigurationRefused

_PART = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^\W\d][\w$]*))\s*(?P<dot>\.|$)')
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_WORD = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')
_FOLDED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def parse_identifier(text: str) -> tuple[str, ...]:
    """Take a name like `public."My Table".bio` apart, as the server's parse_ident does: what is not quoted is folded.

    Raises:
        ConfigurationRefused: it is no name.

    """
    parts, position = [], 0
    while match := _PART.match(text, position):
        parts.append(match["quoted"].replace('""', '"') if match["quoted"] else match["plain"].translate(_FOLDED))
        position = match.end()
        if not match["dot"]:
            if position == len(text):
                return tuple(parts)
            break
    raise ConfigurationRefused(
        f"{text!r} is not a name of PostgreSQL",
        hint='Write schema.table or schema.table.column, and quote what needs it: public."My Table".',
    )


def quoted(*parts: str) -> str:
    """Write a qualified name; what is not plain is quoted. Keywords are left, so this is for people."""
    return ".".join(part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"' for part in parts)


def beside(name: str, suffix: str) -> str:
    """Return a name with a suffix, cut so that PostgreSQL does not cut it silently."""
    return name.encode()[: LONGEST_NAME_BYTES - len(suffix.encode())].decode(errors="ignore") + suffix


def mentions(text: str, name: str) -> bool:
    """Whether a text of SQL may speak of a name: as a word, quoted or not, in a comment or a string too. Doubt is yes."""
    if not _PLAIN.fullmatch(name) and (name in text or name.replace('"', '""') in text):
        return True
    return any((match[1] or match[2].translate(_FOLDED)) == name for match in _WORD.finditer(text))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like it, or ""."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.4)), "")
