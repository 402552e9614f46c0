"""The two renames by which a proven database takes the place of the live one: names, and the steps of a plan."""

import hashlib
from dataclasses import dataclass
from typing import Any

from continuity.domain.live import LiveState
from continuity.domain.plan import PlanHash, PlannedStep

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


def mark_of(*identities: object) -> PlanHash:
    """Mark the databases of a rollback by what it is about, so that every attempt at it finds the same names."""
    return PlanHash(hashlib.sha256("/".join(map(str, identities)).encode()).hexdigest()[:16])


def swap_steps(name: str, live: LiveState, arguments: dict[str, Any], *, pooled: bool) -> tuple[PlannedStep, ...]:
    """Plan the swap; behind a pooler also make sure that its clients get through, which the swap made wait."""
    swap = PlannedStep(name=name, kind="swap", target=live.in_words, arguments=arguments)
    if not pooled:
        return (swap,)
    target, known = f"the pooler's way to database {live.database}", {"live": live.database}
    return (swap, PlannedStep(name="let clients through", kind="open the pooler", target=target, arguments=known))
