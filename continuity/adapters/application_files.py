"""Applications as folders: `application.toml`, and beside it `rules.toml` and `phases.toml` where there are any."""

from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from continuity.adapters.application_checks import CheckSection, ErrorsSection, HealthSection, QuerySection, read_tests
from continuity.adapters.phase_files import load_phases
from continuity.domain.application import (
    Application,
    ApplicationName,
    Fallback,
    FallbackList,
    FlagSource,
    FlagTable,
    MediaBucket,
    MediaReference,
    Objectives,
    ProtectedDatabase,
    ReleaseSource,
    RetentionPolicy,
    Rule,
    WorkloadRef,
)
from continuity.domain.verdict import Severity
from continuity.errors import ConfigurationRefused
from continuity.sections import Section, parse, read_toml

NAME = r"[a-z][a-z0-9-]{0,39}"
"""What an application may be called: its name is part of keys, folders and ids."""

LONGEST_DATABASE_BYTES = 63
"""PostgreSQL cuts a longer name off in silence, which could be another database's (NAMEDATALEN)."""


def _database_name(name: str) -> str:
    if not name or "\0" in name or len(name.encode()) > LONGEST_DATABASE_BYTES:
        raise ValueError(f"a database has a name of 1 to {LONGEST_DATABASE_BYTES} bytes without NUL")
    return name


class _Database(Section):
    name: Annotated[str, AfterValidator(_database_name)]
    migration_head: str = ""


class _Reference(Section):
    column: Annotated[str, Field(pattern=r"^[^.]+\.[^.]+\.[^.]+$")]
    prefix: str = ""


class _Media(Section):
    bucket: Annotated[str, Field(min_length=3, max_length=63)]
    prefix: str = ""
    reference: tuple[_Reference, ...] = ()

    def media(self) -> MediaBucket:
        """Return it as the application's own."""
        references = tuple(MediaReference(column=each.column, prefix=each.prefix) for each in self.reference)
        return MediaBucket(bucket=self.bucket, prefix=self.prefix, references=references)


class _Objectives(Section):
    recovery_point_hours: Annotated[float, Field(gt=0)] = 24
    recovery_time_hours: Annotated[float, Field(gt=0)] = 4


_KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]


class _Workload(Section):
    name: _KubernetesName
    namespace: _KubernetesName
    containers: Annotated[tuple[_KubernetesName, ...], Field(min_length=1)]


class _Release(Section):
    tag_pattern: Annotated[str, Field(min_length=1)]
    build_command: tuple[str, ...] = ()
    repository: Annotated[str, Field(pattern=r"^([^-].*)?$")] = ""

    def source(self, folder: Path) -> ReleaseSource:
        """Return it with the repository's place, which is said relative to the application's folder."""
        repository = (folder / self.repository).resolve() if self.repository else None
        return ReleaseSource(tag_pattern=self.tag_pattern, build_command=self.build_command, repository=repository)


class _Infrastructure(Section):
    protected: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class _Flags(Section):
    config_map: _KubernetesName | None = None
    namespace: _KubernetesName | None = None
    key: Annotated[str, Field(min_length=1)] = "flags.json"
    table: Annotated[str, Field(min_length=1)] | None = None
    name_column: Annotated[str, Field(min_length=1)] = "name"
    value_column: Annotated[str, Field(min_length=1)] = "enabled"
    names: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.config_map and self.table:
            raise ValueError(f"flags live in one place: configmap {self.config_map!r} or table {self.table!r}, not both")
        if not (self.config_map or self.table):
            raise ValueError("it says neither `config_map` (with its `namespace`) nor `table`, where the flags live")
        if self.config_map and not self.namespace:
            raise ValueError(f"configmap {self.config_map!r} needs its `namespace`")
        foreign = {"name_column", "value_column"} if self.config_map else {"namespace", "key"}
        if misplaced := foreign & self.model_fields_set:
            raise ValueError(f"`{min(misplaced)}` has no meaning for {'a configmap' if self.config_map else 'a table'}")
        return self

    def source(self) -> FlagSource | FlagTable:
        """Return the place that is described."""
        if self.table:
            return FlagTable(table=self.table, name_column=self.name_column, value_column=self.value_column, names=self.names)
        return FlagSource(namespace=self.namespace or "", config_map=self.config_map or "", key=self.key, names=self.names)


class _FallbackList(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}$")]
    sql: Annotated[str, Field(min_length=10)]


class _Fallback(Section):
    list: tuple[_FallbackList, ...] = ()
    notice: str = ""

    def fallback(self) -> Fallback:
        return Fallback(
            lists=tuple(FallbackList(name=each.name, sql=each.sql.strip().rstrip(";")) for each in self.list),
            notice=self.notice.strip(),
        )


