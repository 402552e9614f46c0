"""The embedded stack and the services that it is made of."""

import json
import os
import shutil
import socket
import tomllib
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import boto3
import httpx
import psycopg
import pytest

from continuity.adapters.alert_records import AlertRecords
from continuity.adapters.application_files import list_applications
from continuity.adapters.directory_vault import DirectoryVault
from continuity.domain.alerts import Begun
from continuity.errors import ConfigurationRefused, DatabaseError
from continuity.settings import load_environment
from deployments.automations import AUTOMATIONS, name_of
from deployments.local import processes
from deployments.local.object_store import CREDENTIALS, REGION
from deployments.local.postgres import PostgresServer
from deployments.local.processes import LOCALHOST, ProcessIdentity
from deployments.local.server_account import can_reach, unprivileged_account
from deployments.local.stack import REPLICA, Stack, load_application, start_stack, stop_stack
from tests.fixtures.cluster import eventually
from tests.fixtures.postgres import drop_database_family
from tests.fixtures.receivers import firing, group


def silent(_: str) -> None:
    """Take a report and do nothing with it."""


def recorded_processes(directory: Path) -> dict[str, ProcessIdentity]:
    records = {path.stem: processes.read_record(path) for path in directory.glob("services/*.json")}
    postgres = processes.read_record((directory / "postgres").resolve() / "server.json")
    return {name: each.process for name, each in (records | {"server": postgres}).items() if each and each.process}


def remove_stack(directory: Path) -> None:
    stop_stack(directory)
    elsewhere = (directory / "postgres").resolve()
    shutil.rmtree(elsewhere, ignore_errors=True)


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of an application that has one table and a bucket."""
    folder = tmp_path_factory.mktemp("applications")
    (folder / "notes").mkdir()
    (folder / "notes" / "application.toml").write_text(
        'name = "notes"\n[database]\nname = "notes"\n[media]\nbucket = "notes-media"\n'
    )
    route = '[[alert]]\nname = "Odd"\nlabels = {}\naction = "validate"\nseverity = "low"\n'
    (folder / "notes" / "alerts.toml").write_text(route)
    (folder / "notes" / "schema.sql").write_text("CREATE TABLE public.notes (id int PRIMARY KEY, text text);\n")
    (folder / "notes" / "seed.sql").write_text(
        "INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, current_setting('seed.megabytes')::int) n;\n"
        "VACUUM notes;\n"
    )
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Give a directory for a stack that only its owner can enter; what runs in it is stopped, whatever happens."""
    directory = tmp_path / "closed home"
    directory.mkdir(mode=0o700)
    yield directory
    remove_stack(directory)


