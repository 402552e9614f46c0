"""Makes foreign text harmless: error texts, alerts and people's own words, before they enter a message.

There is one form for all channels, the strictest, since nobody knows what a webhook hands on to: a chat may take `@name` and
`<!channel>` for a call, a mail client CR LF for a header, a terminal ESC for a command, and all of them `[text](address)` for a
link that says something else. HTML is escaped on top of this, where it is written. What replaces a character can be seen.
"""

import re
import unicodedata
from collections.abc import Collection

LONGEST_VALUE = 400
"""Characters of one value: a message has to be read on a telephone."""
LONGEST_SUBJECT = 120
_LONGEST_INPUT = 4_000
"""Some patterns take the square of their input, and a sender chooses how much that is."""
_SHORTEST_SECRET = 4
"""A known secret of fewer characters would blot out half of every text."""
REDACTED = "(redacted)"

_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]|\x9b[0-?]*[ -/]*[@-~]")
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)")
_NAMES = "password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential"
_NAMED = re.compile(
    rf"""(?P<name> (?:{_NAMES})[\w-]{{0,30}}["']?\s*[=:]\s* | --[\w-]{{0,30}}(?:{_NAMES})\s+
        | authorization["']?\s*[=:]\s*(?:\w+\s+)? | \bbearer\s+(?=\S{{12}}) )
        (?!\(redacted\)) (?: "[^"]*"? | '[^']*'? | [^\s,;&"']+ )""",
    re.IGNORECASE | re.VERBOSE,
)
_USER_INFO = re.compile(r"(?P<name>://)\S{0,300}@(?!sha256:)")
_TOKENS = re.compile(
    r"""\b(?: (?:AKIA|ASIA)[0-9A-Z]{16} | AGE-SECRET-KEY-1[0-9A-Z]+ | gh[pousr]_\w{16,} | github_pat_\w{16,} | glpat-[\w-]{16,}
        | xox[a-z]-[\w-]{8,} | whsec_[\w+/=]{8,} | eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)? | sk_live_\w{8,} )""",
    re.VERBOSE | re.IGNORECASE,
)
_WEBHOOK = re.compile(
    r"https?://(?:hooks\.slack\.com|(?:\w+\.)?discord(?:app)?\.com/api/webhooks|[\w.-]*\.webhook\.office\.com)/\S*", re.IGNORECASE
)

_OPENS, _CLOSES = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_VISIBLY = str.maketrans(
    {
        "<": _OPENS,  # <!channel>, <@U123>, <at>, tags
        ">": _CLOSES,
        "\N{FULLWIDTH LESS-THAN SIGN}": _OPENS,
        "\N{FULLWIDTH GREATER-THAN SIGN}": _CLOSES,
        "[": "(",  # [text](address)
        "]": ")",
        "`": "'",
    },
)
_AT = re.compile("[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}](?!sha256:[0-9a-f]{64}(?![0-9a-f]))")
"""Every at sign but that of an image's digest, which people copy."""
_ENCODED_WORD = re.compile(r"=(?=\?)")
"""`=?utf-8?b?…?=` in a subject is decoded by mail clients (RFC 2047)."""
_ENTITY = re.compile(r"&(?=#?\w+;)")
"""Some chats decode `&lt;` and `&#64;`."""


def neutral(text: str, *, hidden: Collection[str] = (), longest: int = LONGEST_VALUE) -> str:
    """Return a text as one harmless line of at most `longest` characters. `hidden` are secrets that are known."""
    shown = _without_secrets(_one_line(text[:_LONGEST_INPUT]), hidden)
    shown = _AT.sub("(at)", shown.translate(_VISIBLY))
    shown = _ENTITY.sub("& ", _ENCODED_WORD.sub("= ", shown))
    return shown if len(shown) <= longest else f"{shown[: longest - 1].rstrip()}…"


def neutral_subject(text: str, *, hidden: Collection[str] = ()) -> str:
    """Return a text as the subject of a message."""
    return neutral(text, hidden=hidden, longest=LONGEST_SUBJECT)


def _one_line(text: str) -> str:
    """Return what of a text can be seen, on one line: no second line can pretend to be this system's own."""
    plain = _TERMINAL.sub("", text)
    kept = "".join(character if character.isprintable() else _in_place_of(character) for character in plain)
    return " ".join(kept.split())


def _in_place_of(character: str) -> str:
    """Return what stands for a character that cannot be seen: bidirectional overrides and joiners go, unknown ones are told."""
    match unicodedata.category(character):
        case "Cf":
            return ""
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return "\N{REPLACEMENT CHARACTER}"


def _without_secrets(text: str, hidden: Collection[str]) -> str:
    # Longest first: a connection string before the password in it.
    for secret in sorted(map(_one_line, hidden), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    for pattern in (_KEY_BLOCK, _WEBHOOK, _TOKENS):
        text = pattern.sub(REDACTED, text)
    text = _USER_INFO.sub(rf"\g<name>{REDACTED} ", text)
    return _NAMED.sub(rf"\g<name>{REDACTED}", text)
