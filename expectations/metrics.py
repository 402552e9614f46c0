"""Metrics: what is measured of a database. Each is computed once for a validation, however many expectations use it.

The database is the one that libpq's environment variables name: no connection string with a password enters
Great Expectations, which would keep it in its configuration and print it in its errors.
"""

import os
from typing import Any

from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from continuity.adapters import catalog, fingerprints, references
from continuity.adapters.postgres import connect
from continuity.domain.catalog import CatalogEntry
from continuity.domain.fingerprint import Fingerprint, SequencePosition

CATALOG = "continuity.catalog"
FINGERPRINTS = "continuity.fingerprints"
LARGE_OBJECTS = "continuity.large_objects"
SEQUENCES = "continuity.sequences"
SEQUENCES_BEHIND = "continuity.sequences_behind"
ORPHANS = "continuity.orphans"
MAJOR = "continuity.major"
EMPTY_TABLES = "continuity.empty_tables"

PARALLEL_VARIABLE = "CONTINUITY_PARALLEL"


class CatalogMetric(TableMetricProvider):
    """Every entry of the catalog."""

    metric_name = CATALOG

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> tuple[CatalogEntry, ...]:  # noqa: N805
        with connect("", settings=fingerprints.SETTINGS) as connection:
            return catalog.read_catalog(connection)


class FingerprintsMetric(TableMetricProvider):
    """Rows and digest of every ordinary table, in one scan each, several at once."""

    metric_name = FINGERPRINTS

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> dict[str, Fingerprint | fingerprints.Unmeasured]:  # noqa: N805
        parallel = int(os.environ.get(PARALLEL_VARIABLE, "2"))
        measured = fingerprints.read_fingerprints("", os.environ["PGDATABASE"], parallel=parallel)
        return {each.table: each for each in measured}


class LargeObjectsMetric(TableMetricProvider):
    """Number and digest of the large objects."""

    metric_name = LARGE_OBJECTS

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> Fingerprint:  # noqa: N805
        with connect("", settings=fingerprints.SETTINGS) as connection:
            return fingerprints.read_large_objects(connection)


class SequencesMetric(TableMetricProvider):
    """Where every sequence stands."""

    metric_name = SEQUENCES

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> dict[str, SequencePosition]:  # noqa: N805
        with connect("", settings=fingerprints.SETTINGS) as connection:
            return {sequence.name: sequence for sequence in catalog.read_sequences(connection)}


class SequencesBehindMetric(TableMetricProvider):
    """Sequences that would hand out a value that their column holds."""

    metric_name = SEQUENCES_BEHIND

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> tuple[str, ...]:  # noqa: N805
        with connect("", settings=fingerprints.SETTINGS) as connection:
            return references.sequences_behind_columns(connection)


class OrphansMetric(TableMetricProvider):
    """Rows that refer to nothing, for each foreign key that PostgreSQL has not checked."""

    metric_name = ORPHANS

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> dict[str, int]:  # noqa: N805
        with connect("", settings=fingerprints.SETTINGS) as connection:
            return references.count_orphans(connection)


class MajorMetric(TableMetricProvider):
    """The server's major version: digests compare within one."""

    metric_name = MAJOR

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> int:  # noqa: N805
        with connect("") as connection:
            return connection.info.server_version // 10000


class RuleMetric(TableMetricProvider):
    """Violations of one rule."""

    metric_name = "continuity.rule"
    value_keys = ("sql", "over")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, metric_value_kwargs: dict[str, Any], **_: Any) -> references.Violations:  # noqa: N805
        with connect("", settings=fingerprints.SETTINGS) as connection:
            return references.find_violations(connection, metric_value_kwargs["sql"], metric_value_kwargs["over"])


class EmptyTablesMetric(TableMetricProvider):
    """Whether each ordinary table is empty; reads one row of each."""

    metric_name = EMPTY_TABLES

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **_: Any) -> dict[str, bool]:  # noqa: N805
        with connect("", settings=fingerprints.SETTINGS) as connection:
            return {table.name: references.is_empty(connection, table.relation) for table in fingerprints.list_tables(connection)}
