"""Expectations of health: business rules hold, whether in a restore or in a live database."""

from typing import Any

from great_expectations.expectations.expectation import BatchExpectation

from continuity.adapters.references import Violations
from continuity.domain.catalog import Kind, compare_objects
from expectations import metrics
from expectations.faithfulness import entries_of, outcome

SHOWN = 5


class ExpectRuleToHold(BatchExpectation):
    """Expect a rule's SQL to return no row. Its tables are looked at first: a rule over lost rows proves nothing."""

    rule: str
    sql: str
    over: list[str]
    rows_before: dict[str, int]

    metric_dependencies = ("continuity.rule",)
    success_keys = ("rule", "sql", "over", "rows_before")

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        found: Violations = metrics["continuity.rule"]
        for table in found.empty_tables:
            if rows := self.rows_before.get(table, 0):
                raise ValueError(f"nothing to judge: {table} is empty and had {rows} rows in the recovery point")
        if found.empty_tables:
            return outcome((), good=f"nothing to judge: {', '.join(found.empty_tables)} has no rows")
        if found.count == 0:
            return outcome((), good="holds")
        keys = "; ".join(found.keys[:SHOWN])
        return {"success": False, "result": {"observed_value": f"{found.count} violations, the first: {keys}"}}


class ExpectNoOrphansBehindUncheckedKeys(BatchExpectation):
    """Expect every row to refer to something, also where a foreign key is NOT VALID and PostgreSQL has not looked."""

    metric_dependencies = (metrics.ORPHANS,)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        orphans: dict[str, int] = metrics["continuity.orphans"]
        wrong = tuple(f"{name}: {count} rows refer to nothing" for name, count in orphans.items() if count)
        return outcome(wrong, good=f"{len(orphans)} keys are NOT VALID, no orphan behind them")


class ExpectSequencesAheadOfColumns(BatchExpectation):
    """Expect no sequence to hand out a value that its column holds already."""

    metric_dependencies = (metrics.SEQUENCES_BEHIND,)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        wrong = tuple(f"{name} would hand out values that its column holds" for name in metrics["continuity.sequences_behind"])
        return outcome(wrong, good="no value would be handed out twice")


class ExpectNoTableEmptied(BatchExpectation):
    """Expect every table that had rows in the latest recovery point to be there and to have some."""

    rows_before: dict[str, int]

    metric_dependencies = (metrics.EMPTY_TABLES,)
    success_keys = ("rows_before",)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        empty: dict[str, bool] = metrics["continuity.empty_tables"]
        wrong = tuple(
            f"{table} is {'empty' if table in empty else 'missing'} and had {rows} rows"
            for table, rows in self.rows_before.items()
            if rows and empty.get(table, True)
        )
        return outcome(wrong, good=f"{len(self.rows_before)} tables of the latest recovery point, none emptied")


class ExpectStructureOfRecoveryPoint(BatchExpectation):
    """Expect the structure of the latest recovery point. A migration changes it rightly, so this informs and never judges."""

    entries: list[dict[str, Any]]

    metric_dependencies = (metrics.CATALOG,)
    success_keys = ("entries",)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        expected = entries_of(self.entries)
        found = metrics["continuity.catalog"]
        wrong = tuple(each for kind in Kind for each in compare_objects(kind, expected, found))
        return outcome(wrong, good="as in the latest recovery point")
