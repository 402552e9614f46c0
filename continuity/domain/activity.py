"""How much has been written to a database since a moment, from counters that PostgreSQL keeps anyway: an estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TableActivity:
    """Rows written to a table since the statistics were begun (pg_stat_user_tables); they survive no crash."""

    table: str
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True, kw_only=True)
class Discard:
    """What going back loses of one table, about. `rows_then` are exact, from the recovery point."""

    table: str
    inserted: int
    updated: int
    deleted: int
    rows_then: int

    kept: bool = False
    """Whether all that goes is kept, so that nothing can be lost."""

    @property
    def rows(self) -> int:
        """How many rows are written otherwise than they were."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True, kw_only=True)
class Discards:
    """What going back loses. `unknown` says why it cannot be told; then the tables say nothing."""

    tables: tuple[Discard, ...] = ()
    unknown: str = ""
    new_tables: tuple[str, ...] = ()

    kept: bool = False
    """Whether all that goes is kept, so that nothing can be lost."""

    @property
    def rows(self) -> int:
        """Rows written since, in all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def told(self) -> str:
        """Say it with how sure it is."""
        return str(self) if self.kept else f"{self} (an estimate)"

    def __str__(self) -> str:
        if self.kept:
            return "nothing"
        if self.unknown:
            return f"not known: {self.unknown}"
        if not self.tables and not self.new_tables:
            return "nothing that the statistics know of"
        shown = [f"{each.table} +{each.inserted:,} ~{each.updated:,} -{each.deleted:,}" for each in self.tables[:10]]
        more = [f"and {len(self.tables) - 10} more tables"] if len(self.tables) > 10 else []  # noqa: PLR2004 -- a line's worth
        gone = [f"{table} did not exist then" for table in self.new_tables]
        return f"about {self.rows:,} rows written since: {', '.join([*shown, *more, *gone])}"


def written_since(
    then: Sequence[TableActivity], now: Sequence[TableActivity], *, rows: Mapping[str, int], same_database: bool
) -> Discards:
    """Compare the counters of a recovery point with the live ones.

    Counters that went back mean that a crash or a reset has lost some, which is said and never taken for "nothing".
    """
    if not then:
        return Discards(unknown="the point has no counters of that time")
    if not same_database:
        return Discards(unknown="the live database is another one than the point was taken of (a swap, or a restore)")
    before, after = {each.table: each for each in then}, {each.table: each for each in now}
    lost = [table for table, old in before.items() if table in after and _went_back(old, after[table])]
    if lost:
        return Discards(unknown=f"the server's counters were begun anew since ({lost[0]})")
    changed = [
        Discard(
            table=table,
            inserted=new.inserted - before[table].inserted,
            updated=new.updated - before[table].updated,
            deleted=new.deleted - before[table].deleted,
            rows_then=rows.get(table, 0),
        )
        for table, new in after.items()
        if table in before
    ]
    return Discards(
        tables=tuple(sorted((each for each in changed if each.rows > 0), key=lambda each: -each.rows)),
        new_tables=tuple(sorted(after.keys() - before.keys())),
    )


def _went_back(old: TableActivity, new: TableActivity) -> bool:
    return new.inserted < old.inserted or new.updated < old.updated or new.deleted < old.deleted
