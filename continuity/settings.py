"""The environment: where things are and what may be done there. One TOML file, secrets also from the process environment."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from continuity.errors import ConfigurationRefused
from continuity.incident_settings import IncidentsSection
from continuity.notice_settings import NoticesSection
from continuity.ping_settings import PingsSection
from continuity.recovery_settings import RecoverySection, ShiftSection, TerraformSection
from continuity.sections import BaseUrl, Model, Place, Section, parse, read_toml
from continuity.webhook_settings import WebhooksSection

ENVIRONMENT_VARIABLE = "CONTINUITY_ENVIRONMENT"
DSN_VARIABLE = "CONTINUITY_DATABASE_DSN"


class DatabaseSection(Section):
    """The server that holds the protected databases."""

    dsn: SecretStr
    """Connection string of the backup role; the application names the database. `CONTINUITY_DATABASE_DSN` overrides it."""
    client_binaries: Path | None = None
    """Folder with pg_dump, pg_restore and pg_dumpall; by default they are found by the server's major version."""
    vulnerable_clients: Literal["warn", "refuse"] = "warn"
    """What to do when the client tools lack known security fixes."""
    snapshot_limit_seconds: Annotated[int, Field(gt=0)] = 4 * 3600
    """Longest time for which a backup may hold the database's horizon (vacuum cannot clean past it): then it stops."""
    lock_wait_seconds: Annotated[int, Field(gt=0)] = 60
    """How long pg_dump may wait for a table that somebody holds exclusively."""
    role_passwords: bool = False
    """Whether the roles in a recovery point carry their password hashes."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 2
    """Sessions for digests and jobs for restoring."""


class VaultSection(Section):
    """Where recovery points live: `s3://bucket/prefix` or `file:///folder`."""

    url: str
    """`s3://BUCKET/PREFIX` or `file:///FOLDER`; credentials of S3 come from the process's environment, files or role."""
    endpoint_url: str | None = None
    """Address of an S3-compatible store; by default AWS."""
    region: str | None = None
    """Region of the bucket, if the process's environment does not name it."""
    recipients: tuple[str, ...] = ()
    """age public keys; with any of them, dumps are encrypted before they leave the process."""
    identity_file: Path | None = None
    """age private key; needed only where drills and restores run."""
    compression_level: Annotated[int, Field(ge=1, le=19)] = 1
    """zstd level. 1 is the fastest; 3 was slower and no smaller on the data measured."""


class DrillSection(Section):
    """Where scratch databases are made; by default on the protected server."""

    dsn: SecretStr | None = None
    """Connection string of another server, or of another role on the same one."""
    work_directory: Path | None = None
    """Folder with room for one uncompressed dump; by default the system's temporary folder."""
    keep: bool = False
    """Whether a drill that proves the newest point keeps its database, closed, so that a rollback to it is the swap alone:
    at most one an application, and only where drills run on the protected server."""


class RollbackSection(Section):
    """How a rollback reaches the protected server, and what it may do there."""

    dsn: SecretStr | None = None
    """Role that owns the database (or is a member of its owner) and has CREATEDB and pg_signal_backend; default: the
    backup's role."""
    pooler_dsn: SecretStr | None = None
    """Admin console of the PgBouncer in front of the database: its clients are made to wait during a swap."""
    drain_seconds: Annotated[int, Field(ge=0)] = 60
    """How long stopped workloads may take to leave the database."""
    foreign_sessions: Literal["refuse", "end"] = "refuse"
    """What to do with sessions that are left then: give up and put everything back, or end them."""
    approvals: Annotated[int, Field(ge=1, le=5)] = 1
    """How many people must approve a plan. With more than one, each signs with `continuity approve HASH --as NAME`."""
    approval_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    """How long a plan may be approved after it was made."""
    approvers: dict[str, str] = {}  # noqa: RUF012 -- pydantic copies it
    """Public keys of those who may approve, by name: one line each, as in `id_ed25519.pub`."""
    keep_replaced_days: Annotated[int, Field(ge=0)] = 7
    """How old a replaced database, or what a run has set aside, must be before it may be dropped."""
    lock_timeout_milliseconds: Annotated[int, Field(ge=10, le=10_000)] = 200
    """For how long at a time a schema change may hold up the clients of a table: it is tried again until it gets in."""
    lock_patience_seconds: Annotated[float, Field(ge=0, le=3600)] = 60
    """For how long it is tried again; then it is told who is in the way."""
    spool: Path | None = None
    """Folder for journal entries that the vault does not take; default: below the user's state folder."""


class JournalSection(Section):
    """Where journals and leases stand; by default in the vault. Best in another account and region."""

    url: str
    """As in `[vault]`."""
    endpoint_url: str | None = None
    """As in `[vault]`."""
    region: str | None = None
    """As in `[vault]`."""


class MediaSection(Section):
    """How the media bucket is reached; the application names the bucket unless `bucket` overrides it."""

    bucket: str | None = None
    """Bucket to read instead of the one that the application names."""
    endpoint_url: str | None = None
    """Address of an S3-compatible store; by default AWS."""
    region: str | None = None
    """Region of the bucket, if the process's environment does not name it."""
    replica_bucket: str | None = None
    """Bucket that backups fill with the bytes of every version that a point's map names; nothing in it is ever deleted. Best
    in another account and region."""
    replica_endpoint_url: str | None = None
    """Address of the replica's store; by default AWS. Where it is the media bucket's own, the store copies by itself."""
    replica_region: str | None = None
    """Region of the replica, if the process's environment does not name it."""
    replica_profile: str | None = None
    """Profile of the AWS configuration with the replica's own credentials; then bytes pass through this machine."""
    replica_minutes: Annotated[float, Field(gt=0)] = 60
    """How long a backup may copy before it writes its manifest all the same; the next one goes on."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 8
    """Objects copied at the same time."""


class ReleaseSection(Section):
    """Where this machine has the application's repository, and how it builds; by default as application.toml says."""

    repository: Path | None = None
    """The git checkout to build from and to commit reverts to."""
    build_command: tuple[str, ...] | None = None
    """argv; `{tag}` stands for what is built. Its last line names the image: REPOSITORY@sha256:…."""


