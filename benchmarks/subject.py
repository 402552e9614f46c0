"""What is measured: the `continuity` command on an application of five lines, and what a person would do without it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyrage

from benchmarks.object_sink import BUCKET, CREDENTIALS
from deployments.local.postgres import PostgresServer

CONTINUITY = Path(sys.executable).with_name("continuity")
UPLOAD = "import boto3, sys; boto3.client('s3', endpoint_url=sys.argv[1]).upload_file(sys.argv[2], sys.argv[3], sys.argv[4])"
DOWNLOAD = "import boto3, sys; boto3.client('s3', endpoint_url=sys.argv[1]).download_file(sys.argv[2], sys.argv[3], sys.argv[4])"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An application described in a folder, with a vault; `environment` is the path of its environment file."""

    folder: Path
    environment: Path
    variables: dict[str, str]

    def argv(self, verb: str, *arguments: str) -> list[str | Path]:
        """Return the command line of a verb."""
        return [CONTINUITY, verb, "blottr", *arguments, "--json", "--environment", self.environment]

    def newest_point(self) -> str:
        """Return the id of the newest point."""
        said = subprocess.run(
            list(map(str, self.argv("points"))), env=self.variables, capture_output=True, text=True, check=True
        ).stdout
        return str(json.loads(said)["points"][0]["id"])


def describe(
    folder: Path, server: PostgresServer, database: str, *, store: str = "", encrypted: bool = False, parallel: int = 2
) -> Subject:
    """Write the files of an application and its environment into an empty folder; without a store the vault is a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "applications/blottr").mkdir(parents=True)
    (folder / "applications/blottr/application.toml").write_text(f'name = "blottr"\n\n[database]\nname = "{database}"\n')
    (folder / "vault").mkdir(mode=0o700)
    vault = [f'url = "s3://{BUCKET}/{folder.name}"', f'endpoint_url = "{store}"'] if store else [f'url = "file://{folder}/vault"']
    if encrypted:
        identity = pyrage.x25519.Identity.generate()
        (folder / "identity.txt").write_text(f"{identity}\n")
        vault += [f'recipients = ["{identity.to_public()}"]', f'identity_file = "{folder}/identity.txt"']
    sections = ["[database]", f"parallel = {parallel}", "[vault]", *vault, "[drill]", f'work_directory = "{folder}"']
    environment = folder / "environment.toml"
    environment.write_text("\n".join(sections) + "\n")
    return Subject(folder=folder, environment=environment, variables=variables(server, database))


def variables(server: PostgresServer, database: str) -> dict[str, str]:
    """Return the environment of every program that is measured: the same for both sides."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | server.client_environment(database) | CREDENTIALS | {"CONTINUITY_DATABASE_DSN": server.dsn("postgres")}