class _Sessions(Section):
    revoke: tuple[Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+){1,2}$")], ...] = ()


class _Retention(Section):
    keep_all_days: Annotated[int, Field(ge=1, le=36500)] = 7
    daily: Annotated[int, Field(ge=0)] = 14
    weekly: Annotated[int, Field(ge=0)] = 8
    monthly: Annotated[int, Field(ge=0)] = 12
    yearly: Annotated[int, Field(ge=0)] = 3
    proven_floor: Annotated[int, Field(ge=1)] = 2


class _ApplicationFile(Section):
    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    database: _Database
    media: _Media | None = None
    objectives: _Objectives = _Objectives()
    workload: tuple[_Workload, ...] = ()
    release: _Release | None = None
    flags: _Flags | None = None
    infrastructure: _Infrastructure = _Infrastructure()
    retention: _Retention = _Retention()
    health: HealthSection | None = None
    test: tuple[CheckSection, ...] = ()
    query: tuple[QuerySection, ...] = ()
    errors: ErrorsSection = ErrorsSection()
    fallback: _Fallback = _Fallback()
    sessions: _Sessions = _Sessions()


class _Rule(Section):
    name: Annotated[str, Field(min_length=3)]
    severity: Severity
    over: tuple[str, ...]
    sql: Annotated[str, Field(min_length=10)]
    because: str = ""


class _RulesFile(Section):
    rule: tuple[_Rule, ...] = ()


def list_applications(folder: Path) -> list[str]:
    """Name the applications of a folder."""
    return sorted(path.parent.name for path in folder.glob("*/application.toml"))


def load_application(folder: Path, name: str) -> Application:
    """Read an application by name.

    Raises:
        ConfigurationRefused: there is none of that name, or one of its files is wrong.

    """
    known = list_applications(folder)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise ConfigurationRefused(
            f"no application {name!r} in {folder}" + (f", did you mean {near[0]!r}?" if near else ""),
            hint=f"Known: {', '.join(known) or 'none'}. Give --applications DIR for another folder.",
        )
    path = folder / name / "application.toml"
    content = parse(_ApplicationFile, read_toml(path), source=path)
    if content.name != name:
        raise ConfigurationRefused(
            f"{path} names the application {content.name!r}", hint=f"Folder and name must agree: call it {name!r}."
        )
    workloads = _workloads(content.workload, path)
    return Application(
        name=ApplicationName(content.name),
        database=ProtectedDatabase(name=content.database.name, migration_head=content.database.migration_head),
        media=content.media.media() if content.media else None,
        objectives=Objectives(
            recovery_point=timedelta(hours=content.objectives.recovery_point_hours),
            recovery_time=timedelta(hours=content.objectives.recovery_time_hours),
        ),
        retention=RetentionPolicy(
            keep_all=timedelta(days=content.retention.keep_all_days),
            **content.retention.model_dump(exclude={"keep_all_days"}),
        ),
        rules=_load_rules(path.with_name("rules.toml")),
        workloads=workloads,
        release=content.release.source(path.parent) if content.release else None,
        flags=content.flags.source() if content.flags else None,
        health=content.health.health() if content.health else None,
        tests=read_tests(content.test, source=path),
        queries=tuple(each.query() for each in content.query),
        errors=content.errors.watch(),
        fallback=content.fallback.fallback(),
        revoke=content.sessions.revoke,
        protected_infrastructure=content.infrastructure.protected,
        phases=load_phases(
            path.with_name("phases.toml"),
            workloads=workloads,
            flags=content.flags.names if content.flags else None,
            has_media=content.media is not None,
        ),
    )


def _workloads(described: tuple[_Workload, ...], path: Path) -> tuple[WorkloadRef, ...]:
    workloads = tuple(WorkloadRef(**dict(each)) for each in described)
    names = [str(each) for each in workloads]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationRefused(f"{path} names the workload {min(twice)} twice", hint="Remove one of them.")
    return workloads


def _load_rules(path: Path) -> tuple[Rule, ...]:
    if not path.exists():
        return ()
    rules = parse(_RulesFile, read_toml(path), source=path).rule
    names = [rule.name for rule in rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationRefused(f"{path} has two rules of the name {min(twice)!r}", hint="Rename one of them.")
    return tuple(
        Rule(name=rule.name, severity=rule.severity, over=rule.over, sql=rule.sql.strip().rstrip(";"), because=rule.because)
        for rule in rules
    )
