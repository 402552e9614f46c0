"""Which PostgreSQL client may dump or restore for which server."""

from dataclasses import dataclass

PATCHED_MINORS = {14: 24, 15: 19, 16: 15, 17: 11, 18: 6}
"""First minor of each major whose pg_dump and pg_restore carry the fixes of CVE-2026-116314 and CVE-2026-18408
(PostgreSQL security page, August 2026)."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A PostgreSQL version, such as 15.18."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def vulnerable(client: Version) -> str:
    """Say why a client is known to be unsafe, or "" when nothing is known against it."""
    needed = PATCHED_MINORS.get(client.major)
    if needed is None or client.minor >= needed:
        return ""
    return f"client {client} lacks the fixes of {client.major}.{needed} (CVE-2026-116314, CVE-2026-18408)"
