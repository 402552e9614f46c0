"""Which expectations a database has to meet: derived from its recovery point and from the application's rules."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metadata_types import FailureSeverity

from continuity.domain.application import Application, Rule
from continuity.domain.catalog import COMMENT, GRANTS, OWNER, VALID_INDEX, Kind
from continuity.domain.recovery_point import Manifest
from continuity.domain.verdict import Axis, Severity
from expectations import faithfulness, health


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An expectation, and the finding that it makes."""

    finding: str
    axis: Axis
    severity: Severity
    expectation: BatchExpectation


def suite_of_restore(manifest: Manifest, application: Application) -> tuple[Claim, ...]:
    """Derive what a restore of this point has to meet."""
    return (*_structure(manifest), *_contents(manifest), *_health(manifest, application.rules))


def suite_of_live(manifest: Manifest | None, application: Application) -> tuple[Claim, ...]:
    """Derive what a live database has to meet; its latest point, where there is one, says what it had."""
    claims = [
        _claim(
            "indexes valid",
            faithfulness.ExpectIndexesToBeValid,
            axis=Axis.HEALTHY,
            invalid_before=_invalid_indexes(manifest) if manifest else [],
        ),
        *_health(manifest, application.rules),
    ]
    if manifest is not None:
        claims += [
            _claim("no table emptied", health.ExpectNoTableEmptied, axis=Axis.HEALTHY, rows_before=_rows(manifest)),
            _claim(
                "structure of the latest point",
                health.ExpectStructureOfRecoveryPoint,
                axis=Axis.HEALTHY,
                severity=Severity.INFO,
                entries=_entries(manifest),
            ),
        ]
    return tuple(claims)


def _structure(manifest: Manifest) -> Iterator[Claim]:
    entries = _entries(manifest)
    for kind in Kind:
        yield _claim(
            kind.value,
            faithfulness.ExpectObjectsToEqualRecoveryPoint,
            object_kind=kind.value,
            entries=[entry for entry in entries if entry["kind"] == kind.value],
        )
    for name in (OWNER, GRANTS, COMMENT):
        owned = [{**entry, "properties": {name: entry["properties"][name]}} for entry in entries if name in entry["properties"]]
        yield _claim(
            f"{name}s".replace("ss", "s"),
            faithfulness.ExpectPropertyToEqualRecoveryPoint,
            property_name=name,
            entries=owned,
        )
    invalid = _invalid_indexes(manifest)
    yield _claim("indexes valid", faithfulness.ExpectIndexesToBeValid, invalid_before=invalid)


def _contents(manifest: Manifest) -> Iterator[Claim]:
    for table in manifest.tables:
        yield _claim(
            f"rows and digest of {table.table}",
            faithfulness.ExpectTableToEqualFingerprint,
            table_name=table.table,
            rows=table.rows,
            digest=table.digest,
            method=manifest.digests.name,
            major=manifest.digests.major,
        )
    known = [table.table for table in manifest.tables]
    yield _claim("every table compared", faithfulness.ExpectNoOtherTables, known=known)
    yield _claim(
        "contents of large objects",
        faithfulness.ExpectLargeObjectsToEqualFingerprint,
        rows=manifest.large_objects.rows,
        digest=manifest.large_objects.digest,
    )
    positions = [asdict(sequence) for sequence in manifest.sequences]
    yield _claim("sequences not behind", faithfulness.ExpectSequencesNotBehind, positions=positions)


def _health(manifest: Manifest | None, rules: tuple[Rule, ...]) -> Iterator[Claim]:
    rows = _rows(manifest) if manifest else {}
    yield _claim("no orphans behind unchecked keys", health.ExpectNoOrphansBehindUncheckedKeys, axis=Axis.HEALTHY)
    yield _claim("sequences ahead of their columns", health.ExpectSequencesAheadOfColumns, axis=Axis.HEALTHY)
    for rule in rules:
        yield _claim(
            rule.name,
            health.ExpectRuleToHold,
            axis=Axis.HEALTHY,
            severity=rule.severity,
            rule=rule.name,
            sql=rule.sql,
            over=list(rule.over),
            rows_before={table: rows.get(table, rows.get(f"public.{table}", 0)) for table in rule.over},
        )


def _claim(
    finding: str,
    expectation: type[BatchExpectation],
    *,
    axis: Axis = Axis.FAITHFUL,
    severity: Severity = Severity.CRITICAL,
    **arguments: Any,
) -> Claim:
    meta = {"finding": finding, "axis": axis.value}
    built = expectation(meta=meta, severity=FailureSeverity(severity.value), **arguments)
    return Claim(finding=finding, axis=axis, severity=severity, expectation=built)


def _entries(manifest: Manifest) -> list[dict[str, Any]]:
    return [{"kind": entry.kind.value, "name": entry.name, "properties": dict(entry.properties)} for entry in manifest.catalog]


def _invalid_indexes(manifest: Manifest) -> list[str]:
    indexes = [entry for entry in manifest.catalog if entry.kind is Kind.INDEX]
    return [entry.name for entry in indexes if entry.properties[VALID_INDEX] != "true"]


def _rows(manifest: Manifest) -> dict[str, int]:
    return {table.table: table.rows for table in manifest.tables}
