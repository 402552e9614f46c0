"""The sample applications on the embedded stack: blottr and guestbook, with invented data."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg

from continuity.adapters.s3_vault import s3_client
from deployments.local.sample_cluster import REPLICAS, application_login, deploy_sample, sample_images
from deployments.local.sample_source import make_source
from deployments.local.stack import APPLICATIONS, Stack, load_application, start_stack

SAMPLES = ("blottr", "guestbook")
MEGABYTES = 5
UPLOADS = 4
BUCKET = "blottr-media-bucket"


def bring_up(directory: Path, *, report: Callable[[str], None], with_prefect: bool = True) -> Stack:
    """Start the stack with both applications on it. Run twice, it gives the same stack; data that is there stays."""
    stack = start_stack(directory, report=report, with_prefect=with_prefect, images=sample_images())
    for name in SAMPLES:
        report(f"loading {name}, {MEGABYTES} MB of invented data")
        load_application(stack.postgres, APPLICATIONS / name, megabytes=MEGABYTES, database=name)
    os.environ.update(stack.variables)
    pictures = picture_keys(stack.postgres.dsn("blottr"))
    report(f"putting {len(pictures):,} small files where blottr's pictures are")
    put_pictures(stack.urls["media"], pictures)
    report(f"deploying blottr, {REPLICAS} replicas")
    address = deploy_sample(stack.cluster, application_login(stack.postgres, stack.directory, "blottr"))
    describe_traffic(stack, address)
    describe_release(stack, make_source(stack.directory / "blottr-source"))
    return replace(stack, urls=stack.urls | {"blottr": address})


def describe_traffic(stack: Stack, address: str) -> None:
    """Add to the environment where blottr is reached, and its test user: the first of its invented people."""
    with psycopg.connect(stack.postgres.dsn("blottr")) as connection:
        user = connection.execute("select email from public.users order by id limit 1").fetchone()
    secrets = {"test_user": user[0] if user else "", "test_password": "the sample asks for none"}
    lines = ["", "[traffic]", f"url = {json.dumps(address)}", "", "[traffic.secrets]"]
    for name, secret in secrets.items():
        kept = stack.directory / name.replace("_", "-")
        kept.touch(mode=0o600)
        kept.write_text(f"{secret}\n")
        lines.append(f"{name} = {json.dumps(f'file:{kept}')}")
    _append(stack, lines)


def describe_release(stack: Stack, source: Path) -> None:
    """Add to the environment where blottr's repository is, and how it is built here."""
    command = [sys.executable, "build.py", "{tag}"]
    _append(stack, ["", "[release]", f"repository = {json.dumps(str(source))}", f"build_command = {json.dumps(command)}"])


def _append(stack: Stack, lines: Sequence[str]) -> None:
    draft = stack.environment.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(stack.environment.read_text() + "\n".join(lines) + "\n")
    draft.replace(stack.environment)


def picture_keys(dsn: str) -> list[str]:
    """Return the keys that blottr's tattoos refer to; none while its tattoos are set aside."""
    with psycopg.connect(dsn) as connection:
        if connection.execute("select to_regclass('public.tattoos')").fetchone() == (None,):
            return []
        query = "select media_key from public.tattoos union select thumbnail_key from public.tattoos order by 1"
        return [key for (key,) in connection.execute(query) if key]


def put_pictures(endpoint_url: str, keys: Sequence[str]) -> None:
    """Fill blottr's media bucket with a small file for each key, unless there are some already."""
    client = s3_client(endpoint_url=endpoint_url, region="us-east-1")
    if client.list_objects_v2(Bucket=BUCKET, MaxKeys=1).get("KeyCount"):
        return

    def put(key: str) -> None:
        kind = "image/webp" if key.endswith(".webp") else "image/jpeg"
        client.put_object(Bucket=BUCKET, Key=key, Body=f"picture of {key}".encode(), ContentType=kind)

    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(put, keys))
