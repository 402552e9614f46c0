"""The two renames by which a proven database takes the place of the live one."""

from dataclasses import dataclass

from continuity.domain.plan import PlanHash

LONGEST_NAME_BYTES = 63
"""PostgreSQL cuts longer names silently (manual, "Lexical Structure"), so they are cut here, where it can be seen."""


@dataclass(frozen=True, kw_only=True)
class Swap:
    """Which database takes whose place, by identity: names alone say nothing, since a swap changes their meaning."""

    system_identifier: str
    live: str
    live_oid: int
    shadow: str
    shadow_oid: int
    replaced: str
    """The name under which the former live database is kept."""


def restoring_name(live: str, mark: PlanHash) -> str:
    """Name the database into which a run restores: it is not whole while it has this name."""
    return _beside(live, f"_restoring_{mark[:8]}")


def shadow_name(live: str, mark: PlanHash) -> str:
    """Name the whole restore of a run, beside the live database."""
    return _beside(live, f"_shadow_{mark[:8]}")


def replaced_name(live: str, mark: PlanHash) -> str:
    """Name the former live database of a run."""
    return _beside(live, f"_replaced_{mark[:8]}")


def undone_name(live: str, mark: PlanHash) -> str:
    """Name the database that an undo has swapped away again."""
    return _beside(live, f"_undone_{mark[:8]}")


def _beside(live: str, suffix: str) -> str:
    kept = live.encode()[: LONGEST_NAME_BYTES - len(suffix)].decode(errors="ignore")
    return kept + suffix
