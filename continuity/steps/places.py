"""Opens what an environment names: the vault, the media bucket, the tools. Each step opens its own, and passes on none."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from continuity.adapters.points import PointStore
from continuity.adapters.vault import Vault
from continuity.adapters.vaults import open_vault
from continuity.domain.application import Application, ApplicationName, MediaBucket, ReleaseSource
from continuity.settings import Environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from continuity.adapters.media_store import MediaStore


def vault_of(environment: Environment) -> Vault:
    """Open the vault."""
    section = environment.vault
    return open_vault(section.url, endpoint_url=section.endpoint_url, region=section.region)


def points_of(environment: Environment, application: ApplicationName) -> PointStore:
    """Open an application's points."""
    return PointStore(vault_of(environment), application)


def journals_of(environment: Environment) -> Vault:
    """Open the vault that holds journals and leases."""
    section = environment.journal or environment.vault
    return open_vault(section.url, endpoint_url=section.endpoint_url, region=section.region)


def spool_of(environment: Environment, run: str) -> Path:
    """Return the folder in which this machine keeps what the journal's vault does not take."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return (environment.rollback.spool or Path(state) / "continuity/spool") / run


def terraform_folder(environment: Environment, application: ApplicationName) -> Path:
    """Return the folder of this machine for an application's terraform: providers, and plans while they are carried out."""
    section = environment.terraform
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return ((section.work_directory if section else None) or Path(state) / "continuity/terraform") / application


def dsn_of(environment: Environment) -> str:
    """Return the protected server's connection string."""
    return environment.database.dsn.get_secret_value()


def replica_of(environment: Environment) -> "MediaStore | None":
    """Open the replica of the media bucket, or None where the environment names none."""
    from continuity.adapters.media_store import MediaStore
    from continuity.adapters.s3_vault import s3_client

    section = environment.media
    if not section.replica_bucket:
        return None
    client = s3_client(endpoint_url=section.replica_endpoint_url, region=section.replica_region, profile=section.replica_profile)
    return MediaStore(
        client=client,
        bucket=section.replica_bucket,
        endpoint_url=section.replica_endpoint_url,
        profile=section.replica_profile,
        setting="[media] replica_bucket",
    )


def media_store_of(environment: Environment, application: Application, bucket: str = "") -> "MediaStore | None":
    """Open the media bucket as a store of copies, or another `bucket` beside it; None where the application has no media."""
    from continuity.adapters.media_store import MediaStore

    opened = media_of(environment, application)
    if opened is None:
        return None
    client, media = opened
    return MediaStore(client=client, bucket=bucket or media.bucket, endpoint_url=environment.media.endpoint_url)


def source_of(environment: Environment, application: Application) -> ReleaseSource | None:
    """Return from where this machine builds a release, or None where nobody has said how releases are found."""
    if application.release is None:
        return None
    section = environment.release
    return replace(
        application.release,
        repository=section.repository or application.release.repository,
        build_command=application.release.build_command if section.build_command is None else section.build_command,
    )


def media_of(environment: Environment, application: Application) -> tuple["S3Client", MediaBucket] | None:
    """Return the media bucket with a client for it, or None where the application has none."""
    from continuity.adapters.s3_vault import s3_client

    if application.media is None:
        return None
    section = environment.media
    bucket = replace(application.media, bucket=section.bucket or application.media.bucket)
    return s3_client(endpoint_url=section.endpoint_url, region=section.region), bucket
