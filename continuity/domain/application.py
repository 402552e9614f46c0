"""The protected application, as its owner describes it; everything else is discovered."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NewType

from continuity.domain.application_tests import ApplicationTest
from continuity.domain.error_rate import ErrorWatch
from continuity.domain.health import HealthCheck
from continuity.domain.phases import Phase
from continuity.domain.query_times import ProbeQuery
from continuity.domain.verdict import Severity

ApplicationName = NewType("ApplicationName", str)  # "blottr"


@dataclass(frozen=True, kw_only=True)
class ProtectedDatabase:
    """The database to protect; `migration_head` is SQL that returns the newest migration's name as one value."""

    name: str
    migration_head: str = ""


@dataclass(frozen=True, kw_only=True)
class MediaReference:
    """A column whose values name files: the key is `prefix` with the value behind it. NULL and "" name none."""

    column: str
    """`schema.table.column`, each as PostgreSQL stores it."""
    prefix: str = ""

    @property
    def parts(self) -> tuple[str, str, str]:
        """Schema, table and column."""
        schema, table, column = self.column.split(".")
        return schema, table, column


@dataclass(frozen=True, kw_only=True)
class MediaBucket:
    """Where the application keeps its files; only keys below `prefix` belong to it."""

    bucket: str
    prefix: str = ""
    references: tuple[MediaReference, ...] = ()
    """Columns that name files: whether those exist is looked at after every restore."""


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """How much may be lost (recovery point) and how long recovery may take (recovery time)."""

    recovery_point: timedelta = timedelta(hours=24)
    recovery_time: timedelta = timedelta(hours=4)


@dataclass(frozen=True, kw_only=True)
class WorkloadRef:
    """A Deployment that belongs to the application, and which of its containers are the application's own."""

    namespace: str
    name: str
    containers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class ReleaseSource:
    """How a release is found and built where no image of it is known: `tag_pattern` is a glob of git tags."""

    tag_pattern: str
    build_command: tuple[str, ...] = ()
    """argv; `{tag}` stands for the git tag. Its last line names the image that it has made and pushed: REPOSITORY@sha256:…."""
    repository: Path | None = None
    """The git checkout to build from, absolute; None where nothing can be built."""


@dataclass(frozen=True, kw_only=True)
class FlagSource:
    """The ConfigMap that holds the feature flags, in flagd's format under one key. `names` are those that forms offer."""

    namespace: str
    config_map: str
    key: str = "flags.json"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FlagTable:
    """A table of the application's database that holds the feature flags: a row each, with its name and a boolean."""

    table: str
    """As SQL writes it: public.feature_flags, or "Odd schema"."my flags"."""
    name_column: str = "name"
    value_column: str = "enabled"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """Which proven points outlive `keep_all`: the newest of so many days, ISO weeks, months and years that have one.

    Periods without a proven point do not count, so a time without backups never empties the vault. `proven_floor` proven
    points stay whatever their age; below one it means one.
    """

    keep_all: timedelta = timedelta(days=7)
    daily: int = 14
    weekly: int = 8
    monthly: int = 12
    yearly: int = 3
    proven_floor: int = 2


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A business rule: SQL that returns one row of keys for each violation, never the contents of rows."""

    name: str
    severity: Severity
    over: tuple[str, ...]
    sql: str
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class FallbackList:
    """A list for working by hand, as CSV: `sql` reads it from the restored database."""

    name: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Fallback:
    """What an application gives to people while it is gone. `notice` may name {application}, {point_taken} and {expected}."""

    lists: tuple[FallbackList, ...] = ()
    notice: str = ""


@dataclass(frozen=True, kw_only=True)
class Application:
    """What is protected."""

    name: ApplicationName
    database: ProtectedDatabase
    media: MediaBucket | None = None
    objectives: Objectives = field(default_factory=Objectives)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    rules: tuple[Rule, ...] = ()
    health: HealthCheck | None = None
    tests: tuple[ApplicationTest, ...] = ()
    queries: tuple[ProbeQuery, ...] = ()
    errors: ErrorWatch = field(default_factory=ErrorWatch)
    workloads: tuple[WorkloadRef, ...] = ()
    release: ReleaseSource | None = None
    flags: FlagSource | FlagTable | None = None
    """Where the feature flags live. Those of a table are in every dump, and go back with the database."""
    fallback: Fallback = field(default_factory=Fallback)
    protected_infrastructure: tuple[str, ...] = ()
    """Types or addresses of infrastructure that must never be deleted or replaced, besides those that always are protected."""
    phases: tuple[Phase, ...] = ()
    revoke: tuple[str, ...] = ()
    """Where it keeps who is signed in: `schema.table`, whose rows go, or `schema.table.column`, which is emptied."""

    @property
    def uses_cluster(self) -> bool:
        """Whether a cluster has to be reached for this application to be whole."""
        return bool(self.workloads) or isinstance(self.flags, FlagSource)
