"""The protected application, as its owner describes it; everything else is discovered."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import NewType

from continuity.domain.verdict import Severity

ApplicationName = NewType("ApplicationName", str)  # "blottr"


@dataclass(frozen=True, kw_only=True)
class ProtectedDatabase:
    """The database to protect; `migration_head` is SQL that returns the newest migration's name as one value."""

    name: str
    migration_head: str = ""


@dataclass(frozen=True, kw_only=True)
class MediaBucket:
    """Where the application keeps its files; only keys below `prefix` belong to it."""

    bucket: str
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """How much may be lost (recovery point) and how long recovery may take (recovery time)."""

    recovery_point: timedelta = timedelta(hours=24)
    recovery_time: timedelta = timedelta(hours=4)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A business rule: SQL that returns one row of keys for each violation, never the contents of rows."""

    name: str
    severity: Severity
    over: tuple[str, ...]
    sql: str
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class Application:
    """What is protected."""

    name: ApplicationName
    database: ProtectedDatabase
    media: MediaBucket | None = None
    objectives: Objectives = field(default_factory=Objectives)
    rules: tuple[Rule, ...] = ()
