"""The server that every benchmark measures on, and its databases: blottr with invented rows, made once and kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.local.postgres import PostgresServer, start_postgres, stop_postgres
from deployments.local.server_account import reachable_temporary_directory
from deployments.local.stack import APPLICATIONS, load_application

PLACE_VARIABLE = "CONTINUITY_BENCHMARKS"
SETTINGS = {
    # As in production, where replicas follow: neither side may skip the write-ahead log.
    "wal_level": "replica",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_parallel_workers_per_gather": "2",
}


def place() -> Path:
    """Return the folder that holds server, data and results; it takes about three times the largest database."""
    return Path(os.environ.get(PLACE_VARIABLE) or reachable_temporary_directory() / "continuity-benchmarks")


@contextmanager
def bench_server() -> Iterator[PostgresServer]:
    """Run the server, durable as in production; its data stays for the next benchmark."""
    folder = place() / "server"
    folder.mkdir(parents=True, exist_ok=True)
    place().chmod(0o755)
    try:
        yield start_postgres(folder, durable=True, settings=SETTINGS)
    finally:
        stop_postgres(folder)


def database_of(server: PostgresServer, megabytes: int) -> str:
    """Return the name of the database of a size, loading it where it is not there yet."""
    name = f"blottr_{megabytes}"
    load_application(server, APPLICATIONS / "blottr", megabytes=megabytes, database=name)
    return name
