"""The names that a vault accepts: the same in a directory and in a bucket, so that one can be copied into the other."""

from continuity.errors import ConfigurationRefused

UNFINISHED = ".unfinished"
"""First part of a key that no object may have: a directory keeps its half-written files there."""

PROBE_KEY = "probe/create-once"
"""The one object that `check_honest` writes."""

LONGEST_KEY_BYTES = 500
"""S3 takes 1,024 bytes for the vault's own prefix and the key together, so each has half."""

LONGEST_PART_BYTES = 255
"""What the file systems of Linux take for one name."""


def check_key(key: str) -> str:
    """Return `key` if it is one: relative, `/`-separated, printable, and unable to leave the vault's root.

    Raises:
        ConfigurationRefused: it is none; the message says why.

    """
    if objection := _objection(key):
        raise ConfigurationRefused(
            f"key {key!r} {objection}", hint="Name objects by printable parts between single slashes, like a/b/c."
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if keys can start with it; the empty one and one that ends in `/` are fine.

    Raises:
        ConfigurationRefused: no key starts with it.

    """
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def _objection(key: str) -> str:
    if not key.isprintable() or "\\" in key:
        return "holds a backslash or an unprintable character"
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return "has an empty part, '.' or '..'"
    if parts[0] == UNFINISHED:
        return f"starts with {UNFINISHED!r}, where half-written objects are"
    if len(key.encode()) > LONGEST_KEY_BYTES:
        return f"has {len(key.encode())} bytes, {LONGEST_KEY_BYTES} are allowed"
    if any(len(part.encode()) > LONGEST_PART_BYTES for part in parts):
        return f"has a part of more than {LONGEST_PART_BYTES} bytes"
    return ""