class ClusterSection(Section):
    """The Kubernetes cluster on which the application runs; without a kubeconfig the client's own rules find it."""

    kubeconfig: Path | None = None
    """File that names the API server and holds the credentials; inside a pod the service account is used without one."""
    context: str | None = None
    """Context of the kubeconfig; by default its current one."""


class TrafficSection(Section):
    """How the application is reached as its users reach it."""

    url: BaseUrl
    """Base address. Of https, certificate and name are verified; no credentials stand in it."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    secrets: dict[str, Place] = {}  # noqa: RUF012 -- as above
    """Where the secrets of journeys are, by name: `env:VARIABLE` or `file:/path`."""


class PrometheusSection(Section):
    """Where Prometheus is, and how it tells the application's error rate."""

    url: BaseUrl
    """Base address of its API; no credentials stand in it."""
    error_rate: Annotated[str, Field(min_length=1)]
    """A query whose value is the part of the answers that are errors, from 0 to 1."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""


class PrefectSection(Section):
    """Where the Prefect server is."""

    api_url: str | None = None
    """Address of its API; by default Prefect's own profile says."""
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,40}$")] = ""
    """What the names of this environment's deployments begin with, such as "staging-", on a server that others use too."""
    missed_backup_hours: Annotated[float, Field(ge=1)] = 26
    """How long after a backup the next one is missed: a day, and two hours for it to be late in."""
    end_patience_seconds: Annotated[float, Field(gt=0)] = 90
    """How long a run's process may wait, once its work is over, for a Prefect server that does not answer."""


class Environment(Section):
    """Everything that differs between production, staging and a laptop."""

    database: DatabaseSection
    vault: VaultSection
    drill: DrillSection = DrillSection()
    media: MediaSection = MediaSection()
    rollback: RollbackSection = RollbackSection()
    recovery: RecoverySection = RecoverySection()
    journal: JournalSection | None = None
    release: ReleaseSection = ReleaseSection()
    cluster: ClusterSection = ClusterSection()
    terraform: TerraformSection | None = None
    traffic: TrafficSection | None = None
    shift: ShiftSection | None = None
    prometheus: PrometheusSection | None = None
    prefect: PrefectSection = PrefectSection()
    webhooks: WebhooksSection | None = None
    notices: NoticesSection | None = None
    incidents: IncidentsSection = IncidentsSection()
    pings: PingsSection = PingsSection()
    applications: Path = Path("applications")
    """Folder of applications, each a folder with an application.toml."""

    @model_validator(mode="after")
    def _prometheus_is_there(self) -> "Environment":
        if self.shift and (self.shift.error_rate or self.shift.latency) and not self.prometheus:
            raise ValueError("the section shift has queries to Prometheus, and there is no section prometheus")
        return self

    @property
    def drill_dsn(self) -> str:
        """Connection string of the server for scratch databases."""
        return (self.drill.dsn or self.database.dsn).get_secret_value()

    @property
    def rollback_dsn(self) -> str:
        """Connection string of the role that restores beside the live database and swaps."""
        return (self.rollback.dsn or self.database.dsn).get_secret_value()

    @property
    def url(self) -> str:
        """Where users reach the application, or "" where that is not known."""
        return self.traffic.url if self.traffic else ""

    @property
    def recovered_url(self) -> str:
        """Where a recovered side alone is reached, before visitors are let in, or "" where that is not known."""
        return self.shift.url if self.shift else self.url

    @property
    def recovering(self) -> "Environment":
        """The environment as a recovery sees it: the application is asked where the recovered side alone answers."""
        if self.traffic is None:
            return self.model_copy(update={"traffic": TrafficSection(url=self.shift.url)}) if self.shift else self
        return self.model_copy(update={"traffic": self.traffic.model_copy(update={"url": self.recovered_url})})

    @property
    def pooler_dsn(self) -> str:
        """Connection string of the pooler's admin console, or "" where there is none."""
        return self.rollback.pooler_dsn.get_secret_value() if self.rollback.pooler_dsn else ""


def load_environment(path: Path | None = None) -> Environment:
    """Read the environment file given, or the one that `CONTINUITY_ENVIRONMENT` names.

    Relative paths inside it are relative to the file.

    Raises:
        ConfigurationRefused: there is none, it cannot be read, or a key or value is not known.

    """
    named = path or (Path(os.environ[ENVIRONMENT_VARIABLE]) if os.environ.get(ENVIRONMENT_VARIABLE) else None)
    if named is None:
        raise ConfigurationRefused("no environment is named", hint=f"Give --environment FILE or set {ENVIRONMENT_VARIABLE}.")
    content = read_toml(named)
    if dsn := os.environ.get(DSN_VARIABLE):
        content.setdefault("database", {})["dsn"] = dsn
    return _beside(named.parent, parse(Environment, content, source=named))


def _beside(folder: Path, section: Model) -> Model:
    """Return a section with its relative paths taken from the file's own folder, wherever the command is called."""
    moved: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            moved[name] = folder / value.expanduser()
        elif isinstance(value, Section):
            moved[name] = _beside(folder, value)
    return section.model_copy(update=moved)
