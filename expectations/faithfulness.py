"""Expectations of a restore: it equals what was there when the recovery point was made."""

from typing import Any

from great_expectations.expectations.expectation import BatchExpectation

from continuity.adapters.fingerprints import METHOD, Unmeasured
from continuity.domain.catalog import VALID_INDEX, CatalogEntry, Difference, Kind, compare_objects, compare_property
from continuity.domain.fingerprint import SequencePosition
from expectations import metrics

SHOWN = 8


def outcome(wrong: tuple[object, ...], *, good: str) -> dict[str, Any]:
    """Return a result in Great Expectations' form: what was observed, and the first of what is wrong."""
    if not wrong:
        return {"success": True, "result": {"observed_value": good}}
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    text = "; ".join(str(each) for each in wrong[:SHOWN]) + more
    return {"success": False, "result": {"observed_value": f"{len(wrong)} wrong: {text}"}}


def entries_of(plain: list[dict[str, Any]]) -> tuple[CatalogEntry, ...]:
    """Read catalog entries back from an expectation's arguments."""
    return tuple(CatalogEntry(kind=Kind(each["kind"]), name=each["name"], properties=each["properties"]) for each in plain)


class ExpectObjectsToEqualRecoveryPoint(BatchExpectation):
    """Expect one kind's objects (tables, columns, keys, …) to be those of the recovery point, with equal definitions."""

    object_kind: str
    entries: list[dict[str, Any]]

    metric_dependencies = (metrics.CATALOG,)
    success_keys = ("object_kind", "entries")

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        kind, expected = Kind(self.object_kind), entries_of(self.entries)
        wrong: tuple[Difference, ...] = compare_objects(kind, expected, _catalog(metrics))
        return outcome(wrong, good=f"{len(expected)} as in the recovery point")


class ExpectPropertyToEqualRecoveryPoint(BatchExpectation):
    """Expect one property of all objects (owner, grants, comment) to be that of the recovery point."""

    property_name: str
    entries: list[dict[str, Any]]

    metric_dependencies = (metrics.CATALOG,)
    success_keys = ("property_name", "entries")

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        expected = entries_of(self.entries)
        wrong = compare_property(self.property_name, expected, _catalog(metrics))
        return outcome(wrong, good=f"equal on {len(expected)} objects")


class ExpectIndexesToBeValid(BatchExpectation):
    """Expect no index that PostgreSQL does not use, but for those that were so before.

    An index of a partitioned table that not every partition has is one of those.
    """

    invalid_before: list[str]

    metric_dependencies = (metrics.CATALOG,)
    success_keys = ("invalid_before",)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        indexes = [entry for entry in _catalog(metrics) if entry.kind is Kind.INDEX]
        invalid = [entry.name for entry in indexes if entry.properties[VALID_INDEX] != "true"]
        wrong = tuple(name for name in invalid if name not in self.invalid_before)
        return outcome(wrong, good=f"{len(indexes)} indexes, none invalid that was valid")


class ExpectTableToEqualFingerprint(BatchExpectation):
    """Expect a table's own rows to have the number and the digest that they had in the dump's snapshot."""

    table_name: str
    rows: int
    digest: str
    method: str
    major: int

    metric_dependencies = (metrics.FINGERPRINTS, metrics.MAJOR)
    success_keys = ("table_name", "rows", "digest", "method", "major")

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        if (self.method, self.major) != (METHOD, metrics["continuity.major"]):
            raise ValueError(
                f"digests by {self.method} of PostgreSQL {self.major} do not compare with {METHOD}"
                f" of {metrics['continuity.major']}"
            )
        found = metrics["continuity.fingerprints"].get(self.table_name)
        if isinstance(found, Unmeasured):
            raise ValueError(found.reason)  # noqa: TRY004 -- not a matter of types: the scan failed
        if found is None:
            return outcome(("the table is missing",), good="")
        wrong = []
        if found.rows != self.rows:
            wrong.append(f"{found.rows} rows, {self.rows} in the recovery point")
        elif found.digest != self.digest:
            wrong.append(f"{found.rows} rows as in the recovery point, but their contents differ")
        return outcome(tuple(wrong), good=f"{found.rows} rows, equal digest")


class ExpectNoOtherTables(BatchExpectation):
    """Expect every table with rows to have a fingerprint in the recovery point, so that nothing goes uncompared."""

    known: list[str]

    metric_dependencies = (metrics.FINGERPRINTS,)
    success_keys = ("known",)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        found = metrics["continuity.fingerprints"]
        wrong = tuple(f"{name} is not in the recovery point" for name in found if name not in set(self.known))
        return outcome(wrong, good=f"{len(found)} tables, each compared")


class ExpectLargeObjectsToEqualFingerprint(BatchExpectation):
    """Expect the large objects to have the number and the digest of the recovery point."""

    rows: int
    digest: str

    metric_dependencies = (metrics.LARGE_OBJECTS,)
    success_keys = ("rows", "digest")

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        found = metrics["continuity.large_objects"]
        same = (found.rows, found.digest) == (self.rows, self.digest)
        wrong = () if same else (f"{found.rows} large objects, {self.rows} in the recovery point, or other contents",)
        return outcome(wrong, good=f"{found.rows} large objects, equal digest")


class ExpectSequencesNotBehind(BatchExpectation):
    """Expect no sequence to stand before where it stood when the dump began."""

    positions: list[dict[str, Any]]

    metric_dependencies = (metrics.SEQUENCES,)
    success_keys = ("positions",)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:  # type: ignore[override]
        found: dict[str, SequencePosition] = metrics["continuity.sequences"]
        wrong = []
        for plain in self.positions:
            was = SequencePosition(**plain)
            now = found.get(was.name)
            if now is not None and now.behind(was):
                wrong.append(f"{was.name} stands at {now.position}, the recovery point says {was.position}")
        return outcome(tuple(wrong), good=f"{len(found)} sequences, none behind")


def _catalog(measured: dict[str, Any]) -> tuple[CatalogEntry, ...]:
    entries: tuple[CatalogEntry, ...] = measured["continuity.catalog"]
    return entries