@pytest.fixture(scope="module")
def stack(applications: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start a stack without Prefect, below a directory that only its owner can enter."""
    directory = tmp_path_factory.mktemp("stack")
    yield start_stack(directory, with_prefect=False, report=silent, applications=applications)
    remove_stack(directory)


@pytest.fixture
def notes_dropped(postgres_server: PostgresServer) -> Iterator[None]:
    yield
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        drop_database_family(connection, "notes")
        connection.execute("DROP ROLE IF EXISTS notes")


@pytest.mark.usefixtures("notes_dropped")
def test_an_application_is_loaded_once_and_owned_by_its_role(postgres_server: PostgresServer, applications: Path) -> None:
    load_application(postgres_server, applications / "notes", megabytes=3, database="notes")
    load_application(postgres_server, applications / "notes", megabytes=9, database="notes")

    with psycopg.connect(postgres_server.dsn("notes")) as connection:
        rows = connection.execute("SELECT count(*) FROM notes").fetchone()
        owners = connection.execute(
            "SELECT tableowner, rolcanlogin, pg_get_userbyid(datdba) FROM pg_tables, pg_roles, pg_database"
            " WHERE tablename = 'notes' AND rolname = 'notes' AND datname = 'notes'"
        ).fetchone()
    assert rows == (3,)
    assert owners == ("notes", False, "notes")


@pytest.mark.usefixtures("notes_dropped")
def test_a_load_that_failed_leaves_no_database_of_the_name_and_is_begun_again(
    postgres_server: PostgresServer, applications: Path, tmp_path: Path
) -> None:
    shutil.copytree(applications / "notes", tmp_path / "notes")
    (tmp_path / "notes" / "seed.sql").write_text("SELECT 1;\nINSERT INTO notez VALUES (1);\n")

    with pytest.raises(DatabaseError) as refused:
        load_application(postgres_server, tmp_path / "notes", megabytes=1, database="notes")
    with psycopg.connect(postgres_server.dsn("postgres")) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'notes'").fetchone()
    load_application(postgres_server, applications / "notes", megabytes=1, database="notes")

    assert found is None
    assert 'seed.sql:2: ERROR:  relation "notez" does not exist' in refused.value.detail


def test_an_application_without_its_files_is_refused(postgres_server: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match=r"no schema\.sql and no seed\.sql"):
        load_application(postgres_server, tmp_path, megabytes=1, database="notes")


def test_the_environment_file_is_private_and_accepted_by_the_product(stack: Stack, applications: Path) -> None:
    written = tomllib.loads(stack.environment.read_text())

    environment = load_environment(stack.environment)

    assert stack.environment.stat().st_mode & 0o777 == 0o600
    assert environment.applications == applications
    assert written["database"] == {"dsn": stack.postgres.dsn("postgres")}
    assert written["vault"] == {"url": (stack.directory / "vault").as_uri()}
    media = {"endpoint_url": stack.urls["media"], "region": REGION}
    assert written["media"] == media | {f"replica_{name}": value for name, value in media.items()} | {"replica_bucket": REPLICA}
    assert environment.cluster.kubeconfig == stack.cluster.kubeconfig
    assert "prefect" not in written


def test_the_stack_keeps_its_password_to_itself(stack: Stack) -> None:
    password = stack.postgres.password()

    command_lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]

    assert password not in repr(stack)
    assert not [each for each in command_lines if password.encode() in each]


def test_a_second_start_is_the_same_stack(stack: Stack, applications: Path) -> None:
    again = start_stack(stack.directory, with_prefect=False, report=silent, applications=applications)

    assert again == stack


def test_the_bucket_of_each_application_is_versioned(stack: Stack) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=stack.urls["media"],
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )

    answer = client.get_bucket_versioning(Bucket="notes-media")

    client.close()
    assert answer["Status"] == "Enabled"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the list of listeners is Linux's")
def test_everything_listens_on_this_machine_only(stack: Stack) -> None:
    ports = {int(url.rpartition(":")[2].partition("/")[0]) for name, url in stack.urls.items() if name != "vault"}
    listening = "0A"
    lines = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]

    local = [fields[1].split(":") for fields in lines if fields[3] == listening]

    here = socket.inet_aton(LOCALHOST)[::-1].hex().upper()
    assert {address for address, port in local if int(port, 16) in ports} == {here}


def test_databases_go_where_their_account_can_enter_and_the_stack_says_where_that_is(applications: Path, place: Path) -> None:
    told = list[str]()

    stack = start_stack(place, with_prefect=False, report=told.append, applications=applications)

    databases = (place / "postgres").resolve()
    assert stack.postgres.directory == databases
    assert can_reach(databases, unprivileged_account())
    assert (databases == place / "postgres") == (os.geteuid() != 0)
    assert any(str(databases) in line for line in told) == (os.geteuid() == 0)


def test_databases_that_were_cleared_away_are_begun_anew_and_said_to_be_gone(applications: Path, place: Path) -> None:
    told = list[str]()
    (place / "postgres").symlink_to(place / "cleared away")

    stack = start_stack(place, with_prefect=False, report=told.append, applications=applications)

    assert any("cleared away are gone" in line for line in told)
    assert stack.postgres.directory.exists()


def test_the_whole_stack_with_prefect_comes_up_serves_and_is_gone_after_down(applications: Path, place: Path) -> None:
    stack = start_stack(place, report=silent, applications=applications)
    running = recorded_processes(place)

    connection = HTTPConnection(stack.urls["prefect"].removeprefix("http://"), timeout=30)
    answers = {}
    for path in ("/api/health", "/"):
        connection.request("GET", path)
        response = connection.getresponse()
        answers[path] = (response.status, response.read()[:15].lower())
    connection.request("GET", "/ui-settings")
    asked_by_pages = json.loads(connection.getresponse().read())["api_url"]
    connection.close()
    token = load_environment(stack.environment).webhooks.alertmanager.bearer[0].removeprefix("file:")
    alerted = httpx.post(
        f"{stack.urls['webhooks']}/alertmanager",
        json=group(firing("Odd")),
        headers={"Authorization": f"Bearer {Path(token).read_text().strip()}"},
    )
    (name,) = (each["run"] for each in alerted.json()["alerts"])
    vault = AlertRecords(DirectoryVault(place / "vault"))
    begun = eventually(lambda: vault.noted(name, Begun), seconds=60)
    automations = httpx.post(f"{stack.urls['prefect']}/api/automations/filter", json={}).json()
    stop_stack(place)

    assert {name_of("", each, kind) for each in list_applications(applications) for kind in AUTOMATIONS} == {
        each["name"] for each in automations
    }
    assert asked_by_pages == stack.urls["prefect"] + "/api"
    assert answers == {"/api/health": (200, b"true"), "/": (200, b"<!doctype html>")}
    assert load_environment(stack.environment).prefect.api_url == stack.urls["prefect"] + "/api"
    assert (alerted.status_code, bool(begun.flow_run)) == (202, True), begun
    assert set(running) == {"server", "object-store", "kubernetes", "prefect-server", "prefect-worker", "webhooks"}
    assert not [name for name, each in running.items() if processes.is_running(each)]
    assert (place / "services" / "prefect" / "prefect.db").exists()
