"""A stand-in for S3: moto's server, which keeps objects in memory and checks no credentials.

It honours versions and conditional writes; everything in it is gone when it stops. Never for bytes that matter.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from continuity.errors import MediaError
from deployments.local.processes import LOCALHOST
from deployments.local.services import RunningService, Service, start_service

NAME = "object-store"
REGION = "us-east-1"
# moto takes any pair; boto3 does not sign without one.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "stand-in", "AWS_SECRET_ACCESS_KEY": "stand-in"}
START_SECONDS = 60

MOTO = Service(
    name=NAME,
    command=(sys.executable, "-m", "moto.server", "-H", LOCALHOST, "-p", "{port}"),
    ready_path="/moto-api/",
    ready_seconds=START_SECONDS,
)


def start_object_store(state_directory: Path, buckets: Iterable[str]) -> RunningService:
    """Start the stand-in and make the buckets in it, versioned; those that exist keep what they hold.

    Raises:
        ContinuityError: the server does not come up.
        MediaError: it refused a bucket.

    """
    store = start_service(state_directory, MOTO)
    for bucket in buckets:
        _make_versioned_bucket(store.url, bucket)
    return store


def _make_versioned_bucket(endpoint_url: str, bucket: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}, proxies={}, connect_timeout=5, read_timeout=30),
    )
    try:
        # In us-east-1 a second creation by the owner succeeds and changes nothing (S3 API, CreateBucket).
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    except (BotoCoreError, ClientError) as error:
        message = f"the stand-in for S3 at {endpoint_url} refused bucket {bucket!r}: {error}"
        raise MediaError(message, hint="Give the bucket a name that S3 allows.") from error
    finally:
        client.close()
