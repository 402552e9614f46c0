"""The sample applications on the embedded stack: blottr and guestbook, with invented data."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from continuity.adapters.s3_vault import s3_client
from deployments.local.sample_cluster import REPLICAS, application_login, deploy_sample, sample_images
from deployments.local.stack import APPLICATIONS, Stack, load_application, start_stack

SAMPLES = ("blottr", "guestbook")
MEGABYTES = 5
PICTURES = 40
BUCKET = "blottr-media-bucket"


def bring_up(directory: Path, *, report: Callable[[str], None], with_prefect: bool = True) -> Stack:
    """Start the stack with both applications on it. Run twice, it gives the same stack; data that is there stays."""
    stack = start_stack(directory, report=report, with_prefect=with_prefect, images=sample_images())
    for name in SAMPLES:
        report(f"loading {name}, {MEGABYTES} MB of invented data")
        load_application(stack.postgres, APPLICATIONS / name, megabytes=MEGABYTES, database=name)
    os.environ.update(stack.variables)
    put_pictures(stack.urls["media"])
    report(f"deploying blottr, {REPLICAS} replicas")
    address = deploy_sample(stack.cluster, application_login(stack.postgres, stack.directory, "blottr"))
    return replace(stack, urls=stack.urls | {"blottr": address})


def put_pictures(endpoint_url: str) -> None:
    """Fill blottr's media bucket with small files; putting them again makes a second version of each."""
    client = s3_client(endpoint_url=endpoint_url, region="us-east-1")
    if client.list_objects_v2(Bucket=BUCKET, MaxKeys=1).get("KeyCount"):
        return
    for number in range(PICTURES):
        client.put_object(Bucket=BUCKET, Key=f"tattoos/{number:04}.jpg", Body=f"picture {number}".encode())
